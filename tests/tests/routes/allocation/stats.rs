//! `GET /v1/agent/allocation/{id}/stats`

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use tests::stage::{RUNNING, Stage, like, of_2x, shape_of_statistics};
use tests::{NOBODY, PATIENCE, on_both, on_every_cluster};

on_every_cluster!(
    a_running_tasks_statistics_are_read_on_both_sides,
    async |site| {
        let id = site.create("stats").await;
        site.running(&id).await;
        for side in ["Src", "Dest"] {
            let allocation = site.allocation(&id, side).await;
            for target in [
                format!("/v1/agent/allocation/{allocation}/stats"),
                format!("/agent/allocation/{allocation}/stats?task={side}"),
            ] {
                // A task has none yet just after its start.
                let end = Instant::now() + PATIENCE;
                let stats = loop {
                    let answer = site.api.get(&target).await;
                    assert_eq!(answer.header_names(), ["content-type", "vary"]);
                    let stats = answer.ok();
                    if stats["Tasks"].get(side).is_some() {
                        break stats;
                    }
                    assert!(Instant::now() < end, "{target}: {stats}");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                };
                let tasks = stats["Tasks"].as_object().unwrap();
                assert_eq!(tasks.keys().collect::<Vec<_>>(), [side]);
                let keys: Vec<&str> = tasks[side]
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(String::as_str)
                    .collect();
                assert_eq!(
                    keys,
                    [
                        "Backlog",
                        "BufferStat",
                        "CurrentCoordinates",
                        "DelayCount",
                        "DelayTime",
                        "ETA",
                        "ExecMasterRowCount",
                        "ExecMasterTxCount",
                        "MsgStat",
                        "ProgressPct",
                        "ReadMasterRowCount",
                        "ReadMasterTxCount",
                        "Stage",
                        "TableStats",
                        "ThroughputStat",
                        "Timestamp"
                    ]
                );
                assert!(tasks[side]["ProgressPct"].is_string());
            }
            site.api
                .get(&format!(
                    "/v1/agent/allocation/{allocation}/stats?task=Nope"
                ))
                .await
                .fails(
                    404,
                    &format!("allocation \"{allocation}\" has no task \"Nope\""),
                );
            for bad in ["nope", ""] {
                let target = format!("/v1/agent/allocation/{allocation}/{bad}");
                site.api
                    .get(target.trim_end_matches('/'))
                    .await
                    .fails(404, "resource not found");
            }
        }
        site.api
            .get(&format!("/v1/agent/allocation/{NOBODY}/stats"))
            .await
            .fails(404, "alloc not found");
        site.api
            .get("/v1/agent/allocation/x/stats")
            .await
            .fails(404, "alloc not found");
    }
);

on_both!(statistics_read_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    for (whole, signal, side, expected) in [
        (
            "036-allocation-get-src",
            "038-signal-stats-src-task",
            "Src",
            "019-alloc-stats-src",
        ),
        (
            "033-allocation-get-dest",
            "035-signal-stats-dest-task",
            "Dest",
            "020-alloc-stats-dest",
        ),
    ] {
        let id = stage.recorded(whole).json()["ID"]
            .as_str()
            .unwrap()
            .to_owned();
        let said = stage.recorded(signal).text;
        let said: Value = serde_json::from_str(said.split_once("desc = ").unwrap().1).unwrap();
        for target in [
            format!("/v1/agent/allocation/{id}/stats"),
            format!("/agent/allocation/{id}/stats"),
            format!("/v1/agent/allocation/{id}/stats?task={side}"),
        ] {
            let answer = stage.get(&target).await;
            like(&answer, &of_2x(expected));
            let body = answer.json();
            let keys: Vec<&String> = body["Tasks"].as_object().unwrap().keys().collect();
            assert_eq!(keys, [side]);
            let ours = &body["Tasks"][side];
            assert_eq!(
                shape_of_statistics().faults(ours),
                Vec::<String>::new(),
                "{target}"
            );
            for key in [
                "Backlog",
                "ETA",
                "ExecMasterRowCount",
                "ExecMasterTxCount",
                "MsgStat",
                "ProgressPct",
                "ReadMasterRowCount",
                "ReadMasterTxCount",
                "Stage",
                "Timestamp",
                "TableStats",
                "DelayCount",
                "ThroughputStat",
            ] {
                assert_eq!(ours[key], said[key], "{key}");
            }
            let (at, theirs) = (&ours["CurrentCoordinates"], &said["CurrentCoordinates"]);
            assert_eq!(at["File"], theirs["File"]);
            assert_eq!(at["Position"], theirs["Position"]);
            // 2.x's Dest fills RetrievedGtidSet where the plugin's fills GtidSet.
            let (full, empty) = match side {
                "Dest" => ("RetrievedGtidSet", "GtidSet"),
                _ => ("GtidSet", "RetrievedGtidSet"),
            };
            assert_eq!(at[full], theirs["GtidSet"]);
            assert_eq!(at[empty], "");
            let of_2x = of_2x(expected);
            let of_2x = &of_2x.json()["Tasks"][side]["CurrentCoordinates"];
            assert_eq!(of_2x[empty], "");
            assert_ne!(of_2x[full], "");
        }
        let answer = stage
            .get(&format!("/v1/agent/allocation/{id}/stats?task=Nope"))
            .await;
        // 2.x's text [022], as a 404.
        let words = of_2x("022-alloc-stats-task-filter-unknown").text;
        answer.fails(
            404,
            &words.replace("78910a2e-7f5a-fcb0-1e64-ab7894a6cb56", &id),
        );
    }
    // One question a task, however often it is asked here.
    let signals = stage.nomad.writes();
    assert_eq!(signals.len(), 2, "{signals:?}");
    assert!(signals.iter().all(|sent| sent.body["Signal"] == "stats"));
});

on_both!(
    callers_of_the_same_moment_share_one_signal,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let source = stage.recorded("036-allocation-get-src");
        let id = source.json()["ID"].as_str().unwrap();
        let target = format!("/v1/agent/allocation/{id}/stats");
        let answers = join_all((0..16).map(|_| stage.get(&target))).await;
        for answer in answers {
            like(&answer, &of_2x("019-alloc-stats-src"));
        }
        assert_eq!(stage.nomad.writes().len(), 1);
    }
);

on_both!(
    statistics_of_what_is_not_there_cost_no_signal,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let unknown = format!("/v1/agent/allocation/{NOBODY}/stats");
        // 2.x: an empty 200 [023]; here 404.
        assert_eq!(of_2x("023-alloc-stats-unknown-alloc").text, "");
        stage.get(&unknown).await.fails(404, "alloc not found");
        let source = stage.recorded("036-allocation-get-src");
        let id = source.json()["ID"].as_str().unwrap();
        stage
            .get(&format!("/v1/agent/allocation/{id}/stats?task=Dest"))
            .await
            .fails(404, &format!("allocation \"{id}\" has no task \"Dest\""));
        assert_eq!(stage.nomad.writes().len(), 0);
    }
);
