//! Requests and connections: blocking reads, paths and methods, what a lost connection means, the seed.

use std::time::{Duration, Instant};

use nomad_sim::{Options, Plugin, seed};
use serde_json::{Value, json};
use tests::proxy::{Fault, Which};
use tests::{Client, Proxy};

use super::client::send;
use super::cluster::{
    events, failed, get, gtid, newest, of, put, register, replicating, replication, start,
};

#[tokio::test]
async fn a_read_with_an_index_waits_for_the_next_change() {
    let sim = of(Plugin::V3).await;
    register(&sim, &replication(Plugin::V3, "a")).await;
    replicating(&sim, "a").await;
    let index = get(&sim, "/v1/job/a").await.index();
    let begun = Instant::now();
    let (reply, ()) = tokio::join!(
        async { get(&sim, &format!("/v1/job/a?index={index}&wait=5s")).await },
        async {
            tokio::time::sleep(Duration::from_millis(60)).await;
            let mut job = replication(Plugin::V3, "a");
            job["Meta"] = json!({"x": "y"});
            register(&sim, &job).await;
        }
    );
    let waited = begun.elapsed();
    assert!(
        waited >= Duration::from_millis(60) && waited < Duration::from_secs(2),
        "{waited:?}"
    );
    assert!(reply.index() > index);
    assert_eq!(reply.json()["Meta"], json!({"x": "y"}));
}

#[tokio::test]
async fn a_read_whose_wait_is_over_answers_what_there_is() {
    let sim = of(Plugin::V3).await;
    let begun = Instant::now();
    let reply = get(&sim, "/v1/nodes?index=9999&wait=80ms").await;
    assert!(begun.elapsed() >= Duration::from_millis(80));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_signal_wakes_who_waits_for_the_allocation() {
    for plugin in [Plugin::V3, Plugin::V4] {
        let sim = of(plugin).await;
        register(&sim, &replication(plugin, "a")).await;
        replicating(&sim, "a").await;
        let id = newest(&sim, "a", "Src").await.expect("an allocation")["ID"]
            .as_str()
            .expect("an ID")
            .to_owned();
        let index = get(&sim, &format!("/v1/allocation/{id}")).await.index();
        let (reply, signalled) = tokio::join!(
            async { get(&sim, &format!("/v1/allocation/{id}?index={index}&wait=5s")).await },
            async {
                tokio::time::sleep(Duration::from_millis(30)).await;
                put(
                    &sim,
                    &format!("/v1/client/allocation/{id}/signal"),
                    &json!({"Signal": "stats", "Task": "Src"}),
                )
                .await
            }
        );
        assert_eq!(signalled.status, 500);
        assert!(reply.index() > index);
        assert!(events(&reply.json()).contains(&"Signaling".to_owned()));
    }
}

#[tokio::test]
async fn ids_and_prefixes_are_checked_as_memdb_does() {
    let sim = of(Plugin::V4).await;
    for (path, text) in [
        (
            "/v1/evaluation/x",
            "eval lookup failed: index error: UUID must be 36 characters",
        ),
        (
            "/v1/allocations?prefix=123",
            "alloc lookup failed: index error: Input (without hyphens) must be even length",
        ),
        (
            "/v1/nodes?prefix=zz",
            "node lookup failed: index error: Invalid UUID: encoding/hex: invalid byte: U+007A 'z'",
        ),
    ] {
        let reply = get(&sim, path).await;
        assert_eq!((reply.status, reply.body.as_str()), (500, text), "{path}");
    }
}

#[tokio::test]
async fn wrong_methods_and_paths() {
    let sim = of(Plugin::V4).await;
    for (method, path) in [
        ("PATCH", "/v1/job/a"),
        ("DELETE", "/v1/jobs"),
        ("PUT", "/v1/allocations"),
        ("GET", "/v1/validate/job"),
        ("GET", "/v1/system/gc"),
        ("POST", "/v1/status/leader"),
        (
            "GET",
            "/v1/client/allocation/00000000-0000-0000-0000-000000000000/signal",
        ),
    ] {
        let reply = send(&sim.url(), method, path, &[], None)
            .await
            .expect("an answer");
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (405, "Invalid method"),
            "{method} {path}"
        );
    }
    for path in ["/", "/v1", "/v1/", "/v2/jobs", "/v1/agent/nope"] {
        let reply = get(&sim, path).await;
        assert_eq!((reply.status, reply.body.as_str()), (404, ""), "{path}");
        assert_eq!(reply.header("content-type"), None);
    }
    let reply = get(&sim, "/v1//jobs?x=1").await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (301, Some("/v1/jobs?x=1"))
    );
}

#[tokio::test]
async fn pretty_is_indented_by_four() {
    let sim = of(Plugin::V4).await;
    assert_eq!(
        get(&sim, "/v1/regions?pretty").await.body,
        "[\n    \"global\"\n]\n"
    );
}

#[tokio::test]
async fn a_dropped_connection_may_or_may_not_have_written() {
    let sim = of(Plugin::V4).await;
    let proxy = Proxy::start(sim.address()).await;
    for (fault, written) in [(Fault::Reset, false), (Fault::ResetAfter, true)] {
        proxy.set_next(1, fault, Which::All);
        let body = json!({"Job": replication(Plugin::V4, "a")}).to_string();
        let outcome = send(&proxy.url(), "PUT", "/v1/jobs", &[], Some(&body)).await;
        assert!(outcome.is_err(), "{outcome:?}");
        assert_eq!(get(&sim, "/v1/job/a").await.status == 200, written);
    }
    assert_eq!(proxy.count("PUT", "/v1/jobs"), (2, 1));
    let requests = sim.requests();
    assert_eq!(requests.count("PUT", "/v1/jobs"), 1);
    let writes = requests.all();
    assert_eq!(writes.iter().filter(|one| one.method != "GET").count(), 1);
    assert_eq!(requests.count_below("/v1/job/"), 2);
}

#[tokio::test]
async fn chosen_answers_delays_and_silence() {
    let sim = of(Plugin::V4).await;
    let proxy = Proxy::start(sim.address()).await;
    let text = |status, body| Fault::Answer(status, "text/plain; charset=utf-8", body);
    let client = Client::of_url(&proxy.url());
    proxy.set_next(2, text(429, "slow down"), Which::All);
    for _ in 0..2 {
        client.get("/v1/jobs").await.fails(429, "slow down");
    }
    client.get("/v1/jobs").await.succeeds();
    proxy.set(Fault::Delay(Duration::from_millis(60)), Which::All);
    let begun = Instant::now();
    client.get("/v1/jobs").await.succeeds();
    assert!(begun.elapsed() >= Duration::from_millis(60));
    proxy.set(Fault::Stall, Which::All);
    let silent = tokio::time::timeout(Duration::from_millis(80), client.get("/v1/jobs")).await;
    assert!(silent.is_err(), "a stalled server says nothing");
    proxy.set(text(403, "Permission denied"), Which::All);
    let forbidden = client.get("/v1/job/a").await;
    assert_eq!(
        (forbidden.status, forbidden.text()),
        (403, "Permission denied")
    );
    proxy.clear();
    client.get("/v1/regions").await.succeeds();
}

#[tokio::test]
async fn the_end_of_the_simulation_is_the_end_of_its_connections() {
    let sim = of(Plugin::V4).await;
    let url = sim.url();
    let waiting = tokio::spawn({
        let url = url.clone();
        async move { send(&url, "GET", "/v1/jobs?index=99999&wait=60s", &[], None).await }
    });
    tokio::time::sleep(Duration::from_millis(30)).await;
    sim.shutdown().await;
    let outcome = tokio::time::timeout(Duration::from_secs(2), waiting)
        .await
        .expect("an end")
        .expect("no panic");
    assert!(outcome.is_err());
    assert!(send(&url, "GET", "/v1/jobs", &[], None).await.is_err());
}

#[tokio::test]
async fn the_seed_shows_the_vendors_jobs_and_another_tenants() {
    for plugin in [Plugin::V3, Plugin::V4] {
        let sim = start(Options {
            plugin,
            seed: true,
            ..Options::default()
        })
        .await;
        replicating(&sim, seed::RUNNING_JOB).await;
        let src = get(
            &sim,
            &format!("/v1/allocation/{}", seed::RUNNING_SRC_ALLOCATION),
        )
        .await
        .json();
        assert_eq!(
            (&src["TaskGroup"], &src["JobID"]),
            (&json!("Src"), &json!(seed::RUNNING_JOB))
        );
        let dest = get(
            &sim,
            &format!("/v1/allocation/{}", seed::RUNNING_DEST_ALLOCATION),
        )
        .await
        .json();
        assert_eq!(dest["TaskGroup"], "Dest");
        failed(&sim, seed::FAILED_JOB, "Src").await;
        let ids: Vec<Value> = get(&sim, "/v1/jobs")
            .await
            .json()
            .as_array()
            .expect("a list")
            .iter()
            .map(|j| j["ID"].clone())
            .collect();
        assert_eq!(
            ids,
            [
                json!(seed::RUNNING_JOB),
                json!(seed::FAILED_JOB),
                json!("web")
            ]
        );
        let job = get(&sim, &format!("/v1/job/{}", seed::RUNNING_JOB))
            .await
            .json();
        assert_eq!(job["Meta"], json!({"dtle2": r#"{"Name":"test1-2"}"#}));
        let gtid = gtid(&sim, seed::RUNNING_JOB).await.expect("progress");
        assert!(
            gtid.starts_with("8868d98f-af5e-11e8-9aa9-0242ac110002:1-"),
            "{gtid}"
        );
    }
}
