//! `?index=` and `?wait=`: a read that waits.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::site::written;
use tests::{Answer, PATIENCE, on_every_cluster};

/// What must not wait for [`LONG`] is there long before.
async fn soon(answer: impl Future<Output = Answer>) -> Answer {
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    answer.expect("it waits on")
}

/// Far longer than [`PATIENCE`].
const LONG: &str = "400s";

on_every_cluster!(
    a_blocking_read_waits_for_a_change_or_its_time,
    async |site| {
        let id = site.create("block").await;
        site.running(&id).await;
        // Past already: at once.
        let past = format!("/v1/job/{id}?index=1&wait={LONG}");
        let answer = soon(site.api.get(&past)).await;
        let now = answer.ok()["ModifyIndex"].as_u64().unwrap();

        // Far ahead: when the time is up.
        let began = Instant::now();
        let ahead = format!("/v1/job/{id}?index={}&wait=1500ms", now + 1_000_000);
        soon(site.api.get(&ahead)).await.succeeds();
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(1400), "{took:?}");

        // A change ends it.
        let index: u64 = site
            .api
            .get("/v1/jobs")
            .await
            .header("x-udup-index")
            .unwrap()
            .parse()
            .unwrap();
        let api = site.api.clone();
        let waiting = tokio::spawn(async move {
            soon(api.get(&format!("/v1/jobs?index={index}&wait={LONG}"))).await
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        // Others may change a real cluster meanwhile.
        assert!(
            site.sim.is_none() || !waiting.is_finished(),
            "nothing had changed"
        );
        let mut job = site.job(&id);
        job["Name"] = json!("woken");
        written(&site.api.post_json("/v1/jobs", &job).await);
        let answer = waiting.await.unwrap();
        assert!(
            answer
                .header("x-udup-index")
                .unwrap()
                .parse::<u64>()
                .unwrap()
                > index
        );
        let _ = answer.ok();
    }
);
