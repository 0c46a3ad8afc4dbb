//! Functions that were frozen, as Lambda freezes them between requests: what they
//! remember, and which connections they hold meanwhile.
//!
//! A process that is stopped with SIGSTOP does nothing, and its monotonic clock may
//! stand still in Lambda's virtual machine. So the wall clock of these functions can be
//! set forward alone (`clock.c`).

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Mutex as Lock;

use tests::cluster::{job, running};
use tests::{PATIENCE, Proxy};

use super::*;

/// The wall clock of a function.
pub(super) struct Clock {
    file: std::fs::File,
    path: PathBuf,
    ahead: i64,
}

impl Clock {
    pub(super) fn new() -> Self {
        let name = format!("dtle-clock-{}", uuid::Uuid::new_v4());
        let path = std::env::temp_dir().join(name);
        let mut file = std::fs::File::create_new(&path).unwrap();
        file.write_all(&0_i64.to_ne_bytes()).unwrap();
        let ahead = 0;
        Self { file, path, ahead }
    }

    /// What a function has to be started with to go by it.
    fn settings(&self) -> [(&'static str, String); 2] {
        let path = self.path.to_str().unwrap().to_owned();
        [("LD_PRELOAD", shim()), ("CLOCK_AHEAD", path)]
    }

    /// The function is frozen for that long, as far as it can tell.
    fn freeze(&mut self, function: &Function, seconds: i64) {
        function.signal("STOP");
        self.ahead(seconds);
        function.signal("CONT");
    }

    /// That many seconds pass for all who go by it.
    pub(super) fn ahead(&mut self, seconds: i64) {
        self.ahead += seconds;
        let bytes = self.ahead.to_ne_bytes();
        self.file.write_all_at(&bytes, 0).unwrap();
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// `clock.c`, compiled: whoever builds Rust has a C compiler, which links it.
fn shim() -> String {
    static BUILT: OnceLock<String> = OnceLock::new();
    let build = || {
        let source = format!("{}/tests/functions/clock.c", env!("CARGO_MANIFEST_DIR"));
        let library = format!("{}/clock.so", env!("CARGO_TARGET_TMPDIR"));
        let done = std::process::Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .args([&library, &source])
            .status()
            .expect("cc");
        assert!(done.success(), "{source} does not compile");
        library
    };
    BUILT.get_or_init(build).clone()
}

pub(super) async fn started(name: &str, clock: &Clock, settings: &[(&str, &str)]) -> Function {
    let mut all: Vec<(&str, &str)> = settings.to_vec();
    let own = clock.settings();
    all.extend(own.iter().map(|(name, value)| (*name, value.as_str())));
    Function::start(name, &all).await
}

/// An event of a route with an ID in its path.
pub(super) fn of_route(key: &str, id: &str) -> Value {
    let (method, path) = key.split_once(' ').unwrap();
    let path = path.replace("{id}", id);
    let mut event = event("http-api-2.0-job");
    event["routeKey"] = json!(key);
    event["rawPath"] = json!(path);
    event["rawQueryString"] = json!("");
    event["requestContext"]["routeKey"] = json!(key);
    event["requestContext"]["http"]["method"] = json!(method);
    event["requestContext"]["http"]["path"] = json!(path);
    event["pathParameters"]["id"] = json!(id);
    event
}

pub(super) const STATISTICS: &str = "GET /v1/agent/allocation/{id}/stats";

/// The allocation of a running task that has statistics.
pub(super) async fn task(nomad: &NomadSim) -> String {
    let (_server, api) = gateway(&nomad.url(), &[]).await;
    let allocations = api.get(&format!("/v1/job/{RUNNING_JOB}/allocations")).await;
    let id = allocations.ok()[0]["ID"].as_str().unwrap().to_owned();
    eventually("the task has statistics", || async {
        let path = format!("/v1/agent/allocation/{id}/stats");
        let tasks = api.get(&path).await.ok()["Tasks"].clone();
        if tasks.as_object().is_some_and(|tasks| !tasks.is_empty()) {
            Ok(())
        } else {
            Err(tasks)
        }
    })
    .await;
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_are_as_old_as_the_wall_clock_says() {
    let nomad = nomad().await;
    let id = task(&nomad).await;
    let signals = || {
        nomad
            .requests()
            .count_below(&format!("/v1/client/allocation/{id}/"))
    };
    let before = signals();

    let mut clock = Clock::new();
    let mut function = started("allocation-stats", &clock, &[("NOMAD_ADDR", &nomad.url())]).await;
    for _ in 0..3 {
        let answer = function.answers(of_route(STATISTICS, &id)).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }
    assert_eq!(signals(), before + 1);
    clock.freeze(&function, 16);
    for _ in 0..3 {
        function.answers(of_route(STATISTICS, &id)).await;
    }
    assert_eq!(signals(), before + 2);
    // Not yet: by this clock the figures are due, which keeps them for three seconds.
    clock.freeze(&function, 1);
    function.answers(of_route(STATISTICS, &id)).await;
    assert_eq!(signals(), before + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_written_for_the_plugin_that_is_there_after_the_freeze() {
    const SPLIT: &str = "3.20.10.0";
    let nomad = NomadSim::start(Options {
        version: Some(SPLIT.to_owned()),
        ..Options::default()
    });
    let nomad = nomad.await.unwrap();
    let proxy = Proxy::start(nomad.address()).await;
    let mut clock = Clock::new();
    let mut function = started("jobs-register", &clock, &[("NOMAD_ADDR", &proxy.url())]).await;
    let mut registers = async |id: &str| {
        proxy.forget();
        let mut event = event("http-api-2.0-register-text");
        event["body"] = json!(job(id).to_string());
        let answer = function.answers(event).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        let log = proxy.log();
        let write = log.iter().find(|sent| sent.method == "PUT").unwrap();
        let merged = String::from_utf8_lossy(&write.body).contains("SrcConnectionConfig");
        if id == "after" {
            return merged;
        }
        if id == "meanwhile" {
            clock.freeze(&function, 61);
        }
        merged
    };
    assert!(!registers("before").await);
    // All nodes are upgraded.
    let upgraded = tests::proxy::Fault::Replace(SPLIT, "4.23.04.0");
    proxy.set(upgraded, tests::proxy::Which::All);
    assert!(
        !registers("meanwhile").await,
        "the layout is not remembered"
    );
    assert!(
        registers("after").await,
        "the layout is remembered too long"
    );
}

/// A Secrets Manager with one secret, and how often it was asked.
async fn secrets_manager(secret: &str) -> (String, Arc<Lock<(String, u32)>>) {
    let state = Arc::new(Lock::new((secret.to_owned(), 0)));
    let kept = Arc::clone(&state);
    let router = Router::new().fallback(move || {
        let mut state = kept.lock().unwrap();
        state.1 += 1;
        let answer = json!({"ARN": "arn", "Name": "name", "SecretString": state.0}).to_string();
        async move { answer }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nomads_token_is_asked_for_again() {
    let shown: Arc<Lock<BTreeSet<String>>> = Arc::default();
    let kept = Arc::clone(&shown);
    let router = Router::new().fallback(move |headers: HeaderMap| {
        let token = headers["x-nomad-token"].to_str().unwrap().to_owned();
        kept.lock().unwrap().insert(token);
        async { "[]" }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nomad = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (manager, secret) = secrets_manager("first").await;

    let mut clock = Clock::new();
    let settings = [
        ("NOMAD_ADDR", nomad.as_str()),
        ("NOMAD_TOKEN_SECRET", "arn"),
        ("AWS_ENDPOINT_URL", &manager),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
    ];
    let mut function = started("jobs-list", &clock, &settings).await;
    let list = || event("http-api-2.0-list-of-jobs");
    let tokens = || std::mem::take(&mut *shown.lock().unwrap());
    assert_eq!(function.answers(list()).await["statusCode"], 200);
    secret.lock().unwrap().0 = "second".to_owned();
    clock.freeze(&function, 200);
    assert_eq!(function.answers(list()).await["statusCode"], 200);
    assert_eq!(tokens(), BTreeSet::from(["first".to_owned()]));
    clock.freeze(&function, 101);
    assert_eq!(function.answers(list()).await["statusCode"], 200);
    assert_eq!(tokens(), BTreeSet::from(["second".to_owned()]));
    assert_eq!(secret.lock().unwrap().1, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callers_token_that_was_revoked_is_refused() {
    use dtle_api::auth::{Scope, new_token};

    let (token, entry) = new_token("dashboard", Scope::Read).unwrap();
    let listed = json!({"tokens": [entry]}).to_string();
    let (manager, secret) = secrets_manager(&listed).await;
    let mut clock = Clock::new();
    let settings = [
        ("DTLE_TOKENS_SECRET", "arn"),
        ("AWS_ENDPOINT_URL", manager.as_str()),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
    ];
    let mut authorizer = started("authorizer", &clock, &settings).await;
    let question = json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeKey": "GET /v1/jobs",
        "headers": {"authorization": format!("Bearer {}", token.expose())},
        "requestContext": {"requestId": "r"},
    });
    let allowed = authorizer.answers(question.clone()).await;
    assert_eq!(allowed["isAuthorized"], true, "{allowed}");
    let (_, other) = new_token("another", Scope::Read).unwrap();
    secret.lock().unwrap().0 = json!({"tokens": [other]}).to_string();
    let still = authorizer.answers(question.clone()).await;
    assert_eq!(still["isAuthorized"], true, "{still}");
    clock.freeze(&authorizer, 301);
    let refused = authorizer.answers(question).await;
    assert_eq!(refused["isAuthorized"], false, "{refused}");
}

/// How many sockets a process has to that port.
fn sockets(process: u32, port: u16) -> usize {
    let open: BTreeSet<String> = std::fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .filter_map(|file| std::fs::read_link(file.unwrap().path()).ok())
        .filter_map(|target| {
            let text = target.to_str()?.strip_prefix("socket:[")?;
            Some(text.strip_suffix(']')?.to_owned())
        })
        .collect();
    // Its columns: the number, the own address, the other one as `ADDRESS:PORT` in
    // hexadecimal; the tenth is the inode.
    let table = std::fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap();
    let to_port = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns[2].ends_with(&to_port) && open.contains(columns[9]))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_function_holds_one_connection_and_a_list_takes_few() {
    const JOBS: usize = 18;
    let nomad = nomad().await;
    let (_server, api) = gateway(&nomad.url(), &[]).await;
    for number in 0..JOBS {
        let id = format!("more-{number}");
        api.post_json("/v1/jobs", &job(&id)).await.succeeds();
        running(&api, &id, PATIENCE).await;
    }
    let mut proxies = Vec::new();
    for _ in 0..3 {
        proxies.push(Proxy::start(nomad.address()).await);
    }
    let urls: Vec<String> = proxies.iter().map(Proxy::url).collect();
    let ports: Vec<u16> = urls
        .iter()
        .map(|url| url.rsplit(':').next().unwrap().parse().unwrap())
        .collect();
    let addresses = urls.join(",");
    let settings = [("NOMAD_ADDR", addresses.as_str())];

    let mut begun = BTreeSet::new();
    // Each begins at a server of its own choice: none is passed over by twenty.
    for round in 0..20 {
        let mut function = Function::start("jobs-list", &settings).await;
        let answer = function.answers(event("http-api-2.0-list-of-jobs")).await;
        assert_eq!(body(&answer).as_array().unwrap().len(), JOBS + 2);
        let used = proxies.iter().position(|proxy| !proxy.log().is_empty());
        begun.insert(used.unwrap());
        // The server that was used fails: what was kept to it is let go.
        if round == 0 {
            proxies[used.unwrap()].set(
                tests::proxy::Fault::Answer(503, "text/plain", "unavailable"),
                tests::proxy::Which::All,
            );
            let answer = function.answers(event("http-api-2.0-list-of-jobs")).await;
            assert_eq!(answer["statusCode"], 200);
            proxies[used.unwrap()].clear();
        }
        // It asks for the next event, and Lambda freezes it.
        assert!(matches!(function.tells().await, Told::Ready));
        function.signal("STOP");
        let process = function.process.id().unwrap();
        let held: usize = ports.iter().map(|port| sockets(process, *port)).sum();
        function.signal("CONT");
        assert!(held <= 1, "{held} sockets in round {round}");
        for proxy in &proxies {
            proxy.forget();
        }
    }
    assert_eq!(begun.len(), proxies.len(), "{begun:?}");
    // Four calls at once, and while one ends a connection for the next may be opened
    // already: docs/deploy.md reckons with eight.
    for proxy in &proxies {
        assert!(
            proxy.most_connections() <= 8,
            "{}",
            proxy.most_connections()
        );
    }
}
