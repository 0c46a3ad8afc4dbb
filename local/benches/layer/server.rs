//! The servers that are measured, each a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use nomad_sim::{NomadSim, Options, Pace, Plugin};

use crate::Outcome;

/// A server. Dropping it ends the process, if it is ours.
pub(crate) struct Server {
    child: Option<Child>,
    /// Kept open: a gateway that has more to say would end with it.
    _out: Option<BufReader<ChildStdout>>,
    pid: Option<u32>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Another one of this program, in a role.
    pub(crate) fn own(arguments: &[&str]) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments);
        Self::start(command)
    }

    /// The gateway, as it is installed: its log on, though nobody reads it. Only its
    /// deadline is far off, so that a list that takes too long is a figure too.
    pub(crate) fn gateway(program: &Path, nomad: &str, in_memory: bool) -> Outcome<Self> {
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0", "--nomad", nomad]);
        if in_memory {
            command.args(["--layout", "merged"]);
        }
        command.env_remove("CONSUL_HTTP_ADDR");
        command.env("DTLE_DEADLINE", "10m");
        Self::start(command)
    }

    fn start(mut command: Command) -> Outcome<Self> {
        command
            .env_remove("NOMAD_ADDR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn()?;
        let mut line = String::new();
        let mut out = child.stdout.take().map(BufReader::new);
        if let Some(out) = &mut out {
            out.read_line(&mut line)?;
        }
        let mut server = Self {
            pid: Some(child.id()),
            child: Some(child),
            _out: out,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let (_, address) = line
            .trim()
            .rsplit_once("http://")
            .ok_or_else(|| format!("{:?} did not start", command.get_program()))?;
        server.address = address.parse()?;
        Ok(server)
    }

    /// A server that runs already.
    pub(crate) fn elsewhere(url: &str, pid: Option<u32>) -> Outcome<Self> {
        let host = url
            .trim_end_matches('/')
            .strip_prefix("http://")
            .ok_or("only http:// addresses can be measured")?;
        let address = host.to_socket_addrs()?.next().ok_or("no such host")?;
        Ok(Self {
            child: None,
            _out: None,
            pid,
            address,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// CPU time of all its threads so far. Threads of these servers live as
    /// long as they do.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid?)).ok()?;
        let mut nanos = 0;
        for task in tasks.flatten() {
            // Nanoseconds; the figures in `stat` are hundredths of a second.
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            nanos += text.split(' ').next()?.parse::<u64>().ok()?;
        }
        Some(Duration::from_nanos(nanos))
    }

    /// What its process holds, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let read = || {
            let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid?)).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        };
        read().unwrap_or(0) * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The process that listens on a port of this machine, if it can be found.
pub(crate) fn listener(url: &str) -> Option<u32> {
    let port: u16 = url.trim_end_matches('/').rsplit_once(':')?.1.parse().ok()?;
    let wanted = format!(":{port:04X}");
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .find_map(|table| {
            table.lines().find_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                // 0A: listening.
                let listens = fields.get(1)?.ends_with(&wanted) && *fields.get(3)? == "0A";
                listens.then(|| fields.get(9).map(|inode| format!("socket:[{inode}]")))?
            })
        })?;
    std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .find_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let mut files = std::fs::read_dir(entry.path().join("fd")).ok()?.flatten();
            let ours = files.any(|file| {
                std::fs::read_link(file.path()).is_ok_and(|link| link.to_string_lossy() == inode)
            });
            ours.then_some(pid)
        })
}

/// Tells the parent where this process listens.
pub(crate) fn announce(url: &str) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{url}")?;
    out.flush()?;
    Ok(())
}

/// The in-memory Nomad as a process. Its plugin refreshes its figures as seldom
/// as the real one, and EnforceIndex is atomic: a wait that stands for another
/// server's work would be counted as the layer's.
pub(crate) async fn nomad() -> Outcome<()> {
    let sim = NomadSim::start(Options {
        plugin: Plugin::V4,
        version: Some("4.23.04.0".to_owned()),
        pace: Pace {
            statistics: Duration::from_secs(15),
            ..Pace::instant()
        },
        atomic_enforce_index: true,
        keeps_requests: false,
        ..Options::default()
    })
    .await?;
    announce(&sim.url())?;
    std::future::pending().await
}
