//! `POST`, `PUT /v1/jobs`: a masked password means the registered one.

use serde_json::{Value, json};
use tests::cluster::task;
use tests::sent::{expected, job_with, lasting, survives};
use tests::site::written;
use tests::{Cluster, on_both, on_every_cluster};

on_every_cluster!(
    a_masked_password_means_the_registered_one_and_needs_one,
    async |site| {
        let id = site.id("mask");
        let mut job = site.job(&id);
        let password = |job: &Value, side: usize| {
            job["Tasks"][side]["Config"]["ConnectionConfig"]["Password"].clone()
        };
        for side in [0, 1] {
            job["Tasks"][side]["Config"]["ConnectionConfig"]["Password"] = json!("*");
        }
        let answer = site.api.post_json("/v1/jobs", &job).await;
        assert_eq!(answer.status, 400);
        assert!(
            answer.text().contains("Src") && answer.text().contains("Dest"),
            "{}",
            answer.text()
        );
        site.api
            .get(&format!("/v1/job/{id}"))
            .await
            .fails(404, "job not found");

        written(&site.api.post_json("/v1/jobs", &site.job(&id)).await);
        job["Tasks"][0]["Config"]["ChunkSize"] = json!(9);
        written(&site.api.post_json("/v1/jobs", &job).await);
        let read = site.get(&id).await;
        assert_eq!(task(&read, "Src")["Config"]["ChunkSize"], 9);
        for (side, name) in [(0, "Src"), (1, "Dest")] {
            assert_eq!(
                task(&read, name)["Config"]["ConnectionConfig"]["Password"],
                password(&site.job(&id), side)
            );
        }
        site.running(&id).await;
        let list = site.api.get(&format!("/v1/jobs?prefix={id}")).await.ok();
        for side in [0, 1] {
            assert_eq!(password(&list[0]["JobSummary"], side), "*");
        }
    }
);

on_both!(
    a_masked_password_keeps_the_registered_one_on_each_side,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let sent = job_with(
            "masked",
            &json!({"ConnectionConfig":
        {"Host": "10.9.8.7", "Port": 1234, "User": "u", "Password": "s${1}%{2}*"}}),
            &json!({}),
        );
        survives(&cluster, &sent).await;
        // As the list shows it, sent back with one change.
        let list = cluster.api.get("/v1/jobs").await.ok();
        let mut shown = list[0]["JobSummary"].clone();
        for side in [0, 1] {
            assert_eq!(
                shown["Tasks"][side]["Config"]["ConnectionConfig"]["Password"],
                "*"
            );
        }
        shown["Tasks"][0]["Config"]["ChunkSize"] = json!(11);
        assert_eq!(
            cluster.api.post_json("/v1/jobs", &shown).await.ok()["Success"],
            true
        );
        let mut changed = sent.clone();
        changed["Tasks"][0]["Config"]["ChunkSize"] = json!(11);
        assert_eq!(lasting(cluster.read("masked").await), expected(&changed));
        cluster.running("masked").await;
    }
);
