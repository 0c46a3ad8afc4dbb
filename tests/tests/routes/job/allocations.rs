//! `GET /v1/job/{id}/allocations`

use serde_json::{Value, json};
use tests::cluster::job;
use tests::stage::{
    JOB, PAUSED, RUNNING, Stage, find, index, nomad_index, of_2x, shape_of_allocations, shaped,
    sorted_by_id,
};

use tests::{Client, Cluster, gateway, on_both};

on_both!(
    allocations_of_a_running_job_read_as_from_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let nomad = stage.recorded("029-job-allocations");
        for (target, expected) in [
            (format!("/v1/job/{JOB}/allocations"), "014-job-allocations"),
            (format!("/job/{JOB}/allocations"), "014-job-allocations"),
            (
                format!("/v1/job/{JOB}/allocations?all=true"),
                "015-job-allocations-all",
            ),
        ] {
            let answer = stage.get(&target).await;
            let list = shaped(&answer, &of_2x(expected), &shape_of_allocations());
            sorted_by_id(&list);
            assert_eq!(index(&answer), nomad_index(&nomad));
            assert_eq!(list.as_array().unwrap().len(), 2);
            for allocation in list.as_array().unwrap() {
                let task = allocation["Task"].as_str().unwrap();
                let state = &allocation["TaskStates"][task];
                let nomad = find(nomad.json(), allocation["ID"].as_str().unwrap());
                for key in [
                    "CreateIndex",
                    "CreateTime",
                    "EvalID",
                    "ModifyIndex",
                    "NodeID",
                    "JobID",
                    "ClientStatus",
                    "DesiredStatus",
                ] {
                    assert_eq!(allocation[key], nomad[key], "{key}");
                }
                assert_eq!(allocation["TaskStates"].as_object().unwrap().len(), 1);
                assert_eq!(state["State"], "running");
                assert_eq!(state["FinishedAt"], Value::Null);
                assert!(tests::shape::is_time(state["StartedAt"].as_str().unwrap()));
                // `<job Name>.<Type>`.
                let name = allocation["Name"].as_str().unwrap();
                assert!(name.ends_with(&format!(".{task}")), "{name}");
                // What reading statistics leaves behind is no event of 2.x's.
                assert!(!state.to_string().contains("Signaling"));
                assert!(!state.to_string().contains("Task receive signal"));
            }
        }
    }
);

on_both!(
    an_events_time_is_the_same_moment_as_nomads,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let nomad = stage.recorded("029-job-allocations");
        let list = stage.get(&format!("/v1/job/{JOB}/allocations")).await.ok();
        let mut compared = 0;
        for allocation in list.as_array().unwrap() {
            let task = allocation["Task"].as_str().unwrap();
            let theirs = find(nomad.json(), allocation["ID"].as_str().unwrap());
            let theirs = theirs["TaskStates"][task]["Events"].as_array().unwrap();
            let ours = allocation["TaskStates"][task]["Events"].as_array().unwrap();
            for event in ours {
                let text = event["Time"].as_str().unwrap();
                let (whole, fraction) = text
                    .trim_end_matches('Z')
                    .split_once('.')
                    .unwrap_or((text, ""));
                let of_nomad = theirs.iter().find(|one| {
                    one["Type"] == event["Type"] && {
                        let nanos = one["Time"].as_i64().unwrap();
                        // Decimals, and seconds of the minute: no calendar is needed.
                        let decimals = format!("{:09}", nanos % 1_000_000_000);
                        let second = (nanos / 1_000_000_000) % 60;
                        decimals.trim_end_matches('0') == fraction
                            && whole.ends_with(&format!(":{second:02}"))
                    }
                });
                assert!(of_nomad.is_some(), "{event}");
                compared += 1;
            }
        }
        assert!(compared >= 4, "{compared}");
    }
);

on_both!(
    the_allocations_of_a_paused_job_wait_as_in_2x,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, PAUSED].concat()).await;
        let expected = of_2x("058-job-allocations-paused");
        let answer = stage.get(&format!("/v1/job/{JOB}/allocations")).await;
        let list = shaped(&answer, &expected, &shape_of_allocations());
        sorted_by_id(&list);
        let waiting = |list: &Value| -> Vec<[String; 5]> {
            let mut rows: Vec<_> = list
                .as_array()
                .unwrap()
                .iter()
                .map(|allocation| {
                    let task = allocation["Task"].as_str().unwrap();
                    let state = &allocation["TaskStates"][task];
                    [
                        &allocation["Task"],
                        &allocation["DesiredStatus"],
                        &allocation["ClientStatus"],
                        &state["State"],
                        &allocation["DesiredDescription"],
                    ]
                    .map(|value| value.as_str().unwrap().to_owned())
                })
                .collect();
            rows.sort();
            rows
        };
        assert_eq!(waiting(&list), waiting(expected.json()));
        let state = |list: &Value, key: &str| -> Vec<bool> {
            list.as_array()
                .unwrap()
                .iter()
                .map(|allocation| {
                    allocation["TaskStates"][allocation["Task"].as_str().unwrap()][key].is_null()
                })
                .collect()
        };
        assert_eq!(
            state(&list, "FinishedAt"),
            state(expected.json(), "FinishedAt")
        );
    }
);

on_both!(
    what_statistics_push_out_of_nomad_is_still_shown,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let id = cluster.create(&job("watched")).await;
        cluster.running(&id).await;
        let target = format!("/v1/job/{id}/allocations");
        let events = async |api: &Client| -> Vec<(String, String)> {
            let list = api.get(&target).await.ok();
            let one = list.as_array().unwrap().iter();
            let one = one.clone().find(|one| one["Task"] == "Dest").unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let events = one["TaskStates"]["Dest"]["Events"].as_array().unwrap();
            let pair = |event: &Value| (text(&event["Type"]), text(&event["Time"]));
            events.iter().map(pair).collect()
        };
        let seen = events(&cluster.api).await;
        let kinds = |events: &[(String, String)]| -> Vec<String> {
            events.iter().map(|(kind, _)| kind.clone()).collect()
        };
        assert!(
            kinds(&seen).starts_with(&["Received".to_owned()]),
            "{seen:?}"
        );

        // What a dashboard does, without the gateway's restraint.
        let nomad = Client::of_url(&cluster.nomad.url());
        let list = nomad.get(&target).await.ok();
        let dest = list.as_array().unwrap().iter();
        let dest = dest.clone().find(|one| one["TaskGroup"] == "Dest").unwrap();
        let signal = format!(
            "/v1/client/allocation/{}/signal",
            dest["ID"].as_str().unwrap()
        );
        for _ in 0..10 {
            let stats = json!({"Signal": "stats", "Task": "Dest"});
            nomad.put_json(&signal, &stats).await;
        }
        let left = nomad.get(&target).await.ok();
        let left = left.as_array().unwrap().iter();
        let left = left.clone().find(|one| one["ID"] == dest["ID"]).unwrap();
        let left = left["TaskStates"]["Dest"]["Events"].to_string();
        assert!(!left.contains("Received"), "{left}");

        // Who has seen them shows them as they were.
        assert_eq!(events(&cluster.api).await, seen);
        // Who has not shows what Nomad still knows, with the same times to the second.
        let (_server, other) = gateway(&cluster.nomad.url(), &[]).await;
        let restored = events(&other).await;
        assert_eq!(kinds(&restored), ["Received", "Started"]);
        let started = |events: &[(String, String)]| -> String {
            let mut events = events.iter();
            let started = events.find(|(kind, _)| kind == "Started").unwrap();
            started.1.split_at(19).0.to_owned()
        };
        assert_eq!(started(&restored), started(&seen));
    }
);
