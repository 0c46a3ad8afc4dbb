//! Jobs over time: writes with an index, versions, replacements, garbage, placement.

use std::path::Path;
use std::time::Duration;

use nomad_sim::{Options, Pace, Plugin};
use serde_json::{Value, json};

use super::client::send;
use super::cluster::{
    allocs, connection, failed, get, newest, of, put, register, replicating, replication,
    src_config, start, until,
};
use super::compare;

#[tokio::test]
async fn an_atomic_index_lets_one_of_many_writers_through() {
    for atomic in [true, false] {
        let sim = start(Options {
            atomic_enforce_index: atomic,
            write_window: Duration::from_millis(50),
            ..Options::default()
        })
        .await;
        register(&sim, &replication(Plugin::V4, "a")).await;
        let index = get(&sim, "/v1/job/a").await.json()["JobModifyIndex"].clone();
        let write = async |value: &str| {
            let mut job = replication(Plugin::V4, "a");
            job["Meta"] = json!({"writer": value});
            put(
                &sim,
                "/v1/jobs",
                &json!({"Job": job, "EnforceIndex": true, "JobModifyIndex": index}),
            )
            .await
        };
        let (one, two, three) = tokio::join!(write("1"), write("2"), write("3"));
        let passed = [&one, &two, &three]
            .iter()
            .filter(|reply| reply.status == 200)
            .count();
        assert_eq!(passed, if atomic { 1 } else { 3 }, "atomic: {atomic}");
        let late = write("4").await;
        assert_eq!(late.status, 500);
        assert!(
            late.body.starts_with("Enforcing job modify index "),
            "{}",
            late.body
        );
    }
}

#[tokio::test]
async fn a_create_with_an_index_of_a_job_that_is_gone_is_refused() {
    let sim = of(Plugin::V4).await;
    let body =
        json!({"Job": replication(Plugin::V4, "a"), "EnforceIndex": true, "JobModifyIndex": 7});
    let reply = put(&sim, "/v1/jobs", &body).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (500, "Enforcing job modify index 7: job does not exist")
    );
}

#[tokio::test]
async fn the_same_job_again_gets_an_evaluation_and_no_version() {
    let sim = of(Plugin::V3).await;
    register(&sim, &replication(Plugin::V3, "a")).await;
    replicating(&sim, "a").await;
    let before = get(&sim, "/v1/job/a").await.json();
    let reply = register(&sim, &replication(Plugin::V3, "a")).await.json();
    let after = get(&sim, "/v1/job/a").await.json();
    assert_eq!(after["JobModifyIndex"], before["JobModifyIndex"]);
    assert_eq!(after["Version"], 0);
    let eval = get(
        &sim,
        &format!(
            "/v1/evaluation/{}",
            reply["EvalID"].as_str().expect("an ID")
        ),
    )
    .await;
    assert_eq!(eval.json()["TriggeredBy"], "job-register");
    assert_eq!(allocs(&sim, "a").await.len(), 2);
}

#[tokio::test]
async fn meta_at_any_level_replaces_allocations_and_a_restart_policy_does_not() {
    let sim = of(Plugin::V3).await;
    register(&sim, &replication(Plugin::V3, "a")).await;
    replicating(&sim, "a").await;
    let mut job = replication(Plugin::V3, "a");
    job["TaskGroups"][0]["RestartPolicy"]["Attempts"] = json!(5);
    register(&sim, &job).await;
    until("an update in place", async || {
        allocs(&sim, "a")
            .await
            .iter()
            .all(|alloc| alloc["JobVersion"] == 1)
    })
    .await;
    assert_eq!(allocs(&sim, "a").await.len(), 2, "in place");
    for (round, place) in ["/Meta", "/TaskGroups/1/Meta", "/TaskGroups/0/Tasks/0/Meta"]
        .iter()
        .enumerate()
    {
        let before = allocs(&sim, "a").await.len();
        let parent = place.strip_suffix("/Meta").expect("Meta");
        job.pointer_mut(parent).expect("a place")["Meta"] = json!({"k": round.to_string()});
        register(&sim, &job).await;
        let more = if parent.is_empty() { 2 } else { 1 };
        until("new allocations", async || {
            allocs(&sim, "a").await.len() == before + more
        })
        .await;
        replicating(&sim, "a").await;
    }
}

#[tokio::test]
async fn garbage_collection_keeps_a_paused_job_and_takes_a_stopped_one() {
    let sim = of(Plugin::V4).await;
    let mut job = replication(Plugin::V4, "paused");
    register(&sim, &job).await;
    register(&sim, &replication(Plugin::V4, "stopped")).await;
    replicating(&sim, "paused").await;
    replicating(&sim, "stopped").await;
    job["TaskGroups"][0]["Count"] = json!(0);
    job["TaskGroups"][1]["Count"] = json!(0);
    let reply = register(&sim, &job).await.json();
    assert!(
        reply["Warnings"]
            .as_str()
            .expect("a text")
            .starts_with("2 warning(s):")
    );
    send(&sim.url(), "DELETE", "/v1/job/stopped", &[], None)
        .await
        .expect("an answer");
    for id in ["paused", "stopped"] {
        until("dead jobs", async || {
            get(&sim, &format!("/v1/job/{id}")).await.json()["Status"] == "dead"
                && allocs(&sim, id)
                    .await
                    .iter()
                    .all(|alloc| alloc["ClientStatus"] == "complete")
        })
        .await;
    }
    for _ in 0..2 {
        let reply = send(&sim.url(), "PUT", "/v1/system/gc", &[], None)
            .await
            .expect("an answer");
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    }
    assert_eq!(get(&sim, "/v1/job/stopped").await.status, 404);
    let kept = get(&sim, "/v1/job/paused").await.json();
    assert_eq!(
        (&kept["Status"], &kept["Stop"]),
        (&json!("dead"), &json!(false))
    );
    assert_eq!(get(&sim, "/v1/allocations").await.json(), json!([]));
    assert_eq!(get(&sim, "/v1/evaluations").await.json(), json!([]));
    job["TaskGroups"][0]["Count"] = json!(1);
    job["TaskGroups"][1]["Count"] = json!(1);
    register(&sim, &job).await;
    replicating(&sim, "paused").await;
}

#[tokio::test]
async fn a_job_that_failed_for_good_starts_again_when_anything_changes() {
    for plugin in [Plugin::V3, Plugin::V4] {
        let sim = of(plugin).await;
        let mut job = replication(plugin, "a");
        src_config(&mut job)[connection(plugin)]["Port"] = json!("1");
        register(&sim, &job).await;
        let alloc = failed(&sim, "a", "Src").await;
        assert_eq!(
            get(&sim, "/v1/job/a").await.json()["Status"],
            "running",
            "the Dest idles"
        );
        assert_eq!(alloc["FollowupEvalID"], "", "rescheduling is off");
        let force = json!({"JobID": "a", "EvalOptions": {"ForceReschedule": true}});
        assert_eq!(put(&sim, "/v1/job/a/evaluate", &force).await.status, 200);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(allocs(&sim, "a").await.len(), 2, "not by force");
        job["Meta"] = json!({"again": "1"});
        register(&sim, &job).await;
        until("new allocations", async || {
            allocs(&sim, "a").await.len() == 4
        })
        .await;
    }
}

#[tokio::test]
async fn with_rescheduling_a_failed_allocation_is_tried_anew_later() {
    let sim = start(Options {
        pace: Pace {
            scale: 0.02,
            ..Pace::instant()
        },
        ..Options::default()
    })
    .await;
    let mut job = replication(Plugin::V4, "a");
    src_config(&mut job)["SrcConnectionConfig"]["Port"] = json!(1);
    job["TaskGroups"][0]["RestartPolicy"]["Attempts"] = json!(0);
    job["TaskGroups"][0]["ReschedulePolicy"] =
        json!({"Unlimited": true, "Delay": 10_000_000_000_i64});
    register(&sim, &job).await;
    until("a followup evaluation", async || {
        newest(&sim, "a", "Src")
            .await
            .is_some_and(|alloc| alloc["FollowupEvalID"] != "")
    })
    .await;
    let old = newest(&sim, "a", "Src").await.expect("an allocation");
    let followup = old["FollowupEvalID"].as_str().expect("an ID");
    let eval = get(&sim, &format!("/v1/evaluation/{followup}"))
        .await
        .json();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("recordings/nomad-1.1.2-dtle-4.23.04/012-evaluations.json");
    let recorded: Value =
        serde_json::from_slice(&std::fs::read(path).expect("a recording")).expect("JSON");
    let mut recorded = recorded["response"]["json"][0].clone();
    recorded["JobID"] = json!("a");
    let mut faults = Vec::new();
    compare::json(&recorded, &eval, "", &mut faults);
    assert_eq!(faults, Vec::<String>::new());
    until("a new allocation", async || {
        newest(&sim, "a", "Src")
            .await
            .is_some_and(|alloc| alloc["ID"] != old["ID"])
    })
    .await;
    let new = newest(&sim, "a", "Src").await.expect("an allocation");
    assert_eq!(
        new["RescheduleTracker"]["Events"][0]["PrevAllocID"],
        old["ID"]
    );
    let old = get(
        &sim,
        &format!("/v1/allocation/{}", old["ID"].as_str().expect("an ID")),
    )
    .await
    .json();
    assert_eq!(
        (&old["DesiredStatus"], &old["NextAllocation"]),
        (&json!("stop"), &new["ID"])
    );
}

#[tokio::test]
async fn constraints_hold_at_every_level() {
    let sim = of(Plugin::V4).await;
    let node = get(&sim, "/v1/nodes").await.json()[0]["ID"].clone();
    for (id, place, constraint, fits) in [
        (
            "j1",
            "",
            json!({"LTarget": "${node.unique.id}", "Operand": "=", "RTarget": node}),
            true,
        ),
        (
            "j2",
            "",
            json!({"LTarget": "${node.unique.id}", "Operand": "=", "RTarget": "x"}),
            false,
        ),
        (
            "j3",
            "/TaskGroups/0",
            json!({"LTarget": "${node.unique.name}", "Operand": "=", "RTarget": "nomad1"}),
            true,
        ),
        (
            "j4",
            "/TaskGroups/0/Tasks/0",
            json!({"LTarget": "${node.unique.name}", "RTarget": "x"}),
            false,
        ),
    ] {
        let mut job = replication(Plugin::V4, id);
        job.pointer_mut(place).expect("a place")["Constraints"] = json!([constraint]);
        register(&sim, &job).await;
        until("an outcome", async || {
            let summary = get(&sim, &format!("/v1/job/{id}/summary")).await.json();
            let src = &summary["Summary"]["Src"];
            src[if fits { "Running" } else { "Queued" }] == 1
        })
        .await;
    }
    let mut job = replication(Plugin::V4, "dc9");
    job["Datacenters"] = json!(["dc9"]);
    register(&sim, &job).await;
    until("a blocked evaluation", async || {
        let evals = get(&sim, "/v1/job/dc9/evaluations").await.json();
        evals
            .as_array()
            .expect("a list")
            .iter()
            .any(|eval| eval["Status"] == "blocked")
    })
    .await;
    assert_eq!(get(&sim, "/v1/job/dc9").await.json()["Status"], "pending");
    job["Datacenters"] = json!(["dc1"]);
    register(&sim, &job).await;
    replicating(&sim, "dc9").await;
    let evals = get(&sim, "/v1/job/dc9/evaluations").await.json();
    assert!(
        !evals
            .as_array()
            .expect("a list")
            .iter()
            .any(|eval| eval["Status"] == "blocked"),
        "{evals}"
    );
}

#[tokio::test]
async fn a_job_is_refused_in_nomads_words() {
    let sim = of(Plugin::V4).await;
    for (body, status, text) in [
        (r#"{"Job":null}"#, 400, "Job must be specified"),
        ("{}", 400, "Job must be specified"),
        (
            r#"{"Job":{"ID":"a","TaskGroups":[{"Name":"g","Tasks":[{"Name":"t","Driver":"dtle"}]}]}}"#,
            500,
            "1 error occurred:\n\t* Missing job datacenters\n\n",
        ),
        (
            r#"{"Job":{"ID":"a","Priority":"x","Datacenters":["dc1"]}}"#,
            400,
            "json: cannot unmarshal string into Go struct field Job.Job.Priority of type int",
        ),
    ] {
        let reply = send(&sim.url(), "PUT", "/v1/jobs", &[], Some(body))
            .await
            .expect("an answer");
        assert_eq!((reply.status, reply.body.as_str()), (status, text));
    }
    assert_eq!(get(&sim, "/v1/jobs").await.body, "[]");
    let other = put(
        &sim,
        "/v1/job/b",
        &json!({"Job": replication(Plugin::V4, "a")}),
    )
    .await;
    assert_eq!(
        (other.status, other.body.as_str()),
        (400, "Job ID does not match name")
    );
}

#[tokio::test]
async fn config_numbers_go_through_a_float() {
    let sim = of(Plugin::V4).await;
    let body = r#"{"Job":{"ID":"a","Datacenters":["dc1"],"TaskGroups":[{"Name":"Src","Tasks":[{"Name":"Src",
        "Driver":"dtle","Config":{"ChunkSize":9007199254740993,"GroupTimeout":2.0,"GroupMaxSize":1e21,
        "BinlogPos":0.5,"MaxRetries":7,"Gtid":"9007199254740993"}}]}]}}"#;
    let reply = send(&sim.url(), "PUT", "/v1/jobs", &[], Some(body))
        .await
        .expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.body);
    let text = get(&sim, "/v1/job/a").await.body;
    for shown in [
        r#""ChunkSize":9007199254740992.0"#,
        r#""GroupTimeout":2.0"#,
        r#""GroupMaxSize":1e+21"#,
        r#""BinlogPos":0.5"#,
        r#""MaxRetries":7.0"#,
        r#""Gtid":"9007199254740993""#,
        r#""Priority":50"#,
    ] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
}
