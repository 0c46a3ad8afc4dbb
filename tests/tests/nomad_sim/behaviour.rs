//! What the in-memory Nomad does over time, and what it does wrong on demand.

use std::path::Path;
use std::time::{Duration, Instant};

use nomad_sim::{DropPoint, NomadSim, Options, Pace, Plugin, seed};
use serde_json::{Value, json};

use super::client::{Reply, send};
use super::compare;
use super::story::decode;

async fn start(options: Options) -> NomadSim {
    NomadSim::start(options).await.expect("a server")
}

async fn of(plugin: Plugin) -> NomadSim {
    start(Options {
        plugin,
        ..Options::default()
    })
    .await
}

async fn get(sim: &NomadSim, path: &str) -> Reply {
    send(&sim.url(), "GET", path, &[], None)
        .await
        .expect("an answer")
}

async fn put(sim: &NomadSim, path: &str, body: &Value) -> Reply {
    send(&sim.url(), "PUT", path, &[], Some(&body.to_string()))
        .await
        .expect("an answer")
}

async fn register(sim: &NomadSim, job: &Value) -> Reply {
    let reply = put(sim, "/v1/jobs", &json!({ "Job": job })).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply
}

async fn until<F: AsyncFn() -> bool>(what: &str, holds: F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "waited too long for: {what}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn allocs(sim: &NomadSim, job: &str) -> Vec<Value> {
    get(sim, &format!("/v1/job/{job}/allocations"))
        .await
        .json()
        .as_array()
        .expect("a list")
        .clone()
}

async fn newest(sim: &NomadSim, job: &str, group: &str) -> Option<Value> {
    let found = allocs(sim, job).await;
    found
        .into_iter()
        .filter(|alloc| alloc["TaskGroup"] == group)
        .max_by_key(|alloc| alloc["CreateIndex"].as_u64())
}

fn events(alloc: &Value) -> Vec<String> {
    alloc["TaskStates"]
        .as_object()
        .into_iter()
        .flat_map(|states| states.values())
        .flat_map(|state| state["Events"].as_array().cloned().unwrap_or_default())
        .map(|event| match event["Type"].as_str() {
            Some("Driver") => event["DriverMessage"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            other => other.unwrap_or_default().to_owned(),
        })
        .collect()
}

/// Waits until both sides run and the increment has begun.
async fn replicating(sim: &NomadSim, job: &str) {
    until("a replication", async || {
        let dest = newest(sim, job, "Dest").await;
        dest.is_some_and(|dest| {
            dest["ClientStatus"] == "running" && events(&dest).contains(&"job_stage_incr".into())
        })
    })
    .await;
}

async fn failed(sim: &NomadSim, job: &str, group: &str) -> Value {
    until("a failed allocation", async || {
        newest(sim, job, group)
            .await
            .is_some_and(|alloc| alloc["ClientStatus"] == "failed")
    })
    .await;
    newest(sim, job, group).await.expect("an allocation")
}

/// A replication in the plugin's layout.
fn replication(plugin: Plugin, id: &str) -> Value {
    let source = json!({"Host": "10.0.0.1", "Port": "3306", "User": "u", "Password": "p"});
    let target = json!({"Host": "10.0.0.2", "Port": 3306, "User": "u", "Password": "p"});
    let (src, dest) = match plugin {
        Plugin::V3 => (
            json!({"ConnectionConfig": source}),
            json!({"ConnectionConfig": target}),
        ),
        Plugin::V4 => (
            json!({"SrcConnectionConfig": source, "DestConnectionConfig": target}),
            json!({"DestType": "mysql"}),
        ),
    };
    let group = |name: &str, config: Value| {
        json!({
            "Name": name, "Count": 1,
            "RestartPolicy": {"Attempts": 1, "Interval": 600_000_000_000_i64, "Delay": 2_000_000_000_i64, "Mode": "fail"},
            "ReschedulePolicy": {"Attempts": 0, "Unlimited": false},
            "Tasks": [{"Name": name, "Driver": "dtle", "Config": config, "Leader": name == "Dest"}],
        })
    };
    json!({"ID": id, "Datacenters": ["dc1"], "TaskGroups": [group("Src", src), group("Dest", dest)]})
}

fn src_config(job: &mut Value) -> &mut Value {
    &mut job["TaskGroups"][0]["Tasks"][0]["Config"]
}

fn connection(plugin: Plugin) -> &'static str {
    match plugin {
        Plugin::V3 => "ConnectionConfig",
        Plugin::V4 => "SrcConnectionConfig",
    }
}

#[tokio::test]
async fn a_read_with_an_index_waits_for_the_next_change() {
    let sim = of(Plugin::V3).await;
    register(&sim, &replication(Plugin::V3, "a")).await;
    replicating(&sim, "a").await;
    until("a stable job", async || {
        get(&sim, "/v1/job/a").await.json()["Stable"] == true
    })
    .await;
    let index = get(&sim, "/v1/job/a").await.index();
    let begun = Instant::now();
    let (reply, ()) = tokio::join!(
        async { get(&sim, &format!("/v1/job/a?index={index}&wait=5s")).await },
        async {
            tokio::time::sleep(Duration::from_millis(60)).await;
            let mut job = replication(Plugin::V3, "a");
            job["Meta"] = json!({"x": "y"});
            register(&sim, &job).await;
        }
    );
    let waited = begun.elapsed();
    assert!(
        waited >= Duration::from_millis(60) && waited < Duration::from_secs(2),
        "{waited:?}"
    );
    assert!(reply.index() > index);
    assert_eq!(reply.json()["Meta"], json!({"x": "y"}));
}

#[tokio::test]
async fn a_read_whose_wait_is_over_answers_what_there_is() {
    let sim = of(Plugin::V3).await;
    let begun = Instant::now();
    let reply = get(&sim, "/v1/nodes?index=9999&wait=80ms").await;
    assert!(begun.elapsed() >= Duration::from_millis(80));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_signal_wakes_who_waits_for_the_allocation() {
    for plugin in [Plugin::V3, Plugin::V4] {
        let sim = of(plugin).await;
        register(&sim, &replication(plugin, "a")).await;
        replicating(&sim, "a").await;
        until("a stable job", async || {
            get(&sim, "/v1/job/a").await.json()["Stable"] == true
        })
        .await;
        let id = newest(&sim, "a", "Src").await.expect("an allocation")["ID"]
            .as_str()
            .expect("an ID")
            .to_owned();
        let index = get(&sim, &format!("/v1/allocation/{id}")).await.index();
        let (reply, signalled) = tokio::join!(
            async { get(&sim, &format!("/v1/allocation/{id}?index={index}&wait=5s")).await },
            async {
                tokio::time::sleep(Duration::from_millis(30)).await;
                put(
                    &sim,
                    &format!("/v1/client/allocation/{id}/signal"),
                    &json!({"Signal": "stats", "Task": "Src"}),
                )
                .await
            }
        );
        assert_eq!(signalled.status, 500);
        assert!(reply.index() > index);
        assert!(events(&reply.json()).contains(&"Signaling".to_owned()));
    }
}

#[tokio::test]
async fn ten_events_of_a_task_are_kept() {
    let sim = of(Plugin::V4).await;
    register(&sim, &replication(Plugin::V4, "a")).await;
    replicating(&sim, "a").await;
    let id = newest(&sim, "a", "Dest").await.expect("an allocation")["ID"]
        .as_str()
        .expect("an ID")
        .to_owned();
    for _ in 0..7 {
        put(
            &sim,
            &format!("/v1/client/allocation/{id}/signal"),
            &json!({"Signal": "stats"}),
        )
        .await;
    }
    let events = events(&get(&sim, &format!("/v1/allocation/{id}")).await.json());
    let expected: Vec<&str> = ["Signaling", "Task receive signal stats"]
        .into_iter()
        .cycle()
        .take(10)
        .collect();
    assert_eq!(events, expected);
}

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
async fn config_strings_are_templates_to_the_plugin_only() {
    let sim = of(Plugin::V4).await;
    let mut job = replication(Plugin::V4, "a");
    let tables = json!([{"TableSchema": "${1}_$1", "Tables": [
        {"TableName": "$${1}", "Where": "a %%{x} 100% \\d"},
    ]}]);
    src_config(&mut job)["ReplicateDoDb"] = tables.clone();
    register(&sim, &job).await;
    replicating(&sim, "a").await;
    let read = get(&sim, "/v1/job/a").await.json();
    assert_eq!(
        read["TaskGroups"][0]["Tasks"][0]["Config"]["ReplicateDoDb"],
        tables
    );
    let id = newest(&sim, "a", "Src").await.expect("an allocation")["ID"]
        .as_str()
        .expect("an ID")
        .to_owned();
    let received = sim.task_config(&id, "Src").expect("a Config");
    assert_eq!(
        received["ReplicateDoDb"],
        json!([{"TableSchema": "1_$1", "Tables": [{"TableName": "${1}", "Where": "a %{x} 100% \\d"}]}])
    );
    src_config(&mut job)["ReplicateDoDb"] = json!([{"TableSchema": "%{x}"}]);
    register(&sim, &job).await;
    let alloc = failed(&sim, "a", "Src").await;
    assert!(events(&alloc).contains(&"Failed Validation".to_owned()));
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

#[tokio::test]
async fn the_other_generations_layout_fails_as_a_whole() {
    for (plugin, other, key) in [
        (Plugin::V3, Plugin::V4, "SrcConnectionConfig"),
        (Plugin::V4, Plugin::V3, "ConnectionConfig"),
    ] {
        let sim = of(plugin).await;
        register(&sim, &replication(other, "a")).await;
        let alloc = failed(&sim, "a", "Src").await;
        let text = alloc["TaskStates"]["Src"]["Events"][2]["ValidationError"]
            .as_str()
            .expect("a text");
        assert!(
            text.contains(&format!("No argument or block type is named {key:?}.")),
            "{text}"
        );
        assert_eq!(
            events(&alloc).last().map(String::as_str),
            Some("Alloc Unhealthy")
        );
        failed(&sim, "a", "Dest").await;
    }
}

#[tokio::test]
async fn unknown_keys_fail_at_any_depth() {
    let sim = of(Plugin::V3).await;
    let mut job = replication(Plugin::V3, "a");
    src_config(&mut job)["ReplicateDoDb"] =
        json!([{"TableSchema": "a", "Tables": [{"TableName": "t", "Colour": "x"}]}]);
    register(&sim, &job).await;
    let alloc = failed(&sim, "a", "Src").await;
    let events = &alloc["TaskStates"]["Src"]["Events"];
    assert_eq!(
        events[2]["ValidationError"],
        "2 errors occurred:\n\t* failed to parse config: \n\t* Invalid label: No argument or block type is named \"Colour\".\n\n"
    );
    assert_eq!(events[2]["Message"], "");
}

#[tokio::test]
async fn a_task_without_statistics_answers_as_its_plugin_does() {
    for plugin in [Plugin::V3, Plugin::V4] {
        let sim = of(plugin).await;
        let mut job = replication(plugin, "a");
        src_config(&mut job)["NatsAddr"] = json!("x");
        register(&sim, &job).await;
        failed(&sim, "a", "Src").await;
        until("a Dest", async || {
            newest(&sim, "a", "Dest")
                .await
                .is_some_and(|alloc| alloc["ClientStatus"] == "running")
        })
        .await;
        let dest = newest(&sim, "a", "Dest").await.expect("an allocation");
        let path = format!(
            "/v1/client/allocation/{}/signal",
            dest["ID"].as_str().expect("an ID")
        );
        let reply = put(&sim, &path, &json!({"Signal": "stats", "Task": "Dest"})).await;
        match plugin {
            Plugin::V3 => assert_eq!(reply.status, 200),
            Plugin::V4 => assert_eq!(
                (reply.status, reply.body.as_str()),
                (
                    500,
                    "rpc error: code = Unknown desc = DTLE_BUG SignalTask. should not reach here"
                )
            ),
        }
    }
}

fn statistics(reply: &Reply) -> Value {
    let text = reply.body.split_once("desc = ").expect("statistics").1;
    serde_json::from_str(text.trim_end()).expect("JSON")
}

#[tokio::test]
async fn statistics_move_with_their_interval() {
    for plugin in [Plugin::V3, Plugin::V4] {
        let sim = start(Options {
            plugin,
            pace: Pace {
                statistics: Duration::from_millis(40),
                ..Pace::instant()
            },
            ..Options::default()
        })
        .await;
        register(&sim, &replication(plugin, "a")).await;
        replicating(&sim, "a").await;
        for group in ["Src", "Dest"] {
            let alloc = newest(&sim, "a", group).await.expect("an allocation");
            let path = format!(
                "/v1/client/allocation/{}/signal",
                alloc["ID"].as_str().expect("an ID")
            );
            let ask = async || {
                statistics(&put(&sim, &path, &json!({"Signal": "stats", "Task": group})).await)
            };
            let first = ask().await;
            tokio::time::sleep(Duration::from_millis(130)).await;
            let second = ask().await;
            for field in ["ExecMasterRowCount", "Timestamp"] {
                assert!(
                    second[field].as_i64() > first[field].as_i64(),
                    "{field}: {first} {second}"
                );
            }
            assert_ne!(
                first["CurrentCoordinates"]["GtidSet"],
                second["CurrentCoordinates"]["GtidSet"]
            );
        }
    }
}

async fn consul(sim: &NomadSim, method: &str, path: &str) -> Reply {
    send(&sim.consul_url(), method, path, &[], None)
        .await
        .expect("an answer")
}

async fn gtid(sim: &NomadSim, job: &str) -> Option<String> {
    let reply = consul(sim, "GET", &format!("/v1/kv/dtle/{job}/Gtid")).await;
    (reply.status == 200).then(|| decode(reply.json()[0]["Value"].as_str().expect("a value")))
}

fn last(gtid: &str) -> u64 {
    gtid.rsplit('-')
        .next()
        .expect("a number")
        .parse()
        .expect("a number")
}

#[tokio::test]
async fn progress_outlives_its_job_and_overrides_config() {
    for plugin in [Plugin::V3, Plugin::V4] {
        let sim = start(Options {
            plugin,
            pace: Pace {
                statistics: Duration::from_millis(5),
                ..Pace::instant()
            },
            ..Options::default()
        })
        .await;
        let uuid = "8868d98f-af5e-11e8-9aa9-0242ac110002";
        let mut job = replication(plugin, "a");
        src_config(&mut job)["Gtid"] = json!(format!("{uuid}:1-171"));
        register(&sim, &job).await;
        replicating(&sim, "a").await;
        let first = gtid(&sim, "a").await.expect("progress");
        assert!(first.starts_with(uuid) && last(&first) >= 171, "{first}");
        until("progress", async || {
            last(&gtid(&sim, "a").await.expect("progress")) > 180
        })
        .await;
        let reply = send(&sim.url(), "DELETE", "/v1/job/a?purge=true", &[], None)
            .await
            .expect("an answer");
        assert_eq!(reply.status, 200);
        until("stopped allocations", async || {
            allocs(&sim, "a")
                .await
                .iter()
                .all(|alloc| alloc["ClientStatus"] == "complete")
        })
        .await;
        let kept = last(&gtid(&sim, "a").await.expect("progress"));
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(
            last(&gtid(&sim, "a").await.expect("progress")),
            kept,
            "nothing moves it"
        );
        src_config(&mut job)["Gtid"] = json!(format!("{uuid}:1-5"));
        register(&sim, &job).await;
        replicating(&sim, "a").await;
        let now = last(&gtid(&sim, "a").await.expect("progress"));
        assert!(now >= kept, "{now} goes on from {kept}");
    }
}

#[tokio::test]
async fn a_recursive_delete_goes_by_text() {
    let sim = of(Plugin::V3).await;
    for key in ["dtle/a/Gtid", "dtle/ab/Gtid", "dtle/a/NatsAddr"] {
        send(
            &sim.consul_url(),
            "PUT",
            &format!("/v1/kv/{key}"),
            &[],
            Some("v"),
        )
        .await
        .expect("an answer");
    }
    let keys = consul(&sim, "GET", "/v1/kv/dtle/?keys").await;
    assert_eq!(
        keys.json(),
        json!(["dtle/a/Gtid", "dtle/a/NatsAddr", "dtle/ab/Gtid"])
    );
    assert_eq!(
        consul(&sim, "DELETE", "/v1/kv/dtle/a/?recurse").await.body,
        "true"
    );
    assert_eq!(
        consul(&sim, "GET", "/v1/kv/dtle/?keys").await.json(),
        json!(["dtle/ab/Gtid"])
    );
    consul(&sim, "DELETE", "/v1/kv/dtle/a?recurse").await;
    let none = consul(&sim, "GET", "/v1/kv/dtle/?recurse").await;
    assert_eq!((none.status, none.body.as_str()), (404, ""));
}

#[tokio::test]
async fn a_dropped_connection_may_or_may_not_have_written() {
    let sim = of(Plugin::V4).await;
    for (when, written) in [(DropPoint::Before, false), (DropPoint::After, true)] {
        sim.faults().drop_next(1, None, "/v1/jobs", when);
        let body = json!({"Job": replication(Plugin::V4, "a")}).to_string();
        let outcome = send(&sim.url(), "PUT", "/v1/jobs", &[], Some(&body)).await;
        assert!(outcome.is_err(), "{outcome:?}");
        assert_eq!(get(&sim, "/v1/job/a").await.status == 200, written);
    }
    assert_eq!(sim.faults().count("PUT", "/v1/jobs"), 2);
    assert_eq!(sim.faults().writes(), 2);
    assert_eq!(sim.faults().count_below(Some("GET"), "/v1/job/"), 2);
}

#[tokio::test]
async fn chosen_answers_delays_and_silence() {
    let sim = of(Plugin::V4).await;
    sim.faults().answer_next(2, "/v1/jobs", 429, "slow down");
    for _ in 0..2 {
        let reply = get(&sim, "/v1/jobs").await;
        assert_eq!((reply.status, reply.body.as_str()), (429, "slow down"));
    }
    assert_eq!(get(&sim, "/v1/jobs").await.status, 200);
    sim.faults().set_delay(Duration::from_millis(60));
    let begun = Instant::now();
    get(&sim, "/v1/jobs").await;
    assert!(begun.elapsed() >= Duration::from_millis(60));
    sim.faults().clear();
    sim.faults().set_frozen(true);
    let silent = tokio::time::timeout(Duration::from_millis(80), get(&sim, "/v1/jobs")).await;
    assert!(silent.is_err(), "a frozen server says nothing");
    sim.faults().set_frozen(false);
    assert_eq!(get(&sim, "/v1/jobs").await.status, 200);
    sim.faults().set_forbidden(true);
    assert_eq!(get(&sim, "/v1/job/a").await.body, "Permission denied");
    assert_eq!(get(&sim, "/v1/regions").await.status, 200);
}

#[tokio::test]
async fn the_end_of_the_simulation_is_the_end_of_its_connections() {
    let sim = of(Plugin::V4).await;
    let url = sim.url();
    let waiting = tokio::spawn({
        let url = url.clone();
        async move { send(&url, "GET", "/v1/jobs?index=99999&wait=60s", &[], None).await }
    });
    tokio::time::sleep(Duration::from_millis(30)).await;
    sim.shutdown().await;
    let outcome = tokio::time::timeout(Duration::from_secs(2), waiting)
        .await
        .expect("an end")
        .expect("no panic");
    assert!(outcome.is_err());
    assert!(send(&url, "GET", "/v1/jobs", &[], None).await.is_err());
}

#[tokio::test]
async fn the_seed_shows_the_vendors_jobs_and_another_tenants() {
    for plugin in [Plugin::V3, Plugin::V4] {
        let sim = start(Options {
            plugin,
            seed: true,
            ..Options::default()
        })
        .await;
        replicating(&sim, seed::RUNNING_JOB).await;
        let src = get(
            &sim,
            &format!("/v1/allocation/{}", seed::RUNNING_SRC_ALLOCATION),
        )
        .await
        .json();
        assert_eq!(
            (&src["TaskGroup"], &src["JobID"]),
            (&json!("Src"), &json!(seed::RUNNING_JOB))
        );
        let dest = get(
            &sim,
            &format!("/v1/allocation/{}", seed::RUNNING_DEST_ALLOCATION),
        )
        .await
        .json();
        assert_eq!(dest["TaskGroup"], "Dest");
        failed(&sim, seed::FAILED_JOB, "Src").await;
        let ids: Vec<Value> = get(&sim, "/v1/jobs")
            .await
            .json()
            .as_array()
            .expect("a list")
            .iter()
            .map(|j| j["ID"].clone())
            .collect();
        assert_eq!(
            ids,
            [
                json!(seed::RUNNING_JOB),
                json!(seed::FAILED_JOB),
                json!("web")
            ]
        );
        let job = get(&sim, &format!("/v1/job/{}", seed::RUNNING_JOB))
            .await
            .json();
        assert_eq!(job["Meta"], json!({"dtle2": r#"{"Name":"test1-2"}"#}));
        let gtid = gtid(&sim, seed::RUNNING_JOB).await.expect("progress");
        assert!(
            gtid.starts_with("8868d98f-af5e-11e8-9aa9-0242ac110002:1-"),
            "{gtid}"
        );
    }
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
async fn a_kafka_that_is_elsewhere_is_reached() {
    for plugin in [Plugin::V3, Plugin::V4] {
        let sim = of(plugin).await;
        let mut job = replication(plugin, "k");
        let kafka = json!({"Brokers": ["kafka:9092"], "Topic": "t", "Converter": "json"});
        match plugin {
            Plugin::V3 => {
                job["TaskGroups"][1]["Tasks"][0]["Config"] = json!({"KafkaConfig": kafka});
            }
            Plugin::V4 => {
                src_config(&mut job)
                    .as_object_mut()
                    .expect("a Config")
                    .remove("DestConnectionConfig");
                src_config(&mut job)["KafkaConfig"] = kafka;
                job["TaskGroups"][1]["Tasks"][0]["Config"] = json!({"DestType": "kafka"});
            }
        }
        register(&sim, &job).await;
        replicating(&sim, "k").await;
    }
}

#[tokio::test]
async fn ids_and_prefixes_are_checked_as_memdb_does() {
    let sim = of(Plugin::V4).await;
    for (path, text) in [
        (
            "/v1/evaluation/x",
            "eval lookup failed: index error: UUID must be 36 characters",
        ),
        (
            "/v1/allocations?prefix=123",
            "alloc lookup failed: index error: Input (without hyphens) must be even length",
        ),
        (
            "/v1/nodes?prefix=zz",
            "node lookup failed: index error: Invalid UUID: encoding/hex: invalid byte: U+007A 'z'",
        ),
    ] {
        let reply = get(&sim, path).await;
        assert_eq!((reply.status, reply.body.as_str()), (500, text), "{path}");
    }
}

#[tokio::test]
async fn wrong_methods_and_paths() {
    let sim = of(Plugin::V4).await;
    for (method, path) in [
        ("PATCH", "/v1/job/a"),
        ("DELETE", "/v1/jobs"),
        ("PUT", "/v1/allocations"),
        ("GET", "/v1/validate/job"),
        ("GET", "/v1/system/gc"),
        ("POST", "/v1/status/leader"),
        (
            "GET",
            "/v1/client/allocation/00000000-0000-0000-0000-000000000000/signal",
        ),
    ] {
        let reply = send(&sim.url(), method, path, &[], None)
            .await
            .expect("an answer");
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (405, "Invalid method"),
            "{method} {path}"
        );
    }
    for path in ["/", "/v1", "/v1/", "/v2/jobs", "/v1/agent/nope"] {
        let reply = get(&sim, path).await;
        assert_eq!((reply.status, reply.body.as_str()), (404, ""), "{path}");
        assert_eq!(reply.header("content-type"), None);
    }
    let reply = get(&sim, "/v1//jobs?x=1").await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (301, Some("/v1/jobs?x=1"))
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
async fn pretty_is_indented_by_four() {
    let sim = of(Plugin::V4).await;
    assert_eq!(
        get(&sim, "/v1/regions?pretty").await.body,
        "[\n    \"global\"\n]\n"
    );
}
