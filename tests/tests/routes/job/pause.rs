//! `POST`, `PUT /v1/job/{id}/pause`

use std::time::{Duration, Instant};

use serde_json::json;
use tests::cluster::job;
use tests::site::{unchanged, written};
use tests::stage::{JOB, PAUSED, RUNNING, Stage, index, like, nomad_index, of_2x, shaped};
use tests::{Client, Cluster, PATIENCE, Shape, on_both, on_every_cluster};

on_every_cluster!(a_pause_stops_both_tasks, async |site| {
    let id = site.create("pause").await;
    site.running(&id).await;
    let before = site.allocation(&id, "Src").await;
    written(&site.api.post(&format!("/v1/job/{id}/pause")).await);
    let job = site.becomes(&id, "pause").await;
    assert_eq!(job["StatusDescription"], "");
    let list = site.api.get("/v1/jobs").await.ok();
    let stub = list
        .as_array()
        .unwrap()
        .iter()
        .find(|stub| stub["ID"] == id)
        .unwrap();
    assert_eq!(
        (&stub["Status"], &stub["JobSummary"]["Status"]),
        (&json!("pause"), &json!("pause"))
    );

    // Once they have stopped, they read as in 2.x [058], and have no figures [059].
    let end = Instant::now() + PATIENCE;
    loop {
        let list = site.allocations(&id).await;
        assert_eq!(list.len(), 2);
        let stopped = list.iter().all(|one| {
            assert_eq!(
                (&one["DesiredStatus"], &one["ClientStatus"]),
                (&json!("pause"), &json!("running"))
            );
            one["TaskStates"][one["Task"].as_str().unwrap()]["State"] == "stop"
        });
        if stopped {
            break;
        }
        assert!(Instant::now() < end, "{list:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let answer = site
        .api
        .get(&format!("/v1/agent/allocation/{before}/stats"))
        .await;
    assert_eq!(answer.text(), r#"{"Tasks":{}}"#);
    unchanged(&site.api.put(&format!("/v1/job/{id}/pause")).await);
});

on_every_cluster!(a_pause_needs_a_job_and_a_write, async |site| {
    // 500 in 2.x [066].
    site.api
        .post("/v1/job/nope/pause")
        .await
        .fails(404, "job not found");
    site.api
        .put("/v1/job/nope/pause")
        .await
        .fails(404, "job not found");
    // A read must not write.
    site.api
        .get("/v1/job/nope/pause")
        .await
        .fails(405, "Invalid method");
    site.api
        .delete("/v1/job/nope/pause")
        .await
        .fails(405, "Invalid method");
});

on_both!(
    pausing_answers_as_2x_does_and_keeps_everything_but_the_counts,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let expected = of_2x("055-job-pause");
        let answer = stage.api.post(&format!("/v1/job/{JOB}/pause")).await;
        let reply = shaped(&answer, &expected, &Shape::of([expected.json()]));
        let done = stage.recorded("053-job-pause-register-count-0");
        assert_eq!(reply["Index"], done.json()["Index"]);
        assert_eq!(reply["Success"], true);
        assert_eq!(index(&answer), nomad_index(&done));

        let writes = stage.nomad.writes();
        assert_eq!(writes.len(), 1, "{writes:?}");
        let (sent, before) = (&writes[0].body, stage.recorded("024-job-get"));
        assert_eq!(sent["EnforceIndex"], true);
        assert_eq!(sent["JobModifyIndex"], before.json()["JobModifyIndex"]);
        let mut job = sent["Job"].clone();
        for group in job["TaskGroups"].as_array_mut().unwrap() {
            assert_eq!(group["Count"], 0);
            group["Count"] = json!(1);
        }
        // The Meta of others stays; ours is beside it.
        assert_eq!(
            job["Meta"]["dtle2.name"],
            before.json()["Meta"]["dtle2.name"]
        );
        job["Meta"] = before.json()["Meta"].clone();
        // Nomad numbers versions itself; from 2.0 on it would obey a number.
        let mut expected = before.json().clone();
        expected.as_object_mut().unwrap().remove("Version");
        assert_eq!(job, expected);
    }
);

on_both!(pausing_twice_changes_nothing, async |generation| {
    let paused = Stage::at(generation, &[RUNNING, PAUSED].concat()).await;
    let answer = paused.api.post(&format!("/v1/job/{JOB}/pause")).await;
    like(&answer, &of_2x("060-job-pause-again"));
    assert_eq!(answer.body, of_2x("060-job-pause-again").body());
    assert_eq!(paused.nomad.writes().len(), 0);
});

on_both!(an_unknown_job_cannot_be_paused, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    // 2.x's text [066, 067] as a 404.
    let answer = stage.api.post("/v1/job/nope/pause").await;
    answer.fails(404, &of_2x("066-job-pause-unknown").text);
});

on_both!(
    a_job_of_which_one_side_was_scaled_to_0_replicates_nothing_and_is_resumed,
    async |generation| {
        for side in ["Src", "Dest"] {
            let cluster = Cluster::start(generation).await;
            let id = cluster.create(&job("halved")).await;
            cluster.running(&id).await;
            // As `nomad job scale` does.
            let nomad = Client::of_url(&cluster.nomad.url());
            let path = format!("/v1/job/{id}");
            let mut document = nomad.get(&path).await.json();
            let groups = document["TaskGroups"].as_array_mut().unwrap();
            let group = groups.iter_mut().find(|group| {
                let name = group["Name"].as_str().unwrap();
                name.eq_ignore_ascii_case(side)
            });
            group.unwrap()["Count"] = json!(0);
            let answer = nomad.put_json("/v1/jobs", &json!({"Job": document})).await;
            assert_eq!(answer.status, 200);

            let text =
                format!("{side} was scaled to 0, so nothing is replicated; a resume starts it");
            let read = cluster.api.get(&path).await.ok();
            assert_eq!(read["Status"], "pause");
            assert_eq!(read["StatusDescription"], json!(text));
            let list = cluster.api.get("/v1/jobs").await.ok();
            let listed = list
                .as_array()
                .unwrap()
                .iter()
                .find(|one| one["ID"] == json!(id));
            assert_eq!(listed.unwrap()["Status"], "pause");
            assert_eq!(listed.unwrap()["StatusDescription"], json!(text));

            cluster.api.post(&format!("{path}/resume")).await.succeeds();
            cluster.running(&id).await;
        }
    }
);
