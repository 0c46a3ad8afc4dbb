//! `POST`, `PUT /v1/job/{id}`

use serde_json::{Value, json};
use tests::cluster::task;
use tests::sent::{
    cluster_job, documented, documented_and_refused, expected, job_with, lasting, received_none,
    survives,
};
use tests::site::written;
use tests::{Cluster, Generation, PATIENCE, eventually, gateway, on_both, on_every_cluster};

on_every_cluster!(an_update_without_datacenters_keeps_them, async |site| {
    let id = site.id("datacenters");
    let mut job = site.job(&id);
    job["Datacenters"] = json!(["dc1", "dc2"]);
    written(&site.api.post_json("/v1/jobs?paused=true", &job).await);
    job.as_object_mut().unwrap().remove("Datacenters");
    job["Name"] = json!("renamed");
    written(&site.api.post_json("/v1/jobs?paused=true", &job).await);
    let now = site.get(&id).await;
    assert_eq!(
        (&now["Name"], &now["Datacenters"]),
        (&json!("renamed"), &json!(["dc1", "dc2"]))
    );

    job["Datacenters"] = json!(["dc1"]);
    written(&site.api.post_json("/v1/jobs?paused=true", &job).await);
    assert_eq!(site.get(&id).await["Datacenters"], json!(["dc1"]));
});

on_every_cluster!(an_update_is_applied_by_either_route, async |site| {
    let id = site.create("update").await;
    let first = site.running(&id).await;
    let mut job = site.job(&id);
    job["Name"] = json!("renamed");
    job["Tasks"][0]["Config"]["ChunkSize"] = json!("500");
    written(&site.api.post_json("/v1/jobs", &job).await);
    let now = site.get(&id).await;
    assert_eq!(
        (&now["Name"], &task(&now, "Src")["Config"]["ChunkSize"]),
        (&json!("renamed"), &json!("500"))
    );
    assert!(now["JobModifyIndex"].as_u64() > first["JobModifyIndex"].as_u64());
    assert_eq!(now["CreateIndex"], first["CreateIndex"]);

    // By its own route, where the path names it if the body does not.
    job["Tasks"][0]["Config"]["ChunkSize"] = json!(501);
    for method in ["PUT", "POST"] {
        job["Name"] = json!(format!("by {method}"));
        let mut body = job.clone();
        if method == "PUT" {
            body.as_object_mut().unwrap().remove("ID");
        }
        let text = body.to_string();
        written(
            &site
                .api
                .send(method, &format!("/v1/job/{id}"), &[], text.as_bytes())
                .await,
        );
        assert_eq!(site.get(&id).await["Name"], job["Name"]);
    }
    assert_eq!(
        task(&site.running(&id).await, "Src")["Config"]["ChunkSize"],
        501
    );

    let other = site.id("another");
    let answer = site.api.put_json(&format!("/v1/job/{other}"), &job).await;
    assert_eq!(answer.status, 400, "{}", answer.shown());
    assert!(
        answer.text().contains(&id) && answer.text().contains(&other),
        "{}",
        answer.text()
    );
    site.api
        .get(&format!("/v1/job/{other}"))
        .await
        .fails(404, "job not found");
});

on_both!(
    what_was_read_can_be_sent_back_and_changes_nothing,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let src = documented_and_refused();
        let sent = job_with(
            "again",
            &src,
            &json!({"ParallelWorkers": 2, "NatsAddr": "a:1"}),
        );
        let before = survives(&cluster, &sent).await;
        let allocations = |list: &Value| -> Vec<String> {
            let list = list.as_array().unwrap().iter();
            list.map(|one| one["ID"].as_str().unwrap().to_owned())
                .collect()
        };
        let tasks = cluster.api.get("/v1/job/again/allocations").await.ok();
        for _ in 0..3 {
            let reply = cluster.api.put_json("/v1/job/again", &before).await.ok();
            assert_eq!(reply["Success"], true);
            assert_eq!(
                lasting(cluster.running("again").await),
                lasting(before.clone())
            );
        }
        // Nothing was restarted.
        let now = cluster.api.get("/v1/job/again/allocations").await.ok();
        assert_eq!(allocations(&now), allocations(&tasks));
    }
);

on_both!(
    an_update_replaces_everything_the_client_sent,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let mut src = documented();
        src["NatsAddr"] = json!("a:1");
        let mut sent = job_with("changed", &src, &json!({"ParallelWorkers": 2, "mine": 1}));
        sent["Failover"] = json!(true);
        sent["Orders"] = json!([]);
        survives(&cluster, &sent).await;
        let mut fewer = job_with(
            "changed",
            &json!({"ChunkSize": 5}),
            &json!({"BytesLimit": 1}),
        );
        fewer["Name"] = json!("renamed");
        let reply = cluster.api.put_json("/v1/job/changed", &fewer).await.ok();
        assert_eq!(reply["Success"], true);
        // The renamed job is the same one to the plugin.
        assert_eq!(cluster_job(&cluster, "changed").await["Name"], "changed");
        eventually("the update is read back", || async {
            let job = lasting(cluster.read("changed").await);
            if job == expected(&fewer) {
                Ok(())
            } else {
                Err(job)
            }
        })
        .await;
        assert_eq!(lasting(cluster.running("changed").await), expected(&fewer));
        let received = cluster.received("changed", "Src").await;
        assert_eq!(received["ChunkSize"], 5);
        received_none(&received, &json!({"SqlFilter": 1, "DropTableIfExists": 1}));
    }
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_survives_the_change_of_the_plugins_generation() {
    // Registered for 3.x on a cluster that has moved on: it cannot run there.
    let old = Cluster::with(Generation::Merged, &[("DTLE_LAYOUT", "split")]).await;
    let mut src = documented();
    src["NatsAddr"] = json!("a:1");
    let sent = job_with("moved", &src, &json!({"ParallelWorkers": 3}));
    old.create(&sent).await;
    assert_eq!(lasting(old.read("moved").await), expected(&sent));
    // The gateway that asks the nodes reads it as it was sent.
    let (_server, api) = gateway(&old.nomad.url(), &[]).await;
    let read = api.get("/v1/job/moved").await.ok();
    assert_eq!(lasting(read.clone()), expected(&sent));
    // Sent again with the passwords as a list shows them, it runs.
    let mut masked = read;
    for side in [0, 1] {
        masked["Tasks"][side]["Config"]["ConnectionConfig"]["Password"] = json!("*");
    }
    assert_eq!(
        api.put_json("/v1/job/moved", &masked).await.ok()["Success"],
        true
    );
    let job = tests::cluster::running(&api, "moved", PATIENCE).await;
    assert_eq!(lasting(job), expected(&sent));
    let received = old.received("moved", "Src").await;
    assert_eq!(received["SrcConnectionConfig"]["Password"], "secret-of-src");
    assert_eq!(
        received["DestConnectionConfig"]["Password"],
        "secret-of-dest"
    );
}
