//! `POST`, `PUT /v1/jobs`: bodies that are jobs of Nomad's own form.

use serde_json::{Value, json};
use tests::cluster::{job, nomad_job, task};
use tests::on_every_cluster;
use tests::site::written;
use tests::two_tenants::{FOREIGN, TwoTenants};

on_every_cluster!(
    a_nomad_job_of_dtle_tasks_is_forwarded_and_keeps_what_is_its_own,
    async |site| {
        // What a 2.x job of this cluster looks like in Nomad, under another ID.
        let model = site.create("model").await;
        let document = site.nomad.get(&format!("/v1/job/{model}")).await.json();
        let id = site.id("native");
        let groups: Vec<Value> = document["TaskGroups"].as_array().unwrap().iter().map(|group| {
        json!({"Name": group["Name"], "Count": 1, "Tasks": [{
            "Name": group["Tasks"][0]["Name"], "Driver": "dtle", "Config": group["Tasks"][0]["Config"],
            "Resources": {"CPU": 20, "MemoryMB": 20},
        }]})
    }).collect();
        let native = json!({"Job": {
            "ID": id, "Name": id, "Datacenters": ["dc1"], "Type": "service", "Priority": 60,
            "Meta": {"owner": "ops"}, "TaskGroups": groups,
        }});
        written(&site.api.post_json("/v1/jobs", &native).await);
        let job = site.running(&id).await;
        assert_eq!(job["Name"], id);
        assert_eq!(
            task(&job, "Src")["Config"]["ConnectionConfig"]["Host"],
            site.source["Host"]
        );
        assert_eq!(
            task(&job, "Dest")["Config"]["ConnectionConfig"]["Host"],
            site.destination["Host"]
        );
        // Paused, resumed, and changed by a 2.x body, it is still theirs.
        written(&site.api.post(&format!("/v1/job/{id}/pause")).await);
        site.becomes(&id, "pause").await;
        written(&site.api.post(&format!("/v1/job/{id}/resume")).await);
        site.running(&id).await;
        written(
            &site
                .api
                .put_json(&format!("/v1/job/{id}"), &site.job(&id))
                .await,
        );
        let document = site.nomad.get(&format!("/v1/job/{id}")).await.json();
        assert_eq!(
            (&document["Meta"]["owner"], &document["Priority"]),
            (&json!("ops"), &json!(60))
        );

        let mut foreign = native.clone();
        let other = site.id("stranger");
        foreign["Job"]["ID"] = json!(other);
        foreign["Job"]["TaskGroups"][0]["Tasks"][0]["Driver"] = json!("mock_driver");
        let answer = site.api.post_json("/v1/jobs", &foreign).await;
        assert_eq!(answer.status, 400, "{}", answer.shown());
        assert_eq!(
            site.nomad.get(&format!("/v1/job/{other}")).await.status,
            404
        );
    }
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_goes_to_no_other_namespace_than_the_one_it_was_looked_up_in() {
    let shared = TwoTenants::start().await;
    let mut body = nomad_job("elsewhere", "dtle");
    body["Job"]["Namespace"] = json!("another");
    let answer = shared.api.put_json("/v1/jobs", &body).await;
    answer.fails(
        400,
        "Namespace is not \"default\", the one that this API serves",
    );
    body["Job"]["Namespace"] = json!("default");
    shared.api.put_json("/v1/jobs", &body).await.succeeds();
    // Nor to another region: nothing is asked there.
    shared.proxy.forget();
    let mut far = job("far");
    far["Region"] = json!("another");
    shared
        .api
        .post_json("/v1/jobs", &far)
        .await
        .fails(500, "No path to region");
    for asked in shared.proxy.log() {
        assert_eq!(asked.target, "/v1/regions");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_takes_another_ones_name_and_with_it_its_progress() {
    let shared = TwoTenants::start().await;
    let mut thief = nomad_job("thief", "dtle");
    for name in ["own", "own/x", FOREIGN] {
        thief["Job"]["Name"] = json!(name);
        let answer = shared.api.put_json("/v1/jobs", &thief).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.shown());
    }
    thief["Job"]["Name"] = json!("thief");
    shared.api.put_json("/v1/jobs", &thief).await.succeeds();
    // One that somebody else gave stays.
    let direct = &shared.direct;
    let mut named = nomad_job("named", "dtle");
    named["Job"]["Name"] = json!("a-name-of-its-own");
    assert_eq!(direct.put_json("/v1/jobs", &named).await.status, 200);
    shared.api.put_json("/v1/jobs", &named).await.succeeds();
}
