//! What the layer costs: the same questions to Nomad itself, through a bare
//! proxy of the same parts, through the gateway, and through other layers
//! where addresses are given.
//!
//! ```text
//! cargo bench -p local --bench layer -- --quick
//! cargo bench -p local --bench layer -- --nomad http://10.0.0.5:4646 --writes --peer nginx=http://10.0.0.5:80
//! ```
//!
//! Every server is a process of its own, so that its CPU time can be read from
//! the kernel; the load comes from this one, over kept HTTP/1.1 connections.
//! Contenders take turns within a round, and ratios are formed within a round
//! before their median is taken: what else the machine does hits all alike.
//! Only ratios mean anything on another machine.

// A benchmark that meets something odd should stop and say so.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs
)]

mod chart;
mod cluster;
mod load;
mod measure;
mod page;
mod proxy;
mod report;
mod server;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use cluster::{Cluster, Language};
use load::Ask;
use measure::{Bench, Contender, Plan};
use report::{GATEWAY, NOMAD, PROXY, Report};
use server::Server;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the layer beside Nomad, beside a bare proxy and beside its peers.
#[derive(Debug, Parser)]
struct Arguments {
    /// A short run: for trying the benchmark, not for numbers.
    #[arg(long)]
    quick: bool,
    /// A real Nomad instead of the in-memory one. Only reads, unless --writes.
    #[arg(long, env = "NOMAD_ADDR", value_name = "URL")]
    nomad: Option<String>,
    /// With a real Nomad: register jobs of this benchmark's own, whose IDs begin with
    /// `bench-` and whose tasks never start, and delete them at the end.
    #[arg(long)]
    writes: bool,
    /// Another layer in front of the same Nomad, with 2.x's API or Nomad's own. May be
    /// given several times. Two goals speak of one that is named nginx.
    #[arg(long = "peer", value_name = "NAME=URL", value_parser = peer)]
    peers: Vec<(String, String)>,
    /// Only what a goal speaks of.
    #[arg(long)]
    goals: bool,
    /// Lists at these sizes too: 10,100,1000,10000,50000 unless given.
    #[arg(long, value_name = "JOBS", num_args = 0.., value_delimiter = ',')]
    growth: Option<Vec<usize>>,
    /// Jobs while single routes are measured.
    #[arg(long, value_name = "JOBS")]
    small: Option<usize>,
    /// Jobs of the long list.
    #[arg(long, value_name = "JOBS")]
    large: Option<usize>,
    /// Jobs whose IDs begin with another one's.
    #[arg(long, value_name = "JOBS")]
    others: Option<usize>,
    /// Rounds; medians are taken over them.
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// How long each contender is asked in each round.
    #[arg(long, value_name = "MS")]
    millis: Option<u64>,
    /// Only routes whose name holds this; no lists.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Another gateway than the one built along.
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_dtle-gateway"))]
    gateway: PathBuf,
    /// Where the numbers go as JSON; `cargo bench` runs in local/.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables and the charts of docs/performance.md and of its Chinese page.
    #[arg(long, conflicts_with_all = ["only", "quick"])]
    write_docs: bool,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

fn peer(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("NAME=URL is wanted")?;
    match [NOMAD, PROXY, GATEWAY].contains(&name) || name.is_empty() {
        true => Err("the name is taken".to_owned()),
        false => Ok((name.to_owned(), url.to_owned())),
    }
}

/// What a child of this process is.
#[derive(Debug, Subcommand)]
enum Role {
    /// The in-memory Nomad.
    #[command(hide = true)]
    Nomad,
    /// The bare proxy.
    #[command(hide = true)]
    Proxy {
        /// The Nomad behind it.
        nomad: String,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.role {
        Some(Role::Nomad) => many_threads().and_then(|rt| rt.block_on(server::nomad())),
        Some(Role::Proxy { nomad }) => {
            many_threads().and_then(|rt| rt.block_on(proxy::run(nomad.clone())))
        }
        None => one_thread().and_then(|rt| rt.block_on(measure(&arguments))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "layer: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Servers run as `#[tokio::main]` has them.
fn many_threads() -> Outcome<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

fn one_thread() -> Outcome<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

async fn measure(arguments: &Arguments) -> Outcome<()> {
    let plan = Plan::of(arguments)?;
    let machine = report::machine();
    let in_memory = arguments.nomad.is_none();
    let nomad = match &arguments.nomad {
        None => Server::own(&["nomad"])?,
        Some(url) => Server::elsewhere(url, server::listener(url))?,
    };
    let proxy = Server::own(&["proxy", &nomad.url()])?;
    let gateway = Server::gateway(&arguments.gateway, &nomad.url(), in_memory)?;
    let release = match in_memory {
        true => None,
        false => Some(release(&nomad).await?),
    };
    let cluster = Cluster::new(&nomad, &gateway, in_memory).await?;
    let own = [
        (NOMAD, Language::Nomad, nomad),
        (PROXY, Language::Nomad, proxy),
        (GATEWAY, Language::V2, gateway),
    ];
    let mut contenders: Vec<Contender> = own
        .into_iter()
        .map(|(name, language, server)| Contender {
            name: name.to_owned(),
            language,
            server,
        })
        .collect();
    for (name, url) in &arguments.peers {
        let server = Server::elsewhere(url, None)?;
        // Nomad has its leader elsewhere.
        let v2 = load::ask(server.address, &Ask::get("/v1/leader")).await;
        contenders.push(Contender {
            name: name.clone(),
            language: if v2.is_ok() {
                Language::V2
            } else {
                Language::Nomad
            },
            server,
        });
    }
    let mut bench = Bench {
        report: Report {
            machine,
            date: told("date", &["-u", "+%F"])?,
            commit: told("git", &["rev-parse", "--short", "HEAD"])?,
            nomad: release,
            peers: arguments
                .peers
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
            sizes: [plan.small, plan.large, plan.others],
            rows: Vec::new(),
        },
        arguments,
        plan,
        in_memory,
        contenders,
        cluster,
    };
    let mut terminated = signal(SignalKind::terminate())?;
    let result = tokio::select! {
        result = bench.run() => result,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        _ = terminated.recv() => Err("terminated".into()),
    };
    if !in_memory {
        // Whatever went wrong, nothing of ours stays in somebody's cluster.
        bench.cluster.delete_all().await?;
    }
    let report = &bench.report;
    writeln!(std::io::stdout().lock(), "{}", page::all(report))?;
    if let Some(file) = &arguments.json {
        std::fs::write(file, serde_json::to_string_pretty(report)? + "\n")?;
    }
    result?;
    if arguments.write_docs {
        page::write(
            report,
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs"),
        )?;
    }
    Ok(())
}

/// The release that a real Nomad is of.
async fn release(nomad: &Server) -> Outcome<String> {
    let text = load::ask(nomad.address, &Ask::get("/v1/agent/self")).await?;
    let agent: serde_json::Value = serde_json::from_slice(&text)?;
    let release = agent["config"]["Version"]["Version"].as_str();
    Ok(release.unwrap_or("of an unknown release").to_owned())
}

/// What a program prints.
fn told(program: &str, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(program).args(arguments).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
