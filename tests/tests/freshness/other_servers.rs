//! Answers of a server that is not the one from before: a leader that was deposed and
//! does not know it, a follower behind, a cluster that was made anew.

use std::time::Duration;

use nomad_sim::{NomadSim, Options};
use tests::contention::job;
use tests::proxy::{Fault, Which};
use tests::{Client, Proxy, gateway};

use super::NODE;

async fn start() -> NomadSim {
    let options = Options {
        version: Some("4.23.04.0".to_owned()),
        ..Options::default()
    };
    NomadSim::start(options).await.unwrap()
}

/// Registers a job with a Name. It is paused, so that its status takes no further call
/// and what is answered of it is remembered.
async fn register(nomad: &NomadSim, id: &str, name: &str) {
    let (_server, api) = gateway(&nomad.url(), &[("DTLE_LAYOUT", "merged")]).await;
    let body = job(id, &[name.to_owned()], NODE);
    let target = "/v1/jobs?paused=true";
    api.post_json(target, &body).await.succeeds();
}

/// The Name of the only job, in the list and alone.
async fn names(api: &Client) -> [String; 2] {
    let list = api.get("/v1/jobs").await.ok();
    let alone = api.get("/v1/job/a").await.ok();
    [&list[0], &alone].map(|job| job["Name"].as_str().unwrap().to_owned())
}

/// Two servers that know of a job; the second one knows of a later change, too.
async fn two_servers() -> (NomadSim, NomadSim) {
    let (behind, ahead) = (start().await, start().await);
    register(&behind, "a", "first").await;
    register(&ahead, "a", "first").await;
    register(&ahead, "a", "second").await;
    (behind, ahead)
}

/// A leader that was frozen answers what has waited for it before it learns that there
/// is another leader. Seen on three servers of Nomad 1.1.2: of ten leaders that were
/// frozen for some seconds four did so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_thawed_leader_says_is_asked_again() {
    let (behind, ahead) = two_servers().await;
    let way = Proxy::start(behind.address()).await;
    let (_server, api) = gateway(&way.url(), &[]).await;
    assert_eq!(names(&api).await, ["first", "first"]);
    assert_eq!(names(&api).await, ["first", "first"]);
    way.lead_to(ahead.address());
    let thawed = Fault::By(behind.address(), Duration::from_millis(800));
    for (target, place) in [("/v1/jobs", "/0/Name"), ("/v1/job/a", "/Name")] {
        way.set_next(1, thawed.clone(), Which::All);
        let answer = api.get(target).await.ok();
        assert_eq!(answer.pointer(place).unwrap(), "second", "{target}");
    }
}

/// Of one stale read, the calls may be answered by servers that are not equally far.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stale_read_brought_is_not_answered_to_others() {
    let (behind, ahead) = two_servers().await;
    let way = Proxy::start(behind.address()).await;
    let (_server, api) = gateway(&way.url(), &[]).await;
    assert_eq!(names(&api).await, ["first", "first"]);
    way.lead_to(ahead.address());
    let follower = Fault::By(behind.address(), Duration::ZERO);
    way.set(follower, Which::OneJob);
    for target in ["/v1/job/a?stale", "/v1/jobs?stale", "/v1/job/a?stale"] {
        api.get(target).await.succeeds();
    }
    way.clear();
    assert_eq!(names(&api).await, ["second", "second"]);
}

/// A cluster that was made anew counts from the beginning: its job may have the index
/// that another one had under the same ID.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_another_cluster_is_another_job_at_the_same_index() {
    let (before, anew) = (start().await, start().await);
    register(&before, "a", "first").await;
    register(&anew, "a", "second").await;
    // So that the indexes of the lists differ.
    register(&anew, "b", "other").await;
    let way = Proxy::start(before.address()).await;
    let (_server, api) = gateway(&way.url(), &[]).await;
    let index = async || api.get("/v1/job/a").await.ok()["JobModifyIndex"].clone();
    let of_before = index().await;
    assert_eq!(names(&api).await, ["first", "first"]);
    way.lead_to(anew.address());
    assert_eq!(names(&api).await, ["second", "second"]);
    assert_eq!(index().await, of_before);
}
