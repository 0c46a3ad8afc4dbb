//! `dtle-gateway`: the dtle 2.x HTTP API on one machine.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use dtle_api::App;
use dtle_api::auth::{Callers, Scope, Tokens, new_token};
use dtle_api::settings::Settings;
use dtle_api::watched::Watched;
use dtle_translate::Layout;
use local::gateway::{AllowedHost, Gateway, Metrics, Template, Workers, serve, serve_tls, tls};
use local::log::LogFormat;
use local::new_jobs::NewJobs;
use local::openapi;
use nomad_sim::NomadSim;

/// What `--version` says: the package, the commit that it was built from, and the version
/// of the OpenAPI document, which is that of the routes. `DTLE_COMMIT` names the commit when
/// a release is built; what is built otherwise may be of any state of the sources.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{package} (commit {commit}, routes of OpenAPI document {package})",
        package = env!("CARGO_PKG_VERSION"),
        commit = option_env!("DTLE_COMMIT").unwrap_or("unknown"),
    )
});

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
/// CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE. Jobs are those of one
/// namespace, NOMAD_NAMESPACE, and of one region, unless --regions lists more.
///
/// Files that hold tokens (--tokens, --nomad-token-file, CONSUL_HTTP_TOKEN_FILE) are
/// read again within a second of a change, and on SIGHUP.
#[derive(Debug, Parser)]
#[command(
    name = "dtle-gateway",
    version = VERSION.as_str(),
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  dtle-gateway\n  curl -s http://127.0.0.1:8190/v1/jobs | jq\n\n  dtle-gateway --nomad http://10.0.0.5:4646,http://10.0.0.6:4646 --listen 0.0.0.0:8190"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8190", value_name = "IP:PORT")]
    listen: SocketAddr,

    /// The Nomad cluster: one address or several, separated by commas. A server
    /// that fails is passed over for the next.
    #[arg(long, env = "NOMAD_ADDR", value_name = "URL", hide_env_values = true)]
    nomad: Option<String>,

    /// A file with the ACL token that is shown to Nomad, read again when it changes
    /// and when Nomad refuses the token; goes before NOMAD_TOKEN.
    #[arg(long, env = "NOMAD_TOKEN_FILE", value_name = "FILE")]
    nomad_token_file: Option<String>,

    /// Consul, where the plugin keeps its progress: with it, Gtid, BinlogFile,
    /// BinlogPos and NatsAddr in Config are live, and DELETE takes ?forget=true.
    #[arg(long, env = "CONSUL_HTTP_ADDR", value_name = "URL")]
    consul: Option<String>,

    /// Regions that callers may name besides the gateway's own, separated by
    /// commas. Any other is answered as one that does not exist.
    #[arg(long, env = "DTLE_REGIONS", value_name = "NAMES")]
    regions: Option<String>,

    /// How jobs are written: `split` for plugins up to 4.22.07, `merged` from
    /// 4.22.11 on. Asked of the nodes when not given.
    #[arg(long, env = "DTLE_LAYOUT", value_name = "LAYOUT", value_parser = clap::builder::PossibleValuesParser::new(Layout::ALL.iter().map(|layout| layout.as_str())))]
    layout: Option<String>,

    /// Use the in-memory Nomad, whatever NOMAD_ADDR says, and let it pretend to run
    /// this generation of the plugin.
    #[arg(long, value_enum)]
    plugin: Option<Plugin>,

    /// Use the in-memory Nomad, and let it answer as this release of Nomad: 1.1.2, 1.10.5
    /// and 2.0.5 are compared with real ones.
    #[arg(long, value_name = "RELEASE", value_parser = release)]
    nomad_version: Option<String>,

    /// Let in only who has a token of this list: a JSON file, which is read again
    /// when it changes, or the JSON itself. `dtle-gateway token new` makes entries.
    #[arg(long, env = "DTLE_TOKENS", value_name = "FILE", hide_env_values = true)]
    tokens: Option<String>,

    /// A further host name or address of this gateway, with or without a port: what
    /// a proxy or a DNS name makes of it. Can be repeated, or separated by commas.
    ///
    /// On a loopback address, requests whose Host is neither loopback nor named here
    /// are refused (421), so that no web page reaches the gateway under a name of its
    /// own; elsewhere they are refused once a host is named here. Writes by web pages
    /// are taken from pages of the gateway's own addresses only (403).
    #[arg(
        long,
        env = "DTLE_ALLOW_HOST",
        value_name = "HOST[:PORT]",
        value_delimiter = ','
    )]
    allow_host: Vec<String>,

    /// The origin of another site whose pages may call from a browser, such as
    /// https://console.example.com. Can be repeated, or separated by commas.
    #[arg(
        long,
        env = "DTLE_CORS_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    cors_origin: Vec<String>,

    /// Serve HTTPS with this certificate (PEM, the whole chain).
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// How the log on standard error is written: for people, or one JSON object a
    /// line. RUST_LOG says how much of it.
    #[arg(long, env = "DTLE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    log_format: LogFormat,

    /// Routes of another SAM template than the one this was built with.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,

    #[command(flatten)]
    new_jobs: NewJobs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Moves jobs here from a running dtle 2.x cluster, or back.
    ///
    /// Without --yes it prints what would be done, and what stands against it. The
    /// jobs of a destination are moved together: all are paused on the old side, what
    /// each has applied is found out on its source and its destination, all are made
    /// on the new side, and only then started. A journal lets a command that was
    /// killed be taken up by the same command. The new side has to know Consul.
    Migrate(Box<local::migrate::Arguments>),

    /// Removes what a job's destination holds of it, so that a job made again under
    /// its ID, from an earlier Gtid, applies everything from there on.
    ///
    /// The dtle plugin keeps the transactions that it applied in
    /// dtle.gtid_executed_v4 on the destination. DELETE /v1/job/ID?forget=true cannot
    /// remove them: the gateway does not know the databases. A Kafka destination has
    /// no such table.
    Forget(local::forget::Arguments),

    /// Makes tokens for callers.
    #[command(subcommand)]
    Token(Token),

    /// Writes the OpenAPI document of the API to standard output.
    ///
    /// The gateway serves the same at /openapi.json, and a page to read it at /docs.
    Openapi,

    /// Writes a shell's completions of this command to standard output.
    ///
    /// For bash, as root: dtle-gateway completions bash
    /// >/usr/share/bash-completion/completions/dtle-gateway
    Completions {
        /// Which shell.
        shell: Shell,
    },

    /// Writes manual pages into a folder: dtle-gateway.1 and one a command.
    Manual {
        /// The folder, which has to be there.
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Prints a new token, once, and the entry to put into the list of tokens.
    New {
        /// Who will have it; shows in the log.
        name: String,
        /// What it may do.
        #[arg(long, value_enum, default_value_t = ScopeArgument::Read)]
        scope: ScopeArgument,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScopeArgument {
    /// Read what shows no password.
    Read,
    /// Everything.
    Write,
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

/// A fifth of the gateway's time went into the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    local::log::init(arguments.log_format);
    let result = match &arguments.command {
        None => run(&arguments).map(|()| ExitCode::SUCCESS),
        Some(Command::Migrate(migrate)) => move_jobs(migrate),
        Some(Command::Forget(forget)) => remove_rows(forget),
        Some(Command::Token(Token::New { name, scope })) => new_caller(name, *scope),
        Some(Command::Openapi) => write_document(),
        Some(Command::Completions { shell }) => write_completions(*shell),
        Some(Command::Manual { folder }) => clap_mangen::generate_to(Arguments::command(), folder)
            .map(|()| ExitCode::SUCCESS)
            .map_err(|error| format!("{}: {error}", folder.display()).into()),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
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
        .filter(|text| !text.trim().is_empty())
        .filter(|_| arguments.plugin.is_none() && arguments.nomad_version.is_none());
    let sim = match nomad {
        Some(_) => None,
        None => Some(NomadSim::start(demo(arguments)).await?),
    };
    let address = match (&sim, nomad) {
        (Some(sim), _) => sim.url(),
        (None, address) => address.unwrap_or_default().to_owned(),
    };
    let settings = Settings::from_lookup(|name| match name {
        "NOMAD_ADDR" => Some(address.clone()),
        "DTLE_LAYOUT" => arguments.layout.clone(),
        "DTLE_CORS_ORIGINS" => Some(arguments.cors_origin.join(",")),
        "DTLE_REGIONS" => arguments.regions.clone(),
        "CONSUL_HTTP_ADDR" => match &sim {
            Some(sim) => Some(sim.consul_url()),
            None => arguments.consul.clone(),
        },
        // Identities are for the real cluster.
        _ if sim.is_some() && (name.starts_with("NOMAD_") || name.starts_with("CONSUL_")) => None,
        "NOMAD_TOKEN_FILE" => arguments.nomad_token_file.clone(),
        _ => match arguments.new_jobs.setting(name) {
            Some(value) => value,
            None => std::env::var(name).ok(),
        },
    })?;
    let allowed = hosts(&arguments.allow_host)?;
    let shown: Vec<_> = settings
        .nomad
        .addresses
        .iter()
        .map(|url| url.as_str().trim_end_matches('/').to_owned())
        .collect();
    let metrics = Metrics::new()?;
    let mut app = App::new(settings)?;
    let counted = metrics.clone();
    app.observer = Box::new(move |record| counted.observe(record));
    let app = Arc::new(app);
    let mut gateway = Gateway::new(Arc::clone(&app), template)?
        .with_metrics(metrics)
        .with_allowed_hosts(allowed)
        .with_workers(Workers::start()?);
    let mut callers = None;
    match arguments.tokens.as_deref().map(str::trim) {
        None => {}
        Some(json) if json.starts_with('{') => {
            gateway = gateway.with_callers(Callers::WithToken(Tokens::parse(json)?));
        }
        Some(path) => {
            let file = Arc::new(Watched::open("DTLE_TOKENS", Path::new(path), |text| {
                let tokens = Tokens::parse(text).map_err(|fault| fault.to_string())?;
                Ok(Arc::new(Callers::WithToken(tokens)))
            })?);
            gateway = gateway.with_callers_in(Arc::clone(&file));
            callers = Some(file);
        }
    }
    read_again_on_hangup(app, callers)?;
    let (scheme, server) = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => {
            let tls = tls(certificate, key)?;
            ("https", serve_tls(gateway, arguments.listen, tls).await)
        }
        _ => ("http", serve(gateway, arguments.listen).await),
    };
    let server =
        server.map_err(|error| format!("cannot listen on {}: {error}", arguments.listen))?;

    let url = format!("{scheme}://{}", server.address());
    let mut out = std::io::stdout().lock();
    writeln!(out, "dtle 2.x API on {url}")?;
    if arguments.tokens.is_none() && !server.address().ip().to_canonical().is_loopback() {
        writeln!(
            out,
            "no tokens are asked for: whoever reaches this address may read passwords and stop replication (--tokens FILE)"
        )?;
    }
    match &sim {
        None => writeln!(out, "Nomad: {}", shown.join(", "))?,
        Some(sim) => {
            writeln!(
                out,
                "Nomad: in-memory, with two example jobs (--nomad URL for a real one)"
            )?;
            // For whoever lets something else talk to it: a function, `nomad status`.
            tracing::debug!(
                NOMAD_ADDR = sim.url(),
                CONSUL_HTTP_ADDR = sim.consul_url(),
                "in-memory"
            );
        }
    }
    writeln!(out, "try: curl -s {url}/v1/jobs | jq    stop: Ctrl-C")?;
    out.flush()?;
    drop(out);

    stop_signal().await?;
    // Whoever does not want to wait for blocking queries asks a second time.
    tokio::select! {
        () = server.shutdown() => {}
        again = stop_signal() => again?,
    }
    if let Some(sim) = sim {
        sim.shutdown().await;
    }
    Ok(())
}

fn hosts(texts: &[String]) -> Result<Vec<AllowedHost>, String> {
    let named = texts.iter().map(|text| text.trim());
    let named = named.filter(|text| !text.is_empty());
    let parsed = named.map(|text| {
        text.parse()
            .map_err(|fault| format!("--allow-host: `{text}` is {fault}"))
    });
    parsed.collect()
}

/// Reads files with tokens again on SIGHUP, as daemons do. Without such a file the
/// signal ends the process, as when its terminal goes.
fn read_again_on_hangup(
    app: Arc<App>,
    callers: Option<Arc<Watched<Arc<Callers>>>>,
) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    if callers.is_none() && app.token_files().next().is_none() {
        return Ok(());
    }
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            if let Some(file) = &callers {
                file.look();
            }
            for file in app.token_files() {
                file.look();
            }
        }
    });
    Ok(())
}

#[tokio::main]
async fn remove_rows(arguments: &local::forget::Arguments) -> Result<ExitCode, Box<dyn Error>> {
    local::forget::run(arguments).await
}

/// Prints a token, which is not kept anywhere, and what is kept of it.
fn new_caller(name: &str, scope: ScopeArgument) -> Result<ExitCode, Box<dyn Error>> {
    let scope = match scope {
        ScopeArgument::Read => Scope::Read,
        ScopeArgument::Write => Scope::Write,
    };
    let (token, entry) = new_token(name, scope)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "token (shown once): {}", token.expose())?;
    writeln!(
        out,
        "entry for the list: {}",
        serde_json::to_string(&entry)?
    )?;
    writeln!(out, "the list is a file: {{\"tokens\": [ENTRY, …]}}")?;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main]
async fn move_jobs(arguments: &local::migrate::Arguments) -> Result<ExitCode, Box<dyn Error>> {
    local::migrate::run(arguments).await
}

fn write_document() -> Result<ExitCode, Box<dyn Error>> {
    std::io::stdout().write_all(openapi::text().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn write_completions(shell: Shell) -> Result<ExitCode, Box<dyn Error>> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "dtle-gateway", &mut text);
    std::io::stdout().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// A release of Nomad, such as 1.10.5.
fn release(text: &str) -> Result<String, String> {
    let is_number = |part: &str| part.parse::<u16>().is_ok();
    match text.split('.').collect::<Vec<_>>().as_slice() {
        parts @ [_, _, _] if parts.iter().copied().all(is_number) => Ok(text.to_owned()),
        _ => Err("a release has three numbers, such as 1.10.5".to_owned()),
    }
}

fn demo(arguments: &Arguments) -> nomad_sim::Options {
    let plugin = arguments.plugin.unwrap_or(Plugin::V4);
    let known = nomad_sim::Options::default();
    nomad_sim::Options {
        build: arguments.nomad_version.clone().unwrap_or(known.build),
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
        keeps_requests: false,
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
