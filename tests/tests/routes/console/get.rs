//! `GET /`, `GET /docs` and `GET /openapi.json`

use serde_json::Value;
use tests::{Cluster, Generation};

/// The console, and the page that shows the document, come with a policy that lets
/// nothing in, and nothing frame them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_come_with_a_policy_and_the_document_as_json() {
    let cluster = Cluster::start(Generation::Merged).await;
    for path in ["/", "/docs"] {
        let answer = cluster.api.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let policy = answer.header("content-security-policy").unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "'sha256-"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(answer.text().starts_with("<!doctype html>"), "{path}");
    }
    let answer = cluster.api.get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let committed: Value = serde_json::from_str(include_str!("../../../../openapi.json")).unwrap();
    assert_eq!(answer.ok(), committed);
}

/// Nomad has nothing to do with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_is_there_while_nomad_is_not() {
    let (_server, api) = tests::gateway("http://127.0.0.1:1", &[]).await;
    assert_eq!(api.get("/").await.status, 200);
    assert_eq!(api.post("/").await.status, 405);
}
