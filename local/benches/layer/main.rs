//! What the layer costs: the same questions to Nomad itself, through a bare
//! proxy of the same parts, through the gateway, and through another layer
//! where an address is given.
//!
//! ```text
//! cargo bench -p local --bench layer -- --quick
//! NOMAD_ADDR=http://10.0.0.5:4646 cargo bench -p local --bench layer
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
mod proxy;
mod report;
mod server;

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use cluster::Cluster;
use load::{Amount, Ask};
use report::{Contender, Report};
use server::Server;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the layer beside Nomad and beside a bare proxy.
#[derive(Debug, Parser)]
struct Arguments {
    /// A short run: for trying the benchmark, not for numbers.
    #[arg(long)]
    quick: bool,
    /// A real Nomad instead of the in-memory one. Only reads, unless --writes.
    #[arg(long, env = "NOMAD_ADDR", value_name = "URL")]
    nomad: Option<String>,
    /// With a real Nomad: register jobs of this benchmark's own, and delete
    /// them at the end.
    #[arg(long)]
    writes: bool,
    /// Another layer with the 2.x API in front of the same Nomad.
    #[arg(long, value_name = "URL")]
    peer: Option<String>,
    /// Its process, for its CPU time.
    #[arg(long, value_name = "PID", requires = "peer")]
    peer_pid: Option<u32>,
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
    /// Where the chart of growth goes: ../docs/growth.svg.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
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

/// How long and how often.
struct Plan {
    rounds: usize,
    slice: Duration,
    warm_up: Duration,
    sizes: &'static [usize],
}

impl Plan {
    fn of(arguments: &Arguments) -> Self {
        let (rounds, millis, sizes): (_, _, &[usize]) = if arguments.quick {
            (3, 150, &[10, 100])
        } else {
            (7, 500, &[10, 100, 1_000, 5_000])
        };
        let slice = Duration::from_millis(arguments.millis.unwrap_or(millis));
        Self {
            rounds: arguments.rounds.unwrap_or(rounds).max(1),
            slice,
            warm_up: slice / 2,
            sizes,
        }
    }
}

async fn measure(arguments: &Arguments) -> Outcome<()> {
    let plan = Plan::of(arguments);
    let in_memory = arguments.nomad.is_none();
    let nomad = match &arguments.nomad {
        None => Server::own(&["nomad"])?,
        Some(url) => Server::elsewhere(url, server::listener(url))?,
    };
    let proxy = Server::own(&["proxy", &nomad.url()])?;
    let gateway = Server::gateway(&arguments.gateway, &nomad.url())?;
    let peer = match &arguments.peer {
        None => None,
        Some(url) => Some(Server::elsewhere(url, arguments.peer_pid)?),
    };
    let mut cluster = Cluster::new(&nomad, &gateway, in_memory).await?;
    let mut report = Report::new(arguments.quick, &nomad, arguments.peer.is_some());

    if in_memory {
        cluster.grow(10).await?;
    } else if arguments.writes {
        cluster.grow(3).await?;
    }
    let mut servers = vec![
        (Contender::Nomad, &nomad),
        (Contender::Proxy, &proxy),
        (Contender::Gateway, &gateway),
    ];
    if let Some(peer) = &peer {
        servers.push((Contender::Peer, peer));
    }

    let writes = in_memory || arguments.writes;
    let result = routes(
        arguments,
        &plan,
        &mut cluster,
        &servers,
        writes,
        &mut report,
    )
    .await;
    let result = match result {
        Ok(()) if in_memory && arguments.only.is_none() => {
            growth(arguments, &plan, &mut cluster, &servers, &mut report).await
        }
        other => other,
    };
    if !in_memory {
        // Whatever went wrong, nothing of ours stays in somebody's cluster.
        cluster.delete_all().await?;
    }
    result?;

    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", report.markdown())?;
    if let Some(file) = &arguments.json {
        std::fs::write(file, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    if let (Some(file), false) = (&arguments.chart, report.growth.is_empty()) {
        std::fs::write(file, chart::svg(&report.growth)?)?;
    }
    Ok(())
}

/// Single objects and writes, at one connection and at eight.
async fn routes(
    arguments: &Arguments,
    plan: &Plan,
    cluster: &mut Cluster,
    servers: &[(Contender, &Server)],
    writes: bool,
    report: &mut Report,
) -> Outcome<()> {
    for route in cluster.routes(writes).await? {
        let wanted = arguments.only.as_deref();
        if wanted.is_some_and(|text| !route.name.contains(text)) {
            continue;
        }
        for connections in [1, 8] {
            for round in 0..=plan.rounds {
                for (contender, server) in servers {
                    let asks = route.of(*contender);
                    // The first round warms caches and connections up.
                    let slice = if round == 0 { plan.warm_up } else { plan.slice };
                    let nomad = servers.first().and_then(|(_, nomad)| nomad.cpu());
                    let own = server.cpu();
                    let run =
                        load::run(server.address, asks, connections, Amount::For(slice)).await?;
                    if round > 0 {
                        let behind = servers.first().and_then(|(_, server)| server.cpu());
                        report.add(
                            &route.name,
                            *contender,
                            connections,
                            &run,
                            spent(own, server.cpu(), run.requests),
                            spent(nomad, behind, run.requests),
                        );
                    }
                }
                if route.is_write {
                    cluster.tidy().await?;
                }
            }
        }
        progress(&route.name);
    }
    Ok(())
}

/// Microseconds of CPU a request.
fn spent(before: Option<Duration>, after: Option<Duration>, requests: u64) -> Option<f64> {
    let spent = after?.checked_sub(before?)?;
    (requests > 0).then(|| spent.as_secs_f64() * 1e6 / requests as f64)
}

/// Lists and statistics as the cluster grows, and what the gateway remembers.
async fn growth(
    arguments: &Arguments,
    plan: &Plan,
    cluster: &mut Cluster,
    servers: &[(Contender, &Server)],
    report: &mut Report,
) -> Outcome<()> {
    let Some((_, nomad)) = servers.first() else {
        return Ok(());
    };
    for &size in plan.sizes {
        cluster.grow(size).await?;
        let rounds = plan.rounds.min(5);
        let list = cluster.list(size);
        let jobs = cluster.every_job();
        let statistics = cluster.every_statistics().await?;
        for _ in 0..rounds {
            let mut point = report::Point::new(size);
            // A process of its own each time: nothing is remembered yet.
            let fresh = Server::gateway(&arguments.gateway, &nomad.url())?;
            // One small question, so that connecting is not counted.
            load::run(
                fresh.address,
                &[vec![Ask::get("/v1/leader")]],
                1,
                Amount::Times(1),
            )
            .await?;
            let empty = fresh.memory().resident;
            point.first = once(&fresh, &list.ours, &mut point.first_cpu).await?;
            point.memory = fresh.memory().resident.saturating_sub(empty);
            let times = (2_000 / size).clamp(3, 50) as u64;
            let repeated = repeat(&fresh, &list.ours, times).await?;
            (point.repeated, point.repeated_cpu) = repeated;
            for (contender, server) in servers {
                match contender {
                    Contender::Nomad => {
                        (point.nomad, _) = repeat(server, &list.nomad, times).await?;
                        let all = [jobs.clone()];
                        let count = jobs.len() as u64;
                        let run = load::run(server.address, &all, 8, Amount::Times(count)).await?;
                        point.gets = run.seconds;
                    }
                    Contender::Proxy => {
                        (point.proxy, point.proxy_cpu) = repeat(server, &list.nomad, times).await?;
                    }
                    Contender::Peer => {
                        point.peer = Some(repeat(server, &list.ours, 3).await?.0);
                    }
                    Contender::Gateway => {}
                }
            }
            let count = statistics.len() as u64;
            let all = [statistics.clone()];
            let run = load::run(fresh.address, &all, 8, Amount::Times(count)).await?;
            point.tasks = statistics.len();
            point.statistics_first = run.seconds;
            let run = load::run(fresh.address, &all, 8, Amount::Times(count)).await?;
            point.statistics_repeated = run.seconds;
            report.growth.push(point);
        }
        progress(&format!("{size} jobs"));
    }
    Ok(())
}

async fn once(server: &Server, ask: &Ask, cpu: &mut Option<f64>) -> Outcome<f64> {
    let (seconds, spent) = repeat(server, ask, 1).await?;
    *cpu = spent;
    Ok(seconds)
}

/// Seconds and microseconds of CPU a request, one after another.
async fn repeat(server: &Server, ask: &Ask, times: u64) -> Outcome<(f64, Option<f64>)> {
    let before = server.cpu();
    let asks = [vec![ask.clone()]];
    let run = load::run(server.address, &asks, 1, Amount::Times(times)).await?;
    let cpu = spent(before, server.cpu(), run.requests);
    Ok((run.seconds / run.requests.max(1) as f64, cpu))
}

fn progress(what: &str) {
    let _ = writeln!(std::io::stderr(), "measured: {what}");
}
