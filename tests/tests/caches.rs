//! What is remembered between requests must be of the region that it is used for.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use tests::cluster::job;
use tests::gateway;
use tokio::net::TcpListener;

/// A Nomad of two regions, as far as registering a job goes: in `west` the nodes run
/// dtle 3.20.10, elsewhere 4.23.04. Returns its URL and the jobs it was sent.
async fn two_regions() -> (String, Arc<Mutex<Vec<Value>>>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let jobs = Arc::clone(&sent);
    let answer = move |method: Method, uri: Uri, body: Bytes| {
        let is_west = uri.query().unwrap_or_default().contains("region=west");
        let answer = match (method.as_str(), uri.path()) {
            ("GET", "/v1/nodes") => {
                let release = if is_west { "3.20.10.0" } else { "4.23.04.0" };
                let attributes = json!({"driver.dtle.version": release});
                let driver = json!({"Detected": true, "Healthy": true, "Attributes": attributes});
                Some(json!([{"ID": "n", "Status": "ready", "Drivers": {"dtle": driver}}]))
            }
            ("PUT", "/v1/jobs") => {
                let body: Value = serde_json::from_slice(&body).unwrap();
                jobs.lock().unwrap().push(body["Job"].clone());
                Some(json!({"Index": 20, "JobModifyIndex": 20}))
            }
            _ => None,
        };
        std::future::ready(match answer {
            Some(answer) => (StatusCode::OK, answer.to_string()),
            None => (StatusCode::NOT_FOUND, "not found".to_owned()),
        })
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_written_for_the_plugin_of_the_region_that_it_goes_to() {
    let (url, sent) = two_regions().await;
    let (_server, api) = gateway(&url, &[]).await;
    let of = |region: Option<&str>| {
        let mut job = job("x");
        if let Some(region) = region {
            job["Region"] = json!(region);
        }
        job
    };
    // By the body, by none, by the query; and each once more, from what is remembered.
    for _ in 0..2 {
        api.post_json("/v1/jobs", &of(Some("west")))
            .await
            .succeeds();
        api.post_json("/v1/jobs", &of(None)).await.succeeds();
        api.post_json("/v1/jobs?region=west", &of(None))
            .await
            .succeeds();
    }
    let sent = sent.lock().unwrap();
    let is_split: Vec<bool> = sent
        .iter()
        .map(|job| {
            job["TaskGroups"][0]["Tasks"][0]["Config"]
                .get("ConnectionConfig")
                .is_some()
        })
        .collect();
    assert_eq!(is_split, [true, false, true, true, false, true]);
}
