//! `dtle-gateway`: the dtle 2.x HTTP API on one machine.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use dtle_compat::App;
use dtle_compat::settings::Settings;
use local::gateway::{Gateway, Template, serve};
use local::nomad_sim::{self, NomadSim};

/// Serves the dtle 2.x HTTP API on this machine, from a Nomad cluster that runs
/// the dtle plugin (3.x or 4.x).
///
/// Without --nomad it brings an in-memory Nomad with two example jobs, so that
/// the API can be tried at once; nothing outside this process is touched and
/// nothing is kept. With --nomad it serves a real cluster.
///
/// Settings that Nomad's own tools know are read from the environment under the
/// same names: NOMAD_ADDR, NOMAD_TOKEN, NOMAD_NAMESPACE, NOMAD_REGION,
/// NOMAD_CACERT, NOMAD_CLIENT_CERT, NOMAD_CLIENT_KEY, and Consul's likewise:
/// CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN.
#[derive(Debug, Parser)]
#[command(
    name = "dtle-gateway",
    version,
    after_help = "Examples:\n  dtle-gateway\n  curl -s http://127.0.0.1:8190/v1/jobs | jq\n\n  dtle-gateway --nomad http://10.0.0.5:4646,http://10.0.0.6:4646 --listen 0.0.0.0:8190"
)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8190", value_name = "IP:PORT")]
    listen: SocketAddr,

    /// The Nomad cluster: one address or several, separated by commas. A server
    /// that fails is passed over for the next.
    #[arg(long, env = "NOMAD_ADDR", value_name = "URL", hide_env_values = true)]
    nomad: Option<String>,

    /// Consul, where the plugin keeps its progress: with it, Gtid, BinlogFile,
    /// BinlogPos and NatsAddr in Config are live, and DELETE takes ?forget=true.
    #[arg(long, env = "CONSUL_HTTP_ADDR", value_name = "URL")]
    consul: Option<String>,

    /// How jobs are written: `split` for plugins up to 4.22.07, `merged` from
    /// 4.22.11 on. Asked of the nodes when not given.
    #[arg(long, env = "DTLE_LAYOUT", value_name = "LAYOUT", value_parser = ["split", "merged"])]
    layout: Option<String>,

    /// The plugin that the in-memory Nomad pretends to run.
    #[arg(long, value_enum, default_value_t = Plugin::V4, conflicts_with = "nomad")]
    plugin: Plugin,

    /// Routes of another SAM template than the one this was built with.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plugin {
    /// 3.20.10
    #[value(name = "3")]
    V3,
    /// 4.23.04
    #[value(name = "4")]
    V4,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(log)
        .with_target(false)
        .with_writer(std::io::stderr)
        .init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let template = match &arguments.template {
        None => Template::built_in()?,
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            Template::parse(&text)?
        }
    };
    let nomad = arguments
        .nomad
        .as_deref()
        .filter(|text| !text.trim().is_empty());
    let sim = match nomad {
        Some(_) => None,
        None => Some(NomadSim::start(demo(arguments.plugin)).await?),
    };
    let address = match (&sim, nomad) {
        (Some(sim), _) => sim.url(),
        (None, address) => address.unwrap_or_default().to_owned(),
    };
    let settings = Settings::from_lookup(|name| match name {
        "NOMAD_ADDR" => Some(address.clone()),
        "DTLE_LAYOUT" => arguments.layout.clone(),
        "CONSUL_HTTP_ADDR" => match &sim {
            Some(sim) => Some(sim.consul_url()),
            None => arguments.consul.clone(),
        },
        // Identities are for the real cluster.
        _ if sim.is_some() && (name.starts_with("NOMAD_") || name.starts_with("CONSUL_")) => None,
        _ => std::env::var(name).ok(),
    })?;
    let shown: Vec<_> = settings
        .nomad
        .addresses
        .iter()
        .map(|url| url.as_str().trim_end_matches('/').to_owned())
        .collect();
    let app = Arc::new(App::new(settings)?);
    let server = serve(Gateway::new(app, template)?, arguments.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", arguments.listen))?;

    let url = format!("http://{}", server.address());
    let mut out = std::io::stdout().lock();
    writeln!(out, "dtle 2.x API on {url}")?;
    match sim {
        None => writeln!(out, "Nomad: {}", shown.join(", "))?,
        Some(_) => writeln!(
            out,
            "Nomad: in-memory, with two example jobs (--nomad URL for a real one)"
        )?,
    }
    writeln!(out, "try: curl -s {url}/v1/jobs | jq    stop: Ctrl-C")?;
    out.flush()?;
    drop(out);

    stop_signal().await?;
    server.shutdown().await;
    if let Some(sim) = sim {
        sim.shutdown().await;
    }
    Ok(())
}

fn demo(plugin: Plugin) -> nomad_sim::Options {
    nomad_sim::Options {
        plugin: match plugin {
            Plugin::V3 => nomad_sim::Plugin::V3,
            Plugin::V4 => nomad_sim::Plugin::V4,
        },
        version: Some(match plugin {
            Plugin::V3 => "3.20.10.0".to_owned(),
            Plugin::V4 => "4.23.04.0".to_owned(),
        }),
        seed: true,
        pace: nomad_sim::Pace::demo(),
        ..nomad_sim::Options::default()
    }
}

/// Ctrl-C, or what systemd and containers send.
async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}
