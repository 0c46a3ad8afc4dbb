//! The function binaries as Lambda runs them: as processes that poll a Runtime
//! API for events and post their answers there.
//!
//! The Runtime API is a small one of this file; the events stand in
//! `tests/events/`, one for each kind of sender.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nomad_sim::seed::{FAILED_JOB, RUNNING_JOB};
use nomad_sim::{NomadSim, Options};
use serde_json::{Value, json};
use tests::proxy::{Fault, Which};
use tests::{Client, Json, Proxy, eventually, gateway};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};

#[path = "functions/frozen.rs"]
mod frozen;
#[path = "functions/lambda_alone.rs"]
mod lambda_alone;
#[path = "functions/table.rs"]
mod table;
#[path = "functions/tracing.rs"]
mod tracing;

/// The trace of every request, and the span of Lambda's that it is part of. An ID holds
/// the time in seconds, and X-Ray takes none of a month ago.
static ROOT: LazyLock<String> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("1-{:08x}-ad49b0e87f6ef6c87fc2e700", now.as_secs())
});
const PARENT: &str = "9a9197af755a6419";

/// The functions that are run here.
const BINARIES: &[&str] = &[
    "allocation-stats",
    "authorizer",
    "job-get",
    "jobs-list",
    "jobs-register",
    "not-found",
];

/// Where the function's executable is. Cargo does not build the binaries of
/// another package for a test, so this does, once, with the features that the
/// whole workspace has.
fn executable(name: &str) -> PathBuf {
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build)[name].clone()
}

fn build() -> BTreeMap<String, PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "build",
            "--workspace",
            "--message-format=json-render-diagnostics",
        ])
        .args(BINARIES.iter().flat_map(|name| ["--bin", name]))
        .stderr(Stdio::inherit());
    let output = command.output().expect("cargo");
    assert!(output.status.success(), "the functions do not build");
    let lines = String::from_utf8(output.stdout).unwrap();
    let built: BTreeMap<String, PathBuf> = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| {
            let executable = message["executable"].as_str()?.into();
            Some((message["target"]["name"].as_str()?.to_owned(), executable))
        })
        .collect();
    for name in BINARIES {
        assert!(built.contains_key(*name), "{name} was not built");
    }
    built
}

/// What a function told the Runtime API.
#[derive(Debug)]
enum Told {
    /// It asks for an event.
    Ready,
    /// The answer to one.
    Answer(Value),
    /// A failure of the function itself, which Lambda counts and retries.
    Failure(String),
}

struct Runtime {
    events: Mutex<mpsc::Receiver<(Value, Duration)>>,
    told: mpsc::Sender<Told>,
}

/// A function as Lambda runs it.
struct Function {
    events: mpsc::Sender<(Value, Duration)>,
    told: mpsc::Receiver<Told>,
    process: Child,
}

impl Function {
    /// Starts a function with these settings and no others.
    async fn start(name: &str, settings: &[(&str, &str)]) -> Self {
        let file = tokio::task::block_in_place(|| executable(name));
        Self::start_file(file, name, settings).await
    }

    /// The same with that executable.
    async fn start_file(file: PathBuf, name: &str, settings: &[(&str, &str)]) -> Self {
        let (events, queue) = mpsc::channel(4);
        let (tell, told) = mpsc::channel(16);
        let runtime = Arc::new(Runtime {
            events: Mutex::new(queue),
            told: tell,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(answered),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed_to_start))
            .with_state(runtime);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let process = Command::new(file)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_REGION", "eu-central-1")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            events,
            told,
            process,
        }
    }

    /// What it tells next.
    async fn tells(&mut self) -> Told {
        tokio::time::timeout(Duration::from_secs(20), self.told.recv())
            .await
            .expect("the function says nothing")
            .unwrap()
    }

    /// The answer to an event, for which it has that long.
    async fn answers_within(&mut self, event: Value, time: Duration) -> Value {
        assert!(matches!(self.tells().await, Told::Ready));
        self.events.send((event, time)).await.unwrap();
        match self.tells().await {
            Told::Answer(answer) => answer,
            Told::Failure(text) => panic!("the function failed: {text}"),
            Told::Ready => panic!("it asks for more without an answer"),
        }
    }

    /// The answer to an event.
    async fn answers(&mut self, event: Value) -> Value {
        self.answers_within(event, Duration::from_secs(30)).await
    }

    /// Stops it as Lambda does between requests, or lets it go on: `STOP`, `CONT`.
    fn signal(&self, name: &str) {
        let process = self.process.id().unwrap().to_string();
        let status = std::process::Command::new("kill")
            .args([&format!("-{name}"), &process])
            .status();
        assert!(status.unwrap().success());
    }

    /// Ends it; what it wrote on standard output and standard error.
    async fn end(mut self) -> (String, String) {
        self.process.start_kill().unwrap();
        let output = self.process.wait_with_output().await.unwrap();
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Response<String> {
    let _ = runtime.told.send(Told::Ready).await;
    let event = runtime.events.lock().await.recv().await;
    let Some((event, time)) = event else {
        // The test is over.
        return std::future::pending().await;
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let deadline = (now.unwrap() + time).as_millis();
    Response::builder()
        .header(
            "Lambda-Runtime-Aws-Request-Id",
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        )
        .header("Lambda-Runtime-Deadline-Ms", deadline.to_string())
        .header(
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:dtle",
        )
        .header(
            "Lambda-Runtime-Trace-Id",
            format!("Root={};Parent={PARENT};Sampled=1", *ROOT),
        )
        .header("Content-Type", "application/json")
        .body(event.to_string())
        .unwrap()
}

async fn answered(
    State(runtime): State<Arc<Runtime>>,
    Path(_id): Path<String>,
    body: Bytes,
) -> StatusCode {
    let answer = serde_json::from_slice(&body).unwrap();
    let _ = runtime.told.send(Told::Answer(answer)).await;
    StatusCode::ACCEPTED
}

async fn failed(
    State(runtime): State<Arc<Runtime>>,
    Path(_id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let _ = runtime
        .told
        .send(Told::Failure(format!("{headers:?} {body}")))
        .await;
    StatusCode::ACCEPTED
}

async fn failed_to_start(State(runtime): State<Arc<Runtime>>, body: String) -> StatusCode {
    let _ = runtime.told.send(Told::Failure(body)).await;
    StatusCode::ACCEPTED
}

/// An event of `tests/events/`.
fn event(name: &str) -> Value {
    let file = format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// A Nomad with the vendor page's jobs.
async fn nomad() -> NomadSim {
    let options = Options {
        seed: true,
        version: Some("4.23.04.0".to_owned()),
        ..Options::default()
    };
    let nomad = NomadSim::start(options).await.unwrap();
    // Once the one replicates and the other has failed, neither changes by itself.
    let direct = Client::of_url(&nomad.url());
    let (_server, api) = gateway(&nomad.url(), &[]).await;
    eventually("the jobs have settled", || async {
        let target = format!("/v1/job/{RUNNING_JOB}/allocations");
        let running = direct.get(&target).await.ok();
        let failed = api.get(&format!("/v1/job/{FAILED_JOB}")).await.ok();
        if running.to_string().contains("job_stage_incr") && failed["Status"] == "dead" {
            Ok(())
        } else {
            Err(format!("{running} {failed}"))
        }
    })
    .await;
    nomad.requests().forget();
    nomad
}

/// A header of an answer, whichever of the two forms it has.
fn header<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    let single = answer["headers"][name].as_str();
    single.or_else(|| answer["multiValueHeaders"][name][0].as_str())
}

fn body(answer: &Value) -> Value {
    assert_eq!(answer["isBase64Encoded"], false, "{answer}");
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_asks_for_an_event_once_it_is_ready_and_again_after_each() {
    let nomad = nomad().await;
    let _ = tokio::task::block_in_place(|| executable("jobs-list"));
    let mut function = Function::start("jobs-list", &[("NOMAD_ADDR", &nomad.url())]).await;
    assert!(matches!(function.tells().await, Told::Ready));
    assert_eq!(
        nomad.requests().all(),
        [],
        "Nomad was asked before anybody asked here"
    );
    function
        .events
        .send((event("http-api-2.0-list-of-jobs"), Duration::from_secs(30)))
        .await
        .unwrap();
    let Told::Answer(answer) = function.tells().await else {
        panic!("no answer")
    };
    assert_eq!(answer["statusCode"], 200);
    assert!(matches!(function.tells().await, Told::Ready));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_http_api_gets_the_answer_of_2x() {
    let nomad = nomad().await;
    let mut function = Function::start("jobs-list", &[("NOMAD_ADDR", &nomad.url())]).await;
    let answer = function.answers(event("http-api-2.0-list-of-jobs")).await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(header(&answer, "content-type"), Some("application/json"));
    assert_eq!(header(&answer, "vary"), Some("Accept-Encoding"));
    assert_eq!(header(&answer, "x-udup-knownleader"), Some("true"));
    assert_eq!(header(&answer, "x-udup-lastcontact"), Some("0"));
    assert!(
        header(&answer, "x-udup-index")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            > 0
    );
    let list = body(&answer);
    let ids: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["ID"].as_str().unwrap())
        .collect();
    // The vendor page's two, and not the third that Nomad has.
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&RUNNING_JOB) && ids.is_sorted(), "{ids:?}");

    // gzip is binary: it travels as base64 and says so.
    let zipped = function
        .answers(event("http-api-2.0-list-of-jobs-gzip"))
        .await;
    assert_eq!(header(&zipped, "content-encoding"), Some("gzip"));
    assert_eq!(zipped["isBase64Encoded"], true);
    let bytes = STANDARD.decode(zipped["body"].as_str().unwrap()).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(
        &mut flate2::read::GzDecoder::new(bytes.as_slice()),
        &mut text,
    )
    .unwrap();
    assert_eq!(text, answer["body"].as_str().unwrap());

    // One line of the log a request, none of them with a password.
    let (log, errors) = function.end().await;
    assert_eq!(errors, "");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let requests: Vec<&Value> = lines
        .iter()
        .filter(|line| line["Route"] == "jobs-list")
        .collect();
    assert_eq!(requests.len(), 2, "{log}");
    assert_eq!(requests[0]["status"], 200);
    assert_eq!(
        requests[0]["request_id"],
        "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    );
    assert!(!log.contains("111111"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_in_base64_is_the_body() {
    let nomad = nomad().await;
    let settings = [("NOMAD_ADDR", nomad.url())];
    let settings = settings
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let mut register = Function::start("jobs-register", &settings).await;
    for name in ["http-api-2.0-register-base64", "http-api-2.0-register-text"] {
        let answer = register.answers(event(name)).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        assert_eq!(body(&answer)["Success"], true);
        assert_eq!(
            header(&answer, "x-udup-index").unwrap(),
            body(&answer)["Index"].to_string()
        );
    }
    let mut get = Function::start("job-get", &settings).await;
    let mut event = event("http-api-2.0-job");
    event["rawPath"] = json!("/v1/job/from-curl");
    event["requestContext"]["http"]["path"] = json!("/v1/job/from-curl");
    event["pathParameters"]["id"] = json!("from-curl");
    let job = body(&get.answers(event).await);
    assert_eq!(job["Name"], "sent as curl -d sends");
    let (log, _) = register.end().await;
    assert!(!log.contains("hush"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_gateway_gets_the_same_job() {
    let nomad = nomad().await;
    let mut function = Function::start("job-get", &[("NOMAD_ADDR", &nomad.url())]).await;
    let mut bodies = Vec::new();
    for name in [
        "http-api-2.0-job",
        "rest-api-1.0-job",
        "alb-job",
        "function-url-job",
    ] {
        let answer = function.answers(event(name)).await;
        assert_eq!(answer["statusCode"], 200, "{name}: {answer}");
        assert_eq!(
            header(&answer, "content-type"),
            Some("application/json"),
            "{name}"
        );
        assert!(header(&answer, "x-udup-index").is_some(), "{name}");
        let text = answer["body"].as_str().unwrap().to_owned();
        // All of them asked for it indented.
        assert_eq!(text, Json::parse(text.as_bytes()).pretty(), "{name}");
        bodies.push(text);
    }
    assert!(bodies[0].contains(RUNNING_JOB));
    for body in &bodies {
        assert_eq!(*body, bodies[0]);
    }
    // Where no gateway chooses by method, the function does.
    let mut wrong = event("alb-job");
    wrong["httpMethod"] = json!("PATCH");
    let answer = function.answers(wrong).await;
    assert_eq!(
        (&answer["statusCode"], &answer["body"]),
        (&json!(405), &json!("Invalid method"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_route_has_a_function() {
    let nomad = nomad().await;
    let mut function = Function::start("not-found", &[("NOMAD_ADDR", &nomad.url())]).await;
    let answer = function.answers(event("http-api-2.0-no-such-path")).await;
    assert_eq!(answer["statusCode"], 404);
    assert_eq!(answer["body"], "404 page not found\n");
    let answer = function.answers(event("http-api-2.0-no-such-method")).await;
    assert_eq!(answer["statusCode"], 405);
    assert_eq!(answer["body"], "Invalid method");
    assert_eq!(
        header(&answer, "content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(nomad.requests().all(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_nomad_is_a_502_and_no_failure_of_the_function() {
    // Port 1 refuses.
    let mut function = Function::start("jobs-list", &[("NOMAD_ADDR", "http://127.0.0.1:1")]).await;
    for _ in 0..2 {
        let answer = function.answers(event("http-api-2.0-list-of-jobs")).await;
        assert_eq!(answer["statusCode"], 502);
        assert_eq!(answer["body"], "Nomad is unreachable");
        assert_eq!(
            header(&answer, "content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(header(&answer, "x-udup-index"), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_nomad_is_given_up_before_lambda_gives_up_the_function() {
    let nomad = nomad().await;
    let proxy = Proxy::start(nomad.address()).await;
    proxy.set(Fault::Stall, Which::All);
    let url = proxy.url();
    let settings = [("NOMAD_ADDR", url.as_str())];
    let mut function = Function::start("jobs-list", &settings).await;
    let mut patient = Function::start("jobs-list", &settings).await;
    let list = || event("http-api-2.0-list-of-jobs");
    // The one that has more time is still waiting when the other gives up.
    let answer = tokio::select! {
        answer = function.answers_within(list(), Duration::from_secs(3)) => answer,
        answer = patient.answers_within(list(), Duration::from_secs(30)) => {
            panic!("it did not wait: {answer}")
        }
    };
    assert_eq!(answer["statusCode"], 502, "{answer}");
    proxy.clear();
    let answer = function.answers(event("http-api-2.0-list-of-jobs")).await;
    assert_eq!(answer["statusCode"], 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_cannot_be_understood_end_the_process_with_a_line_that_names_them() {
    for (settings, named) in [
        (&[][..], "NOMAD_ADDR"),
        (&[("NOMAD_ADDR", " ")], "NOMAD_ADDR"),
        (&[("NOMAD_ADDR", "ftp://x")], "NOMAD_ADDR"),
        (
            &[("NOMAD_ADDR", "http://x"), ("DTLE_LAYOUT", "both")],
            "DTLE_LAYOUT",
        ),
        (
            &[("NOMAD_ADDR", "http://x"), ("DTLE_TASK_CPU", "much")],
            "DTLE_TASK_CPU",
        ),
        (
            &[("NOMAD_ADDR", "http://x"), ("DTLE_DEADLINE", "28")],
            "DTLE_DEADLINE",
        ),
        (
            &[
                ("NOMAD_ADDR", "https://x"),
                ("NOMAD_CACERT", "/no/such/file"),
            ],
            "NOMAD_CACERT",
        ),
    ] {
        let mut function = Function::start("job-get", settings).await;
        let ended = tokio::time::timeout(Duration::from_secs(10), function.process.wait()).await;
        let status = ended.expect("it runs on").unwrap();
        assert!(!status.success(), "{settings:?}");
        assert!(
            status.code().is_some_and(|code| code > 0 && code < 100),
            "{status}: a crash"
        );
        assert!(
            function.told.try_recv().is_err(),
            "{settings:?}: it asked for an event"
        );
        let (log, errors) = function.end().await;
        assert_eq!(errors, "", "{settings:?}");
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines.len(), 1, "{log}");
        let line: Value = serde_json::from_str(lines[0]).unwrap();
        assert_eq!(line["level"], "ERROR");
        assert!(line["message"].as_str().unwrap().contains(named), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_secrets_manager_that_cannot_be_read_is_not_shown() {
    // Cut off in the middle of the secret.
    const CUT: &str = r#"{"ARN":"arn","SecretString":"hush-hush"#;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let manager = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(|| async { CUT });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = [
        ("NOMAD_ADDR", "http://127.0.0.1:1"),
        ("NOMAD_TOKEN_SECRET", "arn"),
        ("AWS_ENDPOINT_URL", &manager),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
    ];
    let mut function = Function::start("jobs-list", &settings).await;
    let answer = function.answers(event("http-api-2.0-list-of-jobs")).await;
    assert!(answer["statusCode"].as_u64() >= Some(500), "{answer}");
    let (log, errors) = function.end().await;
    assert!(log.contains("cannot read the secret arn"), "{log}");
    assert!(!format!("{answer}{log}{errors}").contains("hush"), "{log}");
}
