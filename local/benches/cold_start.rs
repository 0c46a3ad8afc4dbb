//! What a function costs before and at its first request: from exec to the
//! first poll of the Runtime API, the first invocation, memory, size on disk.
//! Against them stands `functions/examples/minimal.rs`, built with the same
//! profile in the same run.
//!
//! ```text
//! cargo bench -p local --bench cold_start -- --all
//! ```
//!
//! The Runtime API is the benchmark's own and lives on this machine; the Nomad
//! behind the functions is the in-memory one.

// A benchmark that meets something odd should stop and say so.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs
)]

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use nomad_sim::{NomadSim, Options, seed};
use serde::Serialize;
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A read of one object, of a list, through a signal; a write; one that asks
/// the least of Nomad. With the request each is started with.
const SHOWN: [(&str, &str, &str); 5] = [
    ("job-get", "GET", "/v1/job/{job}"),
    ("jobs-list", "GET", "/v1/jobs"),
    (
        "allocation-stats",
        "GET",
        "/v1/agent/allocation/{allocation}/stats",
    ),
    ("job-pause", "POST", "/v1/job/{job}/pause"),
    ("leader", "GET", "/v1/leader"),
];
const MINIMAL: &str = "minimal";

/// Measures the cold start of the function binaries.
#[derive(Debug, Parser)]
struct Arguments {
    /// Every function, not only five that stand for them.
    #[arg(long)]
    all: bool,
    /// Starts of each; the median is shown.
    #[arg(long, default_value_t = 21, value_name = "N")]
    rounds: usize,
    /// Measure what is in the target directory already.
    #[arg(long)]
    no_build: bool,
    /// Measure what `cargo lambda build` left in this folder (`target/lambda`), which is
    /// what is deployed; `minimal` among it, by `--example minimal`.
    #[arg(long, value_name = "FOLDER")]
    deployed: Option<PathBuf>,
    /// A variable for the environment of every function. Can be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Where the numbers go as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One start.
#[derive(Clone, Copy, Debug, Serialize)]
struct Start {
    /// Milliseconds from exec to the first poll.
    init: f64,
    /// Milliseconds from the event to its answer.
    first: f64,
    /// The same, once more.
    second: f64,
    /// Peak memory in bytes, after both.
    peak: u64,
}

#[derive(Debug, Serialize)]
struct Measured {
    function: String,
    /// Bytes on disk.
    size: u64,
    starts: Vec<Start>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "cold_start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<()> {
    let place = match &arguments.deployed {
        Some(folder) => Place::Deployed(folder.clone()),
        None => Place::Release(release_directory()?),
    };
    let variables: Vec<(&str, &str)> = arguments
        .variables
        .iter()
        .map(|variable| variable.split_once('=').ok_or("--set wants NAME=VALUE"))
        .collect::<Result<_, _>>()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let nomad = runtime.block_on(NomadSim::start(Options {
        seed: true,
        version: Some("4.23.04.0".to_owned()),
        ..Options::default()
    }))?;
    // Until the seeded jobs run.
    std::thread::sleep(Duration::from_millis(300));

    let mut functions: Vec<(String, Value)> = vec![(MINIMAL.to_owned(), event("GET", "/"))];
    for (name, method, path) in SHOWN {
        functions.push((name.to_owned(), event(method, path)));
    }
    if arguments.all {
        for route in dtle_api::routes::TABLE {
            if !SHOWN.iter().any(|(name, _, _)| *name == route.function) {
                let method = route.methods.first().copied().unwrap_or("GET");
                let path = route.paths.first().copied().unwrap_or("/");
                functions.push((route.function.to_owned(), event(method, path)));
            }
        }
    }
    if !arguments.no_build && arguments.deployed.is_none() {
        build(&functions)?;
    }
    let mut measured: Vec<Measured> = Vec::new();
    for (name, _) in &functions {
        let program = place.program(name);
        let size = std::fs::metadata(&program)
            .map_err(|error| format!("{}: {error}", program.display()))?
            .len();
        measured.push(Measured {
            function: name.clone(),
            size,
            starts: Vec::new(),
        });
    }
    // The first round reads the files from disk and counts for nothing.
    for round in 0..=arguments.rounds {
        for ((name, event), measured) in functions.iter().zip(&mut measured) {
            let start = start(&place.program(name), event, &nomad.url(), &variables)
                .map_err(|error| format!("{name}: {error}"))?;
            if round > 0 {
                measured.starts.push(start);
            }
        }
    }
    runtime.block_on(nomad.shutdown());
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", markdown(&measured))?;
    if let Some(file) = &arguments.json {
        std::fs::write(file, serde_json::to_string_pretty(&measured)? + "\n")?;
    }
    Ok(())
}

/// Where the functions are.
enum Place {
    /// cargo's folder of release builds.
    Release(PathBuf),
    /// cargo-lambda's folder of what is deployed.
    Deployed(PathBuf),
}

impl Place {
    fn program(&self, name: &str) -> PathBuf {
        match self {
            Self::Release(folder) if name == MINIMAL => folder.join("examples").join(name),
            Self::Release(folder) => folder.join(name),
            Self::Deployed(folder) => folder.join(name).join("bootstrap"),
        }
    }
}

/// Where release builds end up: this program stands in `release/deps`.
fn release_directory() -> Outcome<PathBuf> {
    let this = std::env::current_exe()?;
    let release = this.parent().and_then(Path::parent);
    Ok(release.ok_or("not in a target directory")?.to_owned())
}

/// Builds the functions, and apart from them the minimal one, so that what only
/// an example needs does not reach the functions.
fn build(functions: &[(String, Value)]) -> Outcome<()> {
    let names = functions.iter().map(|(name, _)| name.as_str());
    let binaries = names
        .filter(|name| *name != MINIMAL)
        .flat_map(|name| ["--bin", name]);
    cargo(&binaries.collect::<Vec<_>>())?;
    cargo(&["--example", MINIMAL])
}

fn cargo(what: &[&str]) -> Outcome<()> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--package", "functions"])
        .args(what)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("the functions could not be built".into())
    }
}

/// An event of an HTTP API, payload format 2.0.
fn event(method: &str, path: &str) -> Value {
    let path = path
        .replace("{job}", seed::RUNNING_JOB)
        .replace("{id}", seed::RUNNING_JOB)
        .replace("{allocation}", seed::RUNNING_SRC_ALLOCATION);
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "localhost", "accept": "*/*", "user-agent": "bench"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "localhost",
            "domainPrefix": "localhost",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "bench",
            },
            "requestId": "r",
            "routeKey": "$default",
            "stage": "$default",
            "time": "23/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1_795_392_000_000_u64,
        },
        "isBase64Encoded": false,
    })
}

/// Ends the process whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(program: &Path, event: &Value, nomad: &str, variables: &[(&str, &str)]) -> Outcome<Start> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "function")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
        .env("NOMAD_ADDR", nomad)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let began = Instant::now();
    let mut function = Running(command.spawn()?);
    let mut api = RuntimeApi::new(listener, &mut function.0)?;
    api.next()?;
    let init = began.elapsed();
    let first = api.invoke(event)?;
    let second = api.invoke(event)?;
    Ok(Start {
        init: millis(init),
        first: millis(first),
        second: millis(second),
        peak: peak(function.0.id())?,
    })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn peak(pid: u32) -> Outcome<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let line = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(line.ok_or("no VmHWM")?.parse::<u64>()? * 1024)
}

/// As much of Lambda's Runtime API as a function meets.
struct RuntimeApi {
    listener: TcpListener,
    connection: BufReader<TcpStream>,
}

impl RuntimeApi {
    /// Waits for the function to connect.
    fn new(listener: TcpListener, function: &mut Child) -> Outcome<Self> {
        listener.set_nonblocking(true)?;
        let until = Instant::now() + Duration::from_secs(10);
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if let Some(status) = function.try_wait()? {
                        return Err(format!("ended before its first poll: {status}").into());
                    }
                    if Instant::now() > until {
                        return Err("no poll within ten seconds".into());
                    }
                    std::thread::sleep(Duration::from_micros(20));
                }
                Err(error) => return Err(error.into()),
            }
        };
        listener.set_nonblocking(false)?;
        Ok(Self {
            listener,
            connection: ready(stream)?,
        })
    }

    /// Reads a request and leaves it open: path and body.
    fn read(&mut self) -> Outcome<(String, Vec<u8>)> {
        let mut line = String::new();
        if self.connection.read_line(&mut line)? == 0 {
            // Every call may come on a connection of its own.
            self.connection = ready(self.listener.accept()?.0)?;
            self.connection.read_line(&mut line)?;
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut chunked) = (0, false);
        loop {
            line.clear();
            self.connection.read_line(&mut line)?;
            let header = line.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            chunked |= header.starts_with("transfer-encoding:") && header.contains("chunked");
        }
        if !chunked {
            let mut body = vec![0; length];
            self.connection.read_exact(&mut body)?;
            return Ok((path, body));
        }
        let mut body = Vec::new();
        loop {
            line.clear();
            self.connection.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16)?;
            let mut chunk = vec![0; size + 2];
            self.connection.read_exact(&mut chunk)?;
            if size == 0 {
                return Ok((path, body));
            }
            body.extend(chunk.iter().take(size));
        }
    }

    /// Waits until the function asks for an event.
    fn next(&mut self) -> Outcome<()> {
        let (path, _) = self.read()?;
        if path.ends_with("/invocation/next") {
            Ok(())
        } else {
            Err(format!("asked {path} instead of the next event").into())
        }
    }

    /// Answers the open poll with an event, takes the answer, and waits for the
    /// next poll.
    fn invoke(&mut self, event: &Value) -> Outcome<Duration> {
        let body = event.to_string();
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH)? + Duration::from_secs(30);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nlambda-runtime-aws-request-id: r\r\nlambda-runtime-deadline-ms: {}\r\nlambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:123456789012:function:f\r\n\r\n",
            body.len(),
            deadline.as_millis()
        );
        let began = Instant::now();
        self.connection
            .get_mut()
            .write_all((head + &body).as_bytes())?;
        let (path, answer) = self.read()?;
        let time = began.elapsed();
        let answer: Value = serde_json::from_slice(&answer)?;
        if !path.ends_with("/response") || !answer["statusCode"].is_number() {
            return Err(format!("the invocation failed: {path} {answer}").into());
        }
        self.connection
            .get_mut()
            .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
        self.next()?;
        Ok(time)
    }
}

fn ready(stream: TcpStream) -> Outcome<BufReader<TcpStream>> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(BufReader::new(stream))
}

fn markdown(measured: &[Measured]) -> String {
    let mut out = String::from(
        "| function | init ms | ÷ minimal | first invocation ms | second ms | peak memory MB | on disk MB |\n|---|---:|---:|---:|---:|---:|---:|\n",
    );
    let minimal = measured.first();
    for one in measured {
        let of = |field: fn(&Start) -> f64| median(one.starts.iter().map(field));
        let ratio = median(
            one.starts
                .iter()
                .zip(minimal.into_iter().flat_map(|minimal| &minimal.starts))
                .map(|(ours, least)| ours.init / least.init),
        );
        out.push_str(&format!(
            "| {} | {:.2} | {ratio:.2} | {:.2} | {:.2} | {:.1} | {:.2} |\n",
            one.function,
            of(|start| start.init),
            of(|start| start.first),
            of(|start| start.second),
            of(|start| start.peak as f64) / 1e6,
            one.size as f64 / 1e6,
        ));
    }
    out
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
