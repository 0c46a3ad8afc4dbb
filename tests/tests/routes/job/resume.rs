//! `POST`, `PUT /v1/job/{id}/resume`

use std::time::{Duration, Instant};

use nomad_sim::{NomadSim, Options, Pace};
use serde_json::{Value, json};
use tests::site::{unchanged, written};
use tests::stage::{JOB, PAUSED, RUNNING, Stage, like, of_2x, shaped};
use tests::{Client, Generation, PATIENCE, Shape, eventually, gateway, on_both, on_every_cluster};

on_every_cluster!(a_resume_starts_both_tasks, async |site| {
    let id = site.create("resume").await;
    site.running(&id).await;
    unchanged(&site.api.post(&format!("/v1/job/{id}/resume")).await);
    written(&site.api.post(&format!("/v1/job/{id}/pause")).await);
    site.becomes(&id, "pause").await;
    written(&site.api.put(&format!("/v1/job/{id}/resume")).await);
    site.running(&id).await;
    unchanged(&site.api.put(&format!("/v1/job/{id}/resume")).await);
});

on_every_cluster!(a_resume_needs_a_job_and_a_write, async |site| {
    // 500 in 2.x [066].
    site.api
        .post("/v1/job/nope/resume")
        .await
        .fails(404, "job not found");
    site.api
        .put("/v1/job/nope/resume")
        .await
        .fails(404, "job not found");
    // A read must not write.
    site.api
        .get("/v1/job/nope/resume")
        .await
        .fails(405, "Invalid method");
    site.api
        .delete("/v1/job/nope/resume")
        .await
        .fails(405, "Invalid method");
});

/// Between a resume and Nomad's look at it a job has its failed allocations and
/// no others; a script that waits for `running` or `dead` must not give up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_job_that_was_resumed_is_not_dead_before_it_was_tried_again() {
    for generation in Generation::BOTH {
        let nomad = NomadSim::start(Options {
            plugin: generation.plugin(),
            pace: Pace {
                schedule: Duration::from_secs(2),
                ..Pace::instant()
            },
            ..Options::default()
        })
        .await
        .unwrap();
        let settings = [("DTLE_LAYOUT", generation.layout())];
        let (_server, api) = gateway(&nomad.url(), &settings).await;
        let direct = Client::of_url(&nomad.url());
        let tries = async || {
            let list = direct.get("/v1/job/again/allocations").await.json();
            list.as_array().unwrap().len()
        };
        let status = async || api.get("/v1/job/again").await.ok()["Status"].clone();
        let mut job = tests::cluster::job("again");
        let server = &mut job["Tasks"][0]["Config"]["ConnectionConfig"];
        (server["Host"], server["Port"]) = (json!("127.0.0.1"), json!(1));
        written(&api.post_json("/v1/jobs", &job).await);
        let end = Instant::now() + PATIENCE;
        'round: loop {
            assert!(Instant::now() < end, "Nomad was always there first");
            eventually("the job is dead", || async {
                match status().await {
                    Value::String(status) if status == "dead" => Ok(()),
                    other => Err(other),
                }
            })
            .await;
            let before = tries().await;
            for (verb, after) in [
                ("resume", "pending"),
                ("pause", "pause"),
                ("resume", "pending"),
            ] {
                written(&api.post(&format!("/v1/job/again/{verb}")).await);
                let now = status().await;
                let list = api.get("/v1/jobs").await.ok();
                if tries().await > before {
                    // Nomad may have looked before this did: that says nothing.
                    api.post("/v1/job/again/resume").await.succeeds();
                    continue 'round;
                }
                assert_eq!(now, after, "after {verb}");
                assert_eq!(list[0]["Status"], after, "after {verb}");
            }
            break;
        }
    }
}

on_both!(
    resuming_answers_as_2x_does_and_sets_the_counts_back,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, PAUSED].concat()).await;
        let answer = stage.api.post(&format!("/v1/job/{JOB}/resume")).await;
        let expected = of_2x("062-job-resume");
        let reply = shaped(&answer, &expected, &Shape::of([expected.json()]));
        assert_eq!(
            reply["Index"],
            stage.recorded("058-job-resume-register-count-1").json()["Index"]
        );
        let writes = stage.nomad.writes();
        assert_eq!(writes.len(), 1, "{writes:?}");
        let before = stage.recorded("054-job-get-paused");
        assert_eq!(
            writes[0].body["JobModifyIndex"],
            before.json()["JobModifyIndex"]
        );
        for group in writes[0].body["Job"]["TaskGroups"].as_array().unwrap() {
            assert_eq!(group["Count"], 1);
        }
    }
);

on_both!(resuming_twice_changes_nothing, async |generation| {
    let running = Stage::at(generation, RUNNING).await;
    let answer = running.api.put(&format!("/v1/job/{JOB}/resume")).await;
    like(&answer, &of_2x("065-job-resume-again"));
    assert_eq!(answer.body, of_2x("065-job-resume-again").body());
    assert_eq!(running.nomad.writes().len(), 0);
});

on_both!(an_unknown_job_cannot_be_resumed, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    // 2.x's text [066, 067] as a 404.
    let answer = stage.api.post("/v1/job/nope/resume").await;
    answer.fails(404, &of_2x("067-job-resume-unknown").text);
});
