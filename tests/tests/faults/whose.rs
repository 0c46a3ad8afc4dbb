//! Whose fault it is that a request failed. Alarms and releases go by this, and
//! tests/template/alarms.py by the same words.

use dtle_api::observe::Fault;
use nomad_sim::{Acl, NomadSim, Options};
use serde_json::json;
use tests::cluster::{job, running};
use tests::gateway::{Records, recorded_gateway};
use tests::{Client, PATIENCE};

async fn nomad() -> NomadSim {
    NomadSim::start(Options {
        version: Some("4.23.04.0".to_owned()),
        ..Options::default()
    })
    .await
    .unwrap()
}

/// Asks once; the status of the answer, and whose fault that is.
async fn asked(
    api: &Client,
    records: &Records,
    (method, target, body): (&str, &str, &[u8]),
) -> (u16, Option<Fault>) {
    records.lock().unwrap().clear();
    let answer = api.send(method, target, &[], body).await;
    let records = records.lock().unwrap();
    assert_eq!(records.len(), 1, "{method} {target}");
    assert_eq!(records[0].status, answer.status);
    (answer.status, records[0].fault)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_caller_does_wrong_is_the_callers_fault_whatever_its_status() {
    let nomad = nomad().await;
    let (_server, api, records) = recorded_gateway(&nomad.url(), &[]).await;
    api.post_json("/v1/jobs", &job("there")).await.succeeds();
    running(&api, "there", PATIENCE).await;
    let with = |more: serde_json::Value| {
        let mut job = job("there");
        for (key, value) in more.as_object().unwrap() {
            job[key] = value.clone();
        }
        job.to_string().into_bytes()
    };
    let stale = with(json!({"EnforceIndex": true, "JobModifyIndex": 1}));
    let elsewhere = with(json!({"Region": "mars"}));
    let large = vec![b' '; (4 << 20) + 1];
    for (status, method, target, body) in [
        // 2.x's statuses, all of them 5xx.
        (500, "GET", "/v1/jobs?region=mars", &b""[..]),
        (500, "PUT", "/v1/jobs", &elsewhere),
        (500, "POST", "/v1/jobs", &stale),
        (
            500,
            "DELETE",
            "/v1/operator/raft/peer?address=10.0.0.9:4647",
            b"",
        ),
        (501, "GET", "/v1/login", b""),
        (501, "POST", "/v1/orders", b"{}"),
        (400, "POST", "/v1/jobs", b"{"),
        (400, "POST", "/v1/jobs", b"{}"),
        (400, "GET", "/v1/jobs?index=-1", b""),
        (400, "PUT", "/v1/join", b""),
        (404, "GET", "/v1/job/none", b""),
        (404, "GET", "/v1/node/x", b""),
        (404, "GET", "/v1/agent/allocation/x/stats", b""),
        (413, "POST", "/v1/jobs", &large),
    ] {
        let found = asked(&api, &records, (method, target, body)).await;
        assert_eq!(found, (status, Some(Fault::Caller)), "{method} {target}");
    }
    let fine = asked(&api, &records, ("GET", "/v1/job/there", b"")).await;
    assert_eq!(fine, (200, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nomads_token_may_not_do_is_asked_in_vain_and_a_token_that_is_unknown_is_a_fault() {
    let request = ("GET", "/v1/jobs", &b""[..]);
    // The releases from 1.5 on have the same words for all of these.
    for build in ["1.1.2", "1.10.5", "2.0.5"] {
        let nomad = NomadSim::start(Options {
            build: build.to_owned(),
            acl: Some(Acl::default()),
            ..Options::default()
        });
        let nomad = nomad.await.unwrap();
        let Acl { weak, expired, .. } = Acl::default();
        for (token, fault) in [
            (None, Fault::Caller),
            (Some(&*weak), Fault::Caller),
            (Some(&*expired), Fault::Gateway),
            (Some("11111111-1111-1111-1111-111111111111"), Fault::Gateway),
        ] {
            let settings: Vec<_> = token
                .map(|token| ("NOMAD_TOKEN", token))
                .into_iter()
                .collect();
            let (_server, api, records) = recorded_gateway(&nomad.url(), &settings).await;
            let found = asked(&api, &records, request).await;
            assert_eq!(found, (403, Some(fault)), "{build} {token:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_of_the_settings_that_nomad_does_not_know_is_no_callers_fault() {
    let nomad = nomad().await;
    let settings = [("NOMAD_REGION", "mars")];
    let (_server, api, records) = recorded_gateway(&nomad.url(), &settings).await;
    let found = asked(&api, &records, ("GET", "/v1/jobs", b"")).await;
    assert_eq!(found, (500, Some(Fault::Gateway)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nomad_that_is_away_is_nomads_fault() {
    let (_server, api, records) = recorded_gateway("http://127.0.0.1:1", &[]).await;
    let found = asked(&api, &records, ("GET", "/v1/jobs", b"")).await;
    assert_eq!(found, (502, Some(Fault::Nomad)));
}
