//! `GET /v1/jobs`

use nomad_sim::{NomadSim, Options, Pace};
use serde_json::{Value, json};
use tests::cluster::{job, task};
use tests::sent::register_in_blocks;
use tests::stage::{
    JOB, MIXED, PAUSED, RUNNING, SECOND, Stage, find, index, like, nomad_index, of_2x,
    shape_of_jobs, shaped, sorted_by_id,
};
use tests::{Cluster, Replay, eventually, gateway, ids, on_both, on_every_cluster};

on_both!(the_list_of_jobs_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let answer = stage.get("/v1/jobs").await;
    let list = shaped(&answer, &of_2x("005-jobs-list-running"), &shape_of_jobs());
    assert_eq!(ids(&list), [SECOND, JOB]);
    let nomad = stage.recorded("020-jobs-running");
    assert_eq!(index(&answer), nomad_index(&nomad));
    for stub in list.as_array().unwrap() {
        let (nomad, job) = (
            find(nomad.json(), stub["ID"].as_str().unwrap()),
            &stub["JobSummary"],
        );
        for key in ["CreateIndex", "JobModifyIndex", "ModifyIndex"] {
            assert_eq!(stub[key], nomad[key], "{key}");
            assert_eq!(job[key], nomad[key], "{key}");
        }
        assert_eq!(
            (&stub["Status"], &job["Status"]),
            (&json!("running"), &json!("running"))
        );
        assert_eq!(stub["Name"], job["Name"]);
    }
});

on_both!(a_paused_job_is_listed_as_by_2x, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, PAUSED].concat()).await;
    let expected = of_2x("057-jobs-list-paused");
    let list = shaped(&stage.get("/v1/jobs").await, &expected, &shape_of_jobs());
    for (id, status) in [(JOB, "pause"), (SECOND, "running")] {
        let stub = find(&list, id);
        assert_eq!(stub["Status"], status);
        assert_eq!(stub["JobSummary"]["Status"], status);
    }
    assert_eq!(find(expected.json(), JOB)["Status"], "pause");
});

on_both!(
    the_mixed_list_has_every_dtle_job_in_its_state_and_no_other,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
        let mixed = stage.recorded("091-jobs-mixed");
        assert!(ids(mixed.json()).contains(&"other-1".to_owned()));
        let answer = stage.get("/v1/jobs").await;
        let list = shaped(&answer, &of_2x("118-jobs-list-many"), &shape_of_jobs());
        sorted_by_id(&list);
        let mut expected = ids(mixed.json());
        expected.retain(|id| *id != "other-1");
        expected.sort_unstable();
        assert_eq!(ids(&list), expected);
        for (id, status) in [
            (JOB, "running"),
            (SECOND, "running"),
            ("badcfg-1", "dead"),
            ("dc9-1", "pending"),
            ("failing-1", "dead"),
            ("kafka-1", "dead"),
            ("pinned-1", "pending"),
        ] {
            assert_eq!(find(&list, id)["Status"], status, "{id}");
            assert_eq!(find(&list, id)["JobSummary"]["Status"], status, "{id}");
        }
        assert!(!answer.text().contains("other"));
    }
);

on_both!(no_jobs_are_an_empty_array, async |generation| {
    let stage = Stage::at(
        generation,
        &["010-jobs", "011-allocations", "012-evaluations"],
    )
    .await;
    let answer = stage.get("/v1/jobs").await;
    like(&answer, &of_2x("008-jobs-list-prefix-none"));
    assert_eq!(answer.text(), "[]");
});

on_both!(
    live_progress_stands_in_the_config_as_in_2x,
    async |generation| {
        // The plugin's keys in Consul, at the end of the same story.
        let kv = Replay::of(generation.recordings(), &["200-consul-kv-dtle"]).await;
        let consul = kv.url();
        let stage = Stage::set(generation, RUNNING, &[("CONSUL_HTTP_ADDR", &consul)]).await;
        let expected = of_2x("005-jobs-list-running");
        let list = shaped(&stage.get("/v1/jobs").await, &expected, &shape_of_jobs());
        let job = &find(&list, JOB)["JobSummary"];
        let of_2x = &find(expected.json(), JOB)["JobSummary"];
        for side in ["Src", "Dest"] {
            for key in ["Gtid", "BinlogFile", "BinlogPos"] {
                // Both stories replicated the same transactions.
                let (ours, theirs) = (
                    &task(job, side)["Config"][key],
                    &task(of_2x, side)["Config"][key],
                );
                assert_eq!(ours, theirs, "{side}.{key}");
                assert!(!ours.is_null(), "{side}.{key}");
            }
            let address = task(job, side)["Config"]["NatsAddr"].as_str().unwrap();
            assert!(address.parse::<std::net::SocketAddr>().is_ok(), "{address}");
        }
        assert!(!stage.get("/v1/jobs").await.text().contains("dtlepass"));
        assert_eq!(kv.unknown(), Vec::<String>::new());
    }
);

on_both!(
    without_progress_the_config_has_what_was_sent,
    async |generation| {
        let kv = Replay::of(generation.recordings(), &["200-consul-kv-dtle"]).await;
        let consul = kv.url();
        let stage = Stage::set(
            generation,
            &[RUNNING, MIXED].concat(),
            &[("CONSUL_HTTP_ADDR", &consul)],
        )
        .await;
        let list = shaped(
            &stage.get("/v1/jobs").await,
            &of_2x("118-jobs-list-many"),
            &shape_of_jobs(),
        );
        for id in ["failing-1", "kafka-1"] {
            for side in ["Src", "Dest"] {
                let config = &task(&find(&list, id)["JobSummary"], side)["Config"];
                // `//dtle//0`, no Gtid: it has not begun.
                for key in ["BinlogFile", "BinlogPos"] {
                    assert_eq!(config[key], Value::Null, "{id} {side}.{key}");
                }
                assert!(
                    config["Gtid"] == "" || (side == "Src" && config["Gtid"].is_null()),
                    "{id}"
                );
                // `wait` is no address.
                if let Some(address) = config["NatsAddr"].as_str() {
                    assert!(address.parse::<std::net::SocketAddr>().is_ok(), "{address}");
                }
            }
        }
    }
);

on_every_cluster!(jobs_are_filtered_by_a_prefix_of_their_ids, async |site| {
    let one = site.create("pre-a").await;
    let two = site.create("pre-b").await;
    let prefix = |text: &str| format!("/v1/jobs?prefix={text}");
    assert_eq!(ids(&site.api.get(&prefix(&one)).await.ok()), [one.as_str()]);
    assert_eq!(
        ids(&site.api.get(&prefix(&two[..two.len() - 1])).await.ok()),
        [two.as_str()]
    );
    let both = ids(&site.api.get(&prefix("pre-")).await.ok());
    assert!(both.contains(&one) && both.contains(&two));
    assert!(both.iter().all(|id| id.starts_with("pre-")));
    for none in ["zzz", "%zz", "%E5%BA%93", "a%20b", "PRE-A"] {
        assert_eq!(site.api.get(&prefix(none)).await.ok(), json!([]), "{none}");
    }
});

on_both!(
    an_id_of_others_with_a_slash_is_listed_and_not_addressable,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        // The last two lead to another route of Nomad's, and out of this one.
        for id in ["team/orders", "team/allocations", "a/../../allocations"] {
            register_in_blocks(&cluster, id, &json!({}), &json!({})).await;
        }
        for _ in 0..2 {
            let list = cluster.api.get("/v1/jobs?prefix=team").await.ok();
            assert_eq!(list.as_array().unwrap().len(), 1, "{list:#}");
            assert_eq!(list[0]["ID"], "team/orders");
            for target in ["/v1/allocations", "/v1/evaluations", "/v1/jobs?pretty"] {
                let answer = cluster.api.get(target).await;
                assert_eq!(answer.status, 200, "{}", answer.shown());
            }
            let one = "/v1/job/team%2Forders";
            cluster.api.get(one).await.fails(404, "job not found");
            let answer = cluster.api.post(&format!("{one}/pause")).await;
            answer.fails(404, "job not found");
            assert_eq!(cluster.api.delete(one).await.ok()["Success"], true);
        }
        let nomad = tests::Client::of_url(&cluster.nomad.url());
        assert_eq!(nomad.get("/v1/job/team/orders").await.status, 200);
    }
);

/// From 2.0.1 on Nomad calls a job `running` as long as its deployment lasts, while both
/// sides have failed and wait for another try.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_waits_for_another_try_is_pending_on_every_release() {
    for build in ["1.1.2", "1.10.5", "2.0.5"] {
        let nomad = NomadSim::start(Options {
            build: build.to_owned(),
            version: Some("4.23.04.0".to_owned()),
            // The other try is half a minute away.
            pace: Pace {
                scale: 1.0,
                ..Pace::instant()
            },
            ..Options::default()
        })
        .await
        .unwrap();
        let settings = &[("DTLE_RESTART_ATTEMPTS", "0")];
        let (_server, api) = gateway(&nomad.url(), settings).await;
        let mut job = job("a");
        job["Failover"] = json!(true);
        for task in job["Tasks"].as_array_mut().unwrap() {
            task["Config"]["ConnectionConfig"]["Port"] = json!(1);
        }
        api.post_json("/v1/jobs", &job).await.succeeds();
        eventually("both sides have failed and wait", || async {
            let list = api.get("/v1/job/a/allocations").await.ok();
            let failed = list.as_array().unwrap().iter();
            let failed = failed.filter(|it| it["ClientStatus"] == "failed").count();
            let text = api.get("/v1/job/a").await.ok()["StatusDescription"].to_string();
            if failed == 2 && text.contains("(to be started again)") {
                Ok(())
            } else {
                Err(format!("{failed} {text}"))
            }
        })
        .await;
        assert_eq!(
            api.get("/v1/job/a").await.ok()["Status"],
            "pending",
            "{build}"
        );
        assert_eq!(
            api.get("/v1/jobs").await.ok()[0]["Status"],
            "pending",
            "{build}"
        );
    }
}
