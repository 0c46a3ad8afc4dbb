//! `POST`, `PUT /v1/jobs`: a job that is there already.

use serde_json::{Value, json};
use tests::cluster::job;
use tests::sent::{expected, lasting};
use tests::site::written;
use tests::{Cluster, on_both, on_every_cluster};

on_every_cluster!(an_update_of_a_paused_job_starts_it, async |site| {
    let id = site.create("awake").await;
    site.running(&id).await;
    written(&site.api.post(&format!("/v1/job/{id}/pause")).await);
    site.becomes(&id, "pause").await;
    written(&site.api.post_json("/v1/jobs", &site.job(&id)).await);
    site.running(&id).await;
});

on_both!(
    the_same_job_sent_again_changes_nothing,
    async |generation| {
        // Nomad 1.1.2 then answers with the index that the job had before.
        let cluster = Cluster::start(generation).await;
        let direct = tests::Client::of_url(&cluster.nomad.url());
        let version = async || -> Value {
            let job = direct.get("/v1/job/same").await.ok();
            json!([job["CreateIndex"], job["Version"], job["JobModifyIndex"]])
        };
        let mut sent = job("same");
        for chunk in ["2000", "1000", "500"] {
            sent["Tasks"][0]["Config"]["ChunkSize"] = json!(chunk);
            cluster.create(&sent).await;
            let before = version().await;
            for _ in 0..2 {
                cluster.create(&sent).await;
                assert_eq!(version().await, before, "{chunk}");
            }
            assert_eq!(lasting(cluster.read("same").await), expected(&sent));
        }
    }
);
