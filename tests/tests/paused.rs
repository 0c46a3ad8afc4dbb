//! `?paused=true`: a job that is registered and does not run until it is resumed.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::time::Duration;

use nomad_sim::{NomadSim, Options};
use serde_json::{Value, json};
use tests::cluster::{job, running};
use tests::{Client, Generation, gateway, on_both};

const ID: &str = "waiting";

async fn api(generation: Generation) -> (Client, impl Sized) {
    let nomad = NomadSim::start(Options {
        plugin: generation.plugin(),
        ..Options::default()
    })
    .await
    .unwrap();
    let settings = [("DTLE_LAYOUT", generation.layout())];
    let (server, api) = gateway(&nomad.url(), &settings).await;
    (api, (server, nomad))
}

async fn status(api: &Client) -> Value {
    api.get(&format!("/v1/job/{ID}")).await.ok()["Status"].clone()
}

async fn allocations(api: &Client) -> usize {
    let list = api.get(&format!("/v1/job/{ID}/allocations")).await.ok();
    list.as_array().unwrap().len()
}

on_both!(
    a_job_made_paused_gets_no_allocation_until_it_is_resumed,
    async |generation| {
        let (api, _cluster) = api(generation).await;
        let reply = api.post_json("/v1/jobs?paused=true", &job(ID)).await.ok();
        assert_eq!(reply["Success"], true);
        assert_eq!(status(&api).await, "pause");
        // What starts later has started every task there is: none of this job's.
        api.post_json("/v1/jobs", &job("other")).await.succeeds();
        running(&api, "other", Duration::from_secs(10)).await;
        assert_eq!(allocations(&api).await, 0);
        assert_eq!(status(&api).await, "pause");

        let reply = api.post(&format!("/v1/job/{ID}/resume")).await.ok();
        assert_eq!(reply["Success"], true);
        running(&api, ID, Duration::from_secs(10)).await;
    }
);

on_both!(
    an_update_with_paused_stops_a_job_that_runs,
    async |generation| {
        let (api, _cluster) = api(generation).await;
        api.post_json("/v1/jobs", &job(ID)).await.succeeds();
        running(&api, ID, Duration::from_secs(10)).await;
        let path = format!("/v1/job/{ID}?paused=true");
        api.post_json(&path, &job(ID)).await.succeeds();
        assert_eq!(status(&api).await, "pause");
        // An update without it starts the job, as 2.x has it.
        api.post_json("/v1/jobs", &job(ID)).await.succeeds();
        running(&api, ID, Duration::from_secs(10)).await;
    }
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nomad_job_can_be_registered_paused_too() {
    let (api, _cluster) = api(Generation::Split).await;
    let connection = json!({"Host": "10.9.8.7", "Port": 3306, "User": "u", "Password": "p"});
    let group = |side: &str| {
        json!({"Name": side, "Tasks": [
            {"Name": side, "Driver": "dtle", "Config": {"ConnectionConfig": connection}}
        ]})
    };
    let body = json!({"Job": {"ID": ID, "TaskGroups": [group("src"), group("dest")]}});
    api.post_json("/v1/jobs?paused=true", &body)
        .await
        .succeeds();
    assert_eq!(status(&api).await, "pause");
    api.post(&format!("/v1/job/{ID}/resume")).await.succeeds();
    running(&api, ID, Duration::from_secs(10)).await;
}
