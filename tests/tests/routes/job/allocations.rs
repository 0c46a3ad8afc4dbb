//! `GET /v1/job/{id}/allocations`

use serde_json::Value;
use tests::on_both;
use tests::stage::{
    JOB, PAUSED, RUNNING, Stage, find, index, nomad_index, of_2x, shape_of_allocations, shaped,
    sorted_by_id,
};

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
