//! What a web page can do to a gateway on one machine: nothing, unless it is the
//! gateway's own page or of an origin that was named. And that nothing changes for
//! programs that are no browsers.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use serde_json::Value;
use tests::cluster::job;
use tests::{Answer, Client, Cluster, Generation, Process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Every path that the gateway answers by itself, and one of the API's.
const PATHS: [&str; 7] = [
    "/v1/jobs",
    "/v1/job/j1",
    "/health",
    "/metrics",
    "/docs",
    "/openapi.json",
    "/nosuch",
];

async fn cluster() -> Cluster {
    let cluster = Cluster::start(Generation::Merged).await;
    cluster.create(&job("j1")).await;
    cluster.running("j1").await;
    cluster
}

/// A job's status.
async fn status_of(cluster: &Cluster) -> Value {
    cluster.read("j1").await["Status"].clone()
}

/// What a page's form can send without asking: simple headers, a text.
async fn form(api: &Client, origin: &[(&str, &str)]) -> Answer {
    let mut headers = vec![("Content-Type", "text/plain")];
    headers.extend_from_slice(origin);
    api.send("POST", "/v1/job/j1/pause", &headers, b"x").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_changes_nothing() {
    let cluster = cluster().await;
    let port = cluster.api.authority().rsplit(':').next().unwrap();
    let neighbour = format!("http://127.0.0.1:{}", port.parse::<u16>().unwrap() - 1);
    for origin in [
        "http://evil.example",
        "https://evil.example",
        "null",
        neighbour.as_str(),
    ] {
        let answer = form(&cluster.api, &[("Origin", origin)]).await;
        assert_eq!(answer.status, 403, "{origin}: {}", answer.shown());
        assert!(answer.shown().contains("Origin"), "{}", answer.shown());
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
    }
    // A browser that says where a page is from in this way only.
    let answer = form(&cluster.api, &[("Sec-Fetch-Site", "cross-site")]).await;
    assert_eq!(answer.status, 403);
    assert!(answer.shown().contains("Sec-Fetch-Site"));
    assert_eq!(status_of(&cluster).await, "running");

    // Every write, wherever it goes.
    let headers = [("Origin", "http://evil.example")];
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        for path in PATHS {
            let answer = cluster.api.send(method, path, &headers, b"").await;
            assert_eq!(answer.status, 403, "{method} {path}");
        }
    }
    assert_eq!(status_of(&cluster).await, "running");

    // A read is answered, but not so that a browser would show it to the page.
    let answer = cluster.api.send("GET", "/v1/job/j1", &headers, b"").await;
    assert_eq!(answer.status, 200);
    let names = answer.header_names();
    assert!(
        !names.iter().any(|name| name.starts_with("access-control")),
        "{names:?}"
    );
    // Nor does a page learn that it might write.
    let ask = [headers[0], ("Access-Control-Request-Method", "DELETE")];
    let answer = cluster.api.send("OPTIONS", "/v1/job/j1", &ask, b"").await;
    assert_eq!(answer.status, 405);
    let names = answer.header_names();
    assert!(
        !names.iter().any(|name| name.starts_with("access-control")),
        "{names:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateways_own_page_may_write() {
    let cluster = cluster().await;
    let port = cluster.api.authority().rsplit(':').next().unwrap();
    for name in ["127.0.0.1", "localhost", "dtle.localhost", "[::1]"] {
        let host = format!("{name}:{port}");
        let origin = format!("http://{host}");
        let answer = form(&cluster.api.saying(&host), &[("Origin", &origin)]).await;
        answer.succeeds();
    }
    assert_eq!(status_of(&cluster).await, "pause");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_was_made_to_lead_here_leads_nowhere() {
    let cluster = cluster().await;
    let port = cluster.api.authority().rsplit(':').next().unwrap();
    for host in ["evil.example", "localhost.evil.example", "10.0.0.5"] {
        let rebound = cluster.api.saying(&format!("{host}:{port}"));
        for path in PATHS {
            for method in ["GET", "HEAD", "OPTIONS", "POST", "DELETE"] {
                let answer = rebound.send(method, path, &[], b"").await;
                assert_eq!(answer.status, 421, "{method} {path} of {host}");
                assert!(!answer.shown().contains("secret-of-src"));
            }
        }
        // To the browser, page and gateway are one site.
        let origin = format!("http://{host}:{port}");
        let answer = form(&rebound, &[("Origin", &origin)]).await;
        assert_eq!(answer.status, 421);
        assert!(answer.shown().contains("Host"), "{}", answer.shown());
    }
    assert_eq!(status_of(&cluster).await, "running");
}

/// The first line of the answer to a request as it stands.
async fn raw(api: &Client, request: &str) -> String {
    let mut stream = TcpStream::connect(api.authority()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_as_programs_send_them_are_taken_as_before() {
    let cluster = cluster().await;
    let at = cluster.api.authority().to_owned();
    for (what, request, expected) in [
        (
            "curl",
            format!(
                "GET /v1/jobs HTTP/1.1\r\nHost: {at}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nConnection: close\r\n\r\n"
            ),
            "HTTP/1.1 200 OK",
        ),
        (
            "curl -d",
            format!(
                "POST /v1/job/j1/pause HTTP/1.1\r\nHost: {at}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nConnection: close\r\nContent-Length: 1\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nx"
            ),
            "HTTP/1.1 200 OK",
        ),
        (
            "the command line of 2.x",
            format!(
                "PUT /v1/job/j1/resume?region= HTTP/1.1\r\nHost: {at}\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: 5\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\nnull\n"
            ),
            "HTTP/1.1 200 OK",
        ),
        (
            "a proxy that names the address it connects to",
            format!(
                "GET /v1/leader HTTP/1.0\r\nHost: {at}\r\nX-Forwarded-Host: dtle.example.com\r\nX-Forwarded-For: 10.1.2.3\r\nConnection: close\r\n\r\n"
            ),
            "HTTP/1.0 200 OK",
        ),
        (
            "a client that was given the proxy",
            format!(
                "GET http://{at}/v1/leader HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"
            ),
            "HTTP/1.1 200 OK",
        ),
        (
            "a check of a load balancer's",
            "GET /health HTTP/1.0\r\n\r\n".to_owned(),
            "HTTP/1.0 200 OK",
        ),
        (
            "no Host, which HTTP/1.1 asks for",
            "GET /v1/jobs HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
            "HTTP/1.1 400 Bad Request",
        ),
        (
            "two of them",
            format!(
                "GET /v1/jobs HTTP/1.1\r\nHost: {at}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
            ),
            "HTTP/1.1 400 Bad Request",
        ),
    ] {
        assert_eq!(raw(&cluster.api, &request).await, expected, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxys_name_is_the_gateways_own_once_it_is_allowed() {
    let cluster = cluster().await;
    let hosts = ("DTLE_ALLOW_HOST", "dtle.example.com, 10.0.0.5:8443");
    let process = Process::start(&cluster.nomad.url(), &[hosts]);
    for (host, status) in [
        ("dtle.example.com", 200),
        ("dtle.example.com:8190", 200),
        ("10.0.0.5:8443", 200),
        ("10.0.0.5:8444", 421),
        ("other.example.com", 421),
        (process.api.authority(), 200),
    ] {
        let answer = process.api.saying(host).get("/v1/jobs").await;
        assert_eq!(answer.status, status, "{host}");
    }
    for (host, origin, status) in [
        ("dtle.example.com", "https://dtle.example.com", 200),
        // The proxy puts its own Host there.
        (process.api.authority(), "https://dtle.example.com", 200),
        ("dtle.example.com", "https://evil.example", 403),
    ] {
        let answer = form(&process.api.saying(host), &[("Origin", origin)]).await;
        assert_eq!(answer.status, status, "{host} {origin}");
    }
    let log = process.stop();
    assert!(log.contains("https://evil.example"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elsewhere_than_on_loopback_hosts_are_checked_when_some_are_named() {
    let cluster = cluster().await;
    let nomad = cluster.nomad.url();
    let mut open = Process::listening("0.0.0.0:0", &nomad, &[]);
    assert_eq!(
        open.says(),
        "no tokens are asked for: whoever reaches this address may read passwords and stop replication (--tokens FILE)"
    );
    let named = Process::listening(
        "0.0.0.0:0",
        &nomad,
        &[("DTLE_ALLOW_HOST", "dtle.example.com")],
    );
    for (host, by_open, by_named) in [
        ("dtle.example.com", 200, 200),
        ("other.example.com", 200, 421),
        ("127.0.0.1", 200, 200),
    ] {
        for (process, status) in [(&open, by_open), (&named, by_named)] {
            let answer = process.api.saying(host).get("/v1/jobs").await;
            assert_eq!(answer.status, status, "{host}");
        }
    }
    // Pages are refused in either case.
    let answer = form(&open.api, &[("Origin", "http://evil.example")]).await;
    assert_eq!(answer.status, 403);
    assert_eq!(status_of(&cluster).await, "running");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_loopback_or_with_tokens_nothing_is_said_of_them() {
    let cluster = cluster().await;
    let nomad = cluster.nomad.url();
    let (_, entry) = dtle_api::auth::new_token("a", dtle_api::auth::Scope::Read).unwrap();
    let tokens = serde_json::json!({"tokens": [entry]}).to_string();
    let mut quiet = Process::start(&nomad, &[]);
    let mut guarded = Process::listening("0.0.0.0:0", &nomad, &[("DTLE_TOKENS", &tokens)]);
    for process in [&mut quiet, &mut guarded] {
        let line = process.says();
        assert!(line.starts_with("Nomad: "), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_named_origin_may_call_and_their_preflights_need_no_token() {
    const PAGE: &str = "https://console.example.com";
    let cluster = cluster().await;
    let (token, entry) = dtle_api::auth::new_token("a", dtle_api::auth::Scope::Write).unwrap();
    let tokens = serde_json::json!({"tokens": [entry]}).to_string();
    let process = Process::start(
        &cluster.nomad.url(),
        &[("DTLE_TOKENS", &tokens), ("DTLE_CORS_ORIGINS", PAGE)],
    );
    let ask = |origin| {
        [
            ("Origin", origin),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization"),
        ]
    };
    let path = "/v1/job/j1/pause";
    let answer = process.api.send("OPTIONS", path, &ask(PAGE), b"").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("Authorization"), "{allowed}");

    let evil = "https://evil.example";
    let answer = process.api.send("OPTIONS", path, &ask(evil), b"").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("access-control-allow-origin"), None);

    let bearer = format!("Bearer {}", token.expose());
    let with_token = [("Origin", PAGE), ("Authorization", bearer.as_str())];
    let answer = process.api.send("POST", path, &with_token, b"").await;
    answer.succeeds();
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(answer.header("vary"), Some("Accept-Encoding, Origin"));
    // A page learns why it is turned away, too.
    let answer = process.api.send("POST", path, &with_token[..1], b"").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(status_of(&cluster).await, "pause");
}
