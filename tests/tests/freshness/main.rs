//! What is remembered is never answered after a change that Nomad has confirmed,
//! whoever made it.
//!
//! `FRESHNESS_ROUNDS` makes the tests with rounds longer. `NOMAD_ADDR` runs them on a
//! real Nomad, with the plugin 4.x and without ACLs. It may name several servers,
//! separated by commas: each gateway begins with another of them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets something odd should stop and say so"
)]

mod every_route;
mod other_servers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use local::gateway::Server;
use nomad_sim::{NomadSim, Options};
use serde_json::Value;
use tests::contention::{Random, job};
use tests::proxy::{Fault, Which};
use tests::{Client, Proxy, eventually, gateway};

/// On a node that is not there nothing runs, and a real Nomad has no work with it.
const NODE: Option<&str> = Some("nowhere");

/// What a variable says, or what holds otherwise.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

async fn nomad() -> (Option<NomadSim>, String) {
    if let Ok(url) = std::env::var("NOMAD_ADDR") {
        return (None, url);
    }
    let options = Options {
        version: Some("4.23.04.0".to_owned()),
        keeps_requests: false,
        ..Options::default()
    };
    let nomad = NomadSim::start(options).await.unwrap();
    let url = nomad.url();
    (Some(nomad), url)
}

async fn two_gateways(url: &str) -> (Vec<Client>, Vec<Server>) {
    let (mut apis, mut servers) = (Vec::new(), Vec::new());
    let mut addresses: Vec<&str> = url.split(',').collect();
    for _ in 0..2 {
        let url = addresses.join(",");
        addresses.rotate_left(1);
        let (server, api) = gateway(&url, &[("DTLE_LAYOUT", "merged")]).await;
        apis.push(api);
        servers.push(server);
    }
    (apis, servers)
}

/// What a caller is told of a job: Name and Status, in the list and alone. They have to
/// agree.
async fn seen(api: &Client, prefix: &str, id: &str) -> Option<(String, String)> {
    let pair = |job: &Value| {
        let text = |key: &str| job[key].as_str().unwrap().to_owned();
        (text("Name"), text("Status"))
    };
    let list = api.get(&format!("/v1/jobs?prefix={prefix}")).await.ok();
    let listed = list.as_array().unwrap().iter().find(|job| job["ID"] == id);
    let alone = api.get(&format!("/v1/job/{id}")).await;
    let alone = (alone.status == 200).then(|| pair(&alone.json()));
    assert_eq!(listed.map(pair), alone, "{id}");
    alone
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_seen_by_the_next_reader_of_either_gateway() {
    let rounds = number("FRESHNESS_ROUNDS", 300);
    let (nomad, url) = nomad().await;
    let (apis, _servers) = two_gateways(&url).await;
    let mut random = Random::of(1);
    let run = format!("fresh-{}", std::process::id());
    // One job's ID begins with the other's.
    let ids = [run.clone(), format!("{run}-1"), format!("{run}-2")];
    for round in 0..rounds {
        if round % 100 == 99 && nomad.is_some() {
            // A Nomad does so by itself. All evaluations of 10,000 rounds would slow it down.
            let nomad = Client::of_url(&url);
            let collected = nomad.send("PUT", "/v1/system/gc", &[], b"").await;
            assert_eq!(collected.status, 200);
        }
        let id = random.of_these(&ids);
        let (writer, reader) = (random.of_these(&apis), random.of_these(&apis));
        let before = seen(reader, &run, id).await;
        let state = before.as_ref().map(|(_, status)| status.as_str());
        let told = format!("round {round}: {id}, {before:?}");
        match (random.below(5), state) {
            (0, Some(_)) => {
                writer.delete(&format!("/v1/job/{id}")).await.succeeds();
                assert_eq!(seen(reader, &run, id).await, None, "{told}");
            }
            (1 | 2, Some("pause")) => {
                writer
                    .post(&format!("/v1/job/{id}/resume"))
                    .await
                    .succeeds();
                let now = seen(reader, &run, id).await.unwrap();
                assert_ne!(now.1, "pause", "{told}");
            }
            (1 | 2, Some(_)) => {
                writer.post(&format!("/v1/job/{id}/pause")).await.succeeds();
                let now = seen(reader, &run, id).await.unwrap();
                assert_eq!(now.1, "pause", "{told}");
            }
            _ => {
                let name = format!("name-{round}");
                let body = job(id, std::slice::from_ref(&name), NODE);
                writer.post_json("/v1/jobs", &body).await.succeeds();
                let now = seen(reader, &run, id).await.unwrap();
                assert_eq!(now.0, name, "{told}");
            }
        }
    }
    for id in &ids {
        apis[0].delete(&format!("/v1/job/{id}")).await.succeeds();
    }
}

/// The ModifyIndex of each object in a list, by ID.
async fn indexes(api: &Client, target: &str) -> BTreeMap<String, u64> {
    let list = api.get(target).await.ok();
    let pair = |one: &Value| {
        let id = one["ID"].as_str().unwrap().to_owned();
        (id, one["ModifyIndex"].as_u64().unwrap())
    };
    list.as_array().unwrap().iter().map(pair).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_list_is_older_than_what_a_jobs_own_routes_said_before() {
    let rounds = number("FRESHNESS_ROUNDS", 100);
    let (_nomad, url) = nomad().await;
    let (apis, _servers) = two_gateways(&url).await;
    let mut random = Random::of(2);
    let id = format!("parts-{}", std::process::id());
    for round in 0..rounds {
        let (writer, reader) = (random.of_these(&apis), random.of_these(&apis));
        let verb = random.of_these(&["pause", "resume", "update"]);
        if round == 0 || *verb == "update" {
            let body = job(&id, &[format!("name-{round}")], None);
            writer.post_json("/v1/jobs", &body).await.succeeds();
        } else {
            let target = format!("/v1/job/{id}/{verb}");
            writer.post(&target).await.succeeds();
        }
        for kind in ["allocations", "evaluations"] {
            let parts = indexes(reader, &format!("/v1/job/{id}/{kind}")).await;
            assert!(!parts.is_empty(), "round {round}: {kind}");
            let list = indexes(random.of_these(&apis), &format!("/v1/{kind}")).await;
            for (part, index) in parts {
                let listed = list.get(&part).copied().unwrap_or_default();
                assert!(listed >= index, "round {round}: {kind}: {part}");
            }
        }
    }
    apis[0].delete(&format!("/v1/job/{id}")).await.succeeds();
    for kind in ["allocations", "evaluations"] {
        let parts = indexes(&apis[1], &format!("/v1/job/{id}/{kind}")).await;
        assert!(parts.is_empty(), "{kind}");
        for api in &apis {
            let list = api.get(&format!("/v1/{kind}")).await.ok();
            let mut of_it = list.as_array().unwrap().iter();
            assert!(of_it.all(|one| one["JobID"] != *id), "{kind}");
        }
    }
}

/// A cluster that was set up again, or restored from an older snapshot, has lower
/// indexes than what is remembered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_was_restored_is_read_again() {
    let start = async || {
        let options = Options {
            version: Some("4.23.04.0".to_owned()),
            ..Options::default()
        };
        NomadSim::start(options).await.unwrap()
    };
    let first = start().await;
    let way = Proxy::start(first.address()).await;
    let (apis, _servers) = two_gateways(&way.url()).await;
    for id in ["old-1", "old-2", "old-3"] {
        let body = job(id, &[], NODE);
        apis[0].post_json("/v1/jobs", &body).await.succeeds();
    }
    let names = async |api: &Client| {
        let list = api.get("/v1/jobs").await.ok();
        let ids = list.as_array().unwrap().iter();
        ids.map(|job| job["ID"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for api in &apis {
        assert_eq!(names(api).await, ["old-1", "old-2", "old-3"]);
        assert_eq!(names(api).await, ["old-1", "old-2", "old-3"]);
    }
    let second = start().await;
    way.lead_to(second.address());
    let body = job("new", &[], NODE);
    apis[0].post_json("/v1/jobs", &body).await.succeeds();
    for api in &apis {
        assert_eq!(names(api).await, ["new"]);
        assert_eq!(api.get("/v1/job/old-1").await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_not_changed_costs_nomad_a_call_that_brings_little() {
    let nomad = NomadSim::start(Options::default()).await.unwrap();
    let (apis, _servers) = two_gateways(&nomad.url()).await;
    for number in 0..30 {
        let body = job(&format!("job-{number}"), &[], None);
        let target = "/v1/jobs?paused=true";
        apis[0].post_json(target, &body).await.succeeds();
    }
    let asked = async |target: &str| {
        nomad.requests().forget();
        let answer = apis[1].get(target).await;
        let calls = nomad.requests().all().len();
        (answer.text().to_owned(), calls)
    };
    let (first, calls) = asked("/v1/jobs").await;
    assert_eq!(calls, 31, "the list and each job");
    assert_eq!(asked("/v1/jobs").await, (first, 1));
    let (first, _) = asked("/v1/job/job-29").await;
    assert_eq!(asked("/v1/job/job-29").await, (first, 1));
    // Ten more IDs begin with this one.
    let (first, _) = asked("/v1/job/job-2").await;
    assert_eq!(asked("/v1/job/job-2").await, (first, 1));
    // The others say how many tables they are read from.
    for (target, tables) in [
        ("/v1/allocations", 2),
        ("/v1/evaluations", 2),
        ("/v1/nodes", 1),
    ] {
        let (first, _) = asked(target).await;
        assert_eq!(asked(target).await, (first, tables), "{target}");
    }
}

/// A caller who leaves, a browser's tab that is closed, does not stop what it began.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_filled_for_the_next_caller_when_the_first_has_left() {
    let nomad = NomadSim::start(Options::default()).await.unwrap();
    let way = Proxy::start(nomad.address()).await;
    let (apis, _servers) = two_gateways(&way.url()).await;
    for number in 0..40 {
        let body = job(&format!("job-{number}"), &[], None);
        let target = "/v1/jobs?paused=true";
        apis[0].post_json(target, &body).await.succeeds();
    }
    way.set(Fault::Delay(Duration::from_millis(100)), Which::All);
    nomad.requests().forget();
    let leaves = tokio::time::timeout(Duration::from_millis(150), apis[1].get("/v1/jobs"));
    assert!(leaves.await.is_err(), "the list was there too soon");
    eventually("the list and each job are read", || async {
        // On a slow machine some are asked twice.
        let all = nomad.requests().all();
        let asked: BTreeSet<&str> = all.iter().map(|one| one.path.as_str()).collect();
        match asked.len() {
            41 => Ok(()),
            fewer => Err(fewer),
        }
    })
    .await;
}
