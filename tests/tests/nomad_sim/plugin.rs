//! The plugin: what it makes of a Config, the figures it reports, the progress it keeps.

use std::time::Duration;

use nomad_sim::{Options, Pace, Plugin};
use serde_json::{Value, json};

use super::client::{Reply, send};
use super::cluster::{
    allocs, consul, events, failed, get, gtid, newest, of, put, register, replicating, replication,
    src_config, start, until,
};

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
            Some("Not Restarting")
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
