//! Tokens in files, of callers and of the gateway's own: what changes in the file
//! changes in the running process.

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use dtle_api::auth::{Entry, Scope, new_token};
use serde_json::json;
use tests::{Client, Cluster, Generation, Process};

/// A file of its own, gone with this.
struct File(PathBuf);

impl File {
    fn holding(text: &str) -> Self {
        let name = format!("dtle-test-{}", uuid::Uuid::new_v4());
        let file = Self(std::env::temp_dir().join(name));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }

    /// As tools do it that care: another file takes its place.
    fn replace(&self, text: &str) {
        let other = self.0.with_extension("new");
        std::fs::write(&other, text).unwrap();
        std::fs::rename(other, &self.0).unwrap();
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Asks until it is so. How long that may take is for the test of the clock, beside
/// the code.
async fn until<F: Future<Output = bool>>(what: &str, so: impl Fn() -> F) {
    let end = Instant::now() + Duration::from_secs(20);
    while !so().await {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A caller's token as an Authorization header, and its entry.
fn caller(name: &str) -> (String, Entry) {
    let (token, entry) = new_token(name, Scope::Write).unwrap();
    (format!("Bearer {}", token.expose()), entry)
}

fn list(entries: &[&Entry]) -> String {
    json!({"tokens": entries}).to_string()
}

async fn status(api: &Client, token: &str) -> u16 {
    let headers = [("Authorization", token)];
    api.send("GET", "/v1/orders", &headers, b"").await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_taken_out_of_the_file_stops_working() {
    let cluster = Cluster::start(Generation::Merged).await;
    let ((anna, first), (bert, second)) = (caller("anna"), caller("bert"));
    let file = File::holding(&list(&[&first]));
    let process = Process::start(&cluster.nomad.url(), &[("DTLE_TOKENS", file.path())]);
    let api = &process.api;
    assert_eq!(
        (status(api, &anna).await, status(api, &bert).await),
        (200, 401)
    );

    file.write(&list(&[&first, &second]));
    until("bert is let in", async || status(api, &bert).await == 200).await;
    assert_eq!(status(api, &anna).await, 200);

    file.replace(&list(&[&second]));
    until("anna is let in no more", async || {
        status(api, &anna).await == 401
    })
    .await;
    assert_eq!(status(api, &bert).await, 200);

    let log = process.stop();
    for secret in [anna, bert] {
        let secret = secret.trim_start_matches("Bearer ");
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_broken_or_gone_leaves_the_old_one_and_says_so_once() {
    let cluster = Cluster::start(Generation::Merged).await;
    let ((anna, first), (bert, second)) = (caller("anna"), caller("bert"));
    let file = File::holding(&list(&[&first]));
    let process = Process::start(&cluster.nomad.url(), &[("DTLE_TOKENS", file.path())]);
    let api = &process.api;

    let broken = list(&[&first, &second]).replace("\"scope\"", "\"hush-hush\"");
    file.write(&broken);
    process.signal("HUP");
    until("the log says that the list is broken", async || {
        process.logged().contains("stays in use")
    })
    .await;
    assert_eq!(
        (status(api, &anna).await, status(api, &bert).await),
        (200, 401)
    );

    // An empty list would let nobody in: it is one of the broken ones.
    file.write(r#"{"tokens": []}"#);
    process.signal("HUP");
    until("the log says that the list is empty", async || {
        process.logged().contains("the list is empty")
    })
    .await;
    std::fs::remove_file(file.path()).unwrap();
    process.signal("HUP");
    process.signal("HUP");
    until("the log says that the file is gone", async || {
        process.logged().contains("No such file")
    })
    .await;
    assert_eq!(status(api, &anna).await, 200);

    file.write(&list(&[&second]));
    until("anna is let in no more", async || {
        status(api, &anna).await == 401
    })
    .await;
    assert_eq!(status(api, &bert).await, 200);

    let log = process.stop();
    assert_eq!(log.matches("No such file").count(), 1, "{log}");
    assert!(log.contains("ERROR") && log.contains(file.path()), "{log}");
    for secret in ["hush-hush", first.salt.as_str(), first.hash.as_str()] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_reads_the_file_at_once_and_ends_nothing() {
    let cluster = Cluster::start(Generation::Merged).await;
    let ((_, first), (bert, second)) = (caller("anna"), caller("bert"));
    let file = File::holding(&list(&[&first]));
    let process = Process::start(&cluster.nomad.url(), &[("DTLE_TOKENS", file.path())]);
    file.write(&list(&[&second]));
    process.signal("HUP");
    // Nobody has asked for anything: the signal alone has it read.
    until("the log says that the file was read", async || {
        process.logged().contains("has changed")
    })
    .await;
    assert_eq!(status(&process.api, &bert).await, 200);
}

/// A Nomad that knows one token and has a leader, or a Consul that knows one and
/// holds nothing.
#[derive(Clone)]
struct Doorman {
    header: &'static str,
    known: Arc<Mutex<String>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Doorman {
    fn new(header: &'static str, known: &str) -> Self {
        Self {
            header,
            known: Arc::new(Mutex::new(known.to_owned())),
            seen: Arc::default(),
        }
    }

    async fn start(&self) -> String {
        let router = Router::new().fallback(answer).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn now_knows(&self, token: &str) {
        token.clone_into(&mut self.known.lock().unwrap());
    }

    fn last_seen(&self) -> String {
        self.seen
            .lock()
            .unwrap()
            .last()
            .cloned()
            .unwrap_or_default()
    }
}

async fn answer(State(doorman): State<Doorman>, headers: HeaderMap) -> (StatusCode, String) {
    let shown = headers.get(doorman.header).and_then(|it| it.to_str().ok());
    let shown = shown.unwrap_or_default().to_owned();
    doorman.seen.lock().unwrap().push(shown.clone());
    if shown != *doorman.known.lock().unwrap() {
        // Nomad's words; Consul's are `ACL not found`.
        return (StatusCode::FORBIDDEN, "ACL token not found".to_owned());
    }
    if doorman.header == "x-consul-token" {
        return (StatusCode::NOT_FOUND, String::new());
    }
    (StatusCode::OK, r#""127.0.0.1:4647""#.to_owned())
}

/// As `nomad acl token create -json` prints it.
fn acl_token(secret: &str) -> String {
    json!({"AccessorID": "b780e702", "SecretID": secret, "Type": "client"}).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nomads_token_is_read_again_when_its_file_changes_and_when_it_is_refused() {
    let nomad = Doorman::new("x-nomad-token", "token-one");
    let url = nomad.start().await;
    let file = File::holding("token-one\n");
    let settings = [
        ("NOMAD_TOKEN_FILE", file.path()),
        ("NOMAD_TOKEN", "token-set"),
    ];
    let process = Process::start(&url, &settings);
    let api = &process.api;
    assert_eq!(api.get("/v1/leader").await.status, 200);

    // Revoked, and the file already has another: no request fails.
    nomad.now_knows("token-two");
    file.replace(&acl_token("token-two"));
    assert_eq!(api.get("/v1/leader").await.status, 200);

    // Revoked without another.
    nomad.now_knows("token-three");
    let refused = api.get("/v1/leader").await;
    assert_eq!(refused.status, 403);
    assert!(refused.shown().contains("the gateway's own token"));
    file.write("token-three");
    assert_eq!(api.get("/v1/leader").await.status, 200);

    // Changed while the old one still works.
    file.write("token-four");
    until("the new token is shown", async || {
        api.get("/v1/leader").await;
        nomad.last_seen() == "token-four"
    })
    .await;
    // What is no token is not shown.
    file.write("two words");
    process.signal("HUP");
    until("the log says what is wrong", async || {
        process.logged().contains("holds neither a token")
    })
    .await;
    api.get("/v1/leader").await;
    assert_eq!(nomad.last_seen(), "token-four");

    let log = process.stop();
    for secret in [
        "token-one",
        "token-two",
        "token-three",
        "token-four",
        "two words",
    ] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consuls_token_is_read_again_likewise() {
    let cluster = Cluster::start(Generation::Merged).await;
    cluster.create(&tests::cluster::job("j1")).await;
    let consul = Doorman::new("x-consul-token", "token-one");
    let url = consul.start().await;
    let file = File::holding("token-one");
    let settings = [
        ("CONSUL_HTTP_ADDR", url.as_str()),
        ("CONSUL_HTTP_TOKEN_FILE", file.path()),
    ];
    let process = Process::start(&cluster.nomad.url(), &settings);
    assert_eq!(process.api.get("/v1/job/j1").await.status, 200);
    assert_eq!(consul.last_seen(), "token-one");
    file.write("token-two");
    until("the new token is shown", async || {
        process.api.get("/v1/job/j1").await;
        consul.last_seen() == "token-two"
    })
    .await;
}

#[test]
fn a_file_that_cannot_be_used_stops_the_start_with_a_line_that_names_it() {
    let empty = File::holding("");
    let gone = Path::new("/nowhere/token").to_str().unwrap();
    for (name, path) in [
        ("NOMAD_TOKEN_FILE", empty.path()),
        ("NOMAD_TOKEN_FILE", gone),
        ("DTLE_TOKENS", empty.path()),
        ("DTLE_TOKENS", gone),
    ] {
        let log = Process::fails("http://127.0.0.1:1", &[(name, path)]);
        assert!(log.contains(name) && log.contains(path), "{log}");
    }
}
