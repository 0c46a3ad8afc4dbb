//! `dtle-gateway` as a process of its own: stopped, continued, its log read, its
//! memory measured.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

use crate::Client;

/// A running `dtle-gateway`. It ends with this.
pub struct Process {
    child: Child,
    log: Arc<Mutex<Vec<u8>>>,
    reading: Option<JoinHandle<()>>,
    stdout: BufReader<ChildStdout>,
    /// The API it serves.
    pub api: Client,
}

/// Where the executable is. Cargo does not build another package's binaries for
/// a test, so this does.
///
/// # Panics
/// When it does not build.
#[must_use]
pub fn executable() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            // As the whole workspace is built, so that little is built twice.
            .args(["build", "--workspace", "--bin", "dtle-gateway"])
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo");
        assert!(output.status.success(), "dtle-gateway does not build");
        let lines = String::from_utf8(output.stdout).unwrap();
        lines
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|message| message["target"]["name"] == "dtle-gateway")
            .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
            .expect("dtle-gateway was built")
    };
    BUILT.get_or_init(find).clone()
}

fn command(listen: &str, nomad: &str, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(executable());
    command
        .env_clear()
        .args(["--listen", listen, "--nomad", nomad])
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Process {
    /// What it logs when it cannot start.
    ///
    /// # Panics
    /// When it ends without a fault.
    #[must_use]
    pub fn fails(nomad: &str, environment: &[(&str, &str)]) -> String {
        let output = command("127.0.0.1:0", nomad, environment).output();
        let output = output.expect("dtle-gateway");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// In front of that Nomad, with further variables in its environment.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(nomad: &str, environment: &[(&str, &str)]) -> Self {
        Self::listening("127.0.0.1:0", nomad, environment)
    }

    /// The same, listening elsewhere than on a loopback address.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn listening(listen: &str, nomad: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = command(listen, nomad, environment)
            .spawn()
            .expect("dtle-gateway");
        let log = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().unwrap();
        let reading = std::thread::spawn({
            let log = Arc::clone(&log);
            move || read(stderr, &log)
        });
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap_or_default();
        assert!(
            url.starts_with("http://"),
            "{line}{}",
            String::from_utf8_lossy(&log.lock().unwrap())
        );
        Self {
            child,
            log,
            reading: Some(reading),
            stdout,
            api: Client::of_url(url),
        }
    }

    /// The next line of what it says when it starts.
    ///
    /// # Panics
    /// When it says no more.
    pub fn says(&mut self) -> String {
        let mut line = String::new();
        assert!(self.stdout.read_line(&mut line).unwrap() > 0);
        line.trim_end().to_owned()
    }

    /// Everything that it has logged so far.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn logged(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap()).into_owned()
    }

    /// Sends it a signal: `STOP`, `CONT`, `HUP`, `TERM`.
    ///
    /// # Panics
    /// When there is no `kill`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(status.success());
    }

    /// The most memory it ever had, in bytes.
    ///
    /// # Panics
    /// Elsewhere than on Linux.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .expect("VmHWM");
        let kib = line.split_whitespace().next().unwrap();
        kib.parse::<u64>().unwrap() * 1024
    }

    /// Ends it; everything that it logged.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn stop(mut self) -> String {
        self.signal("TERM");
        let _ = self.child.wait();
        if let Some(reading) = self.reading.take() {
            let _ = reading.join();
        }
        let log = self.log.lock().unwrap();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut stderr: ChildStderr, log: &Mutex<Vec<u8>>) {
    let mut piece = [0; 8192];
    while let Ok(length @ 1..) = stderr.read(&mut piece) {
        log.lock().unwrap().extend_from_slice(&piece[..length]);
    }
}
