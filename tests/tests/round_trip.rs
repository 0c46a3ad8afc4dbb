//! Jobs that survive the round trip: what a client sends through the gateway
//! runs on the plugin, and comes back as it was sent but for what 2.x itself
//! adds (`TrafficAgainstLimits` on Src, Src's `Gtid` on Dest, defaults).
//!
//! What the plugin takes and what it refuses is written down here a second
//! time, from the facts about the plugin, so that the translation is not its
//! own judge.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use tests::cluster::{job, task, whole};
use tests::shape::is_uuid;
use tests::{Cluster, Generation, gateway, on_both};

/// What 2.x reads back of a job that was sent, indexes and status aside.
fn expected(sent: &Value) -> Value {
    let or = |value: &Value, default: Value| {
        if value.is_null() {
            default
        } else {
            value.clone()
        }
    };
    let gtid = or(&task(sent, "Src")["Config"]["Gtid"], json!(""));
    let tasks: Vec<Value> = sent["Tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| {
            let mut config = whole(&task["Config"]);
            if task["Type"] == "Dest" {
                config["Gtid"] = gtid.clone();
            } else if config.get("TrafficAgainstLimits").is_none() {
                config["TrafficAgainstLimits"] = json!(0);
            }
            json!({
                "Config": config,
                "ConfigLock": {},
                "Constraints": null,
                "Driver": or(&task["Driver"], json!("MySQL")),
                "Leader": task["Type"] == "Dest",
                "NodeID": or(&task["NodeID"], json!("")),
                "NodeName": or(&task["NodeName"], json!("")),
                "Type": task["Type"],
            })
        })
        .collect();
    json!({
        "Constraints": null,
        "Datacenters": or(&sent["Datacenters"], json!(["dc1"])),
        "EnforceIndex": false,
        "Failover": or(&sent["Failover"], json!(false)),
        "ID": sent["ID"],
        "Name": sent["Name"],
        "Orders": sent["Orders"],
        "Region": or(&sent["Region"], json!("global")),
        "Tasks": tasks,
        "Type": "synchronous",
    })
}

/// A job that was read, without what changes by itself.
fn lasting(mut job: Value) -> Value {
    for key in [
        "CreateIndex",
        "JobModifyIndex",
        "ModifyIndex",
        "Status",
        "StatusDescription",
    ] {
        assert!(!job[key].is_null(), "{key}");
        job.as_object_mut().unwrap().remove(key);
    }
    job
}

/// Sends a job, waits until it runs, and holds what is read against what was
/// sent.
async fn survives(cluster: &Cluster, sent: &Value) -> Value {
    let id = cluster.create(sent).await;
    let job = cluster.running(&id).await;
    assert_eq!(lasting(job.clone()), expected(sent));
    job
}

/// A job whose tasks have these keys beside what they need to run.
fn job_with(id: &str, src: &Value, dest: &Value) -> Value {
    let mut job = job(id);
    for (position, more) in [src, dest].into_iter().enumerate() {
        let config = job["Tasks"][position]["Config"].as_object_mut().unwrap();
        config.extend(more.as_object().unwrap().clone());
    }
    job
}

/// Holds what a driver received against what it should have, for these keys.
fn received_all(received: &Value, sent: &Value) {
    for (key, value) in sent.as_object().unwrap() {
        assert_eq!(&received[key], value, "{key}");
    }
}

fn received_none(received: &Value, keys: &Value) {
    for key in keys.as_object().unwrap().keys() {
        assert_eq!(received.get(key), None, "{key}");
    }
}

/// Every key that 2.x documents for Src and that the plugin knows too.
fn documented() -> Value {
    json!({
        "Gtid": "cea3cd7e-e716-11f1-b069-02fc00000001:1-13",
        "ReplicateDoDb": [
            {"TableSchema": "db1", "Tables": [{"TableName": "tb1", "Where": "id < 7 and name like 'a%'"}]},
            {"TableSchema": "db2"},
        ],
        "DropTableIfExists": true,
        "SkipCreateDbTable": false,
        "ReplChanBufferSize": "60",
        "ChunkSize": "2000",
        "ExpandSyntaxSupport": false,
        "GroupMaxSize": 1,
        "GroupTimeout": 100,
        "SqlFilter": ["NoDML", "NoDDLDropTable"],
    })
}

/// Documented by 2.x and refused by the plugin, by both generations.
fn documented_and_refused() -> Value {
    json!({
        "ApproveHeterogeneous": true,
        "MsgBytesLimit": "20480",
        "MsgsLimit": 65536,
        "BytesLimit": 1.5,
    })
}

/// Undocumented, known to 2.x and to the plugin.
fn undocumented() -> Value {
    json!({
        "ReplicateDoDb": [{
            "TableSchemaRegex": "db(\\d+)",
            "TableSchemaRename": "copy$1",
            "TableSchemaRenameRegex": "",
            "TableSchemaScope": "schemas",
            "Tables": [{
                "TableName": "t",
                "TableRegex": "t(\\d)",
                "TableRename": "u$1",
                "TableRenameRegex": "",
                "TableSchema": "db1",
                "TableSchemaRename": "db9",
            }],
        }],
        "ReplicateIgnoreDb": [{"TableSchema": "mysql", "Tables": [{"TableName": "user", "TableSchema": "mysql"}]}],
        "BinlogFile": "mysql-bin.000001",
        "BinlogPos": 2954,
        "GtidStart": "",
        "AutoGtid": false,
        "BinlogRelay": false,
        "MaxRetries": 3,
        "SkipPrivilegeCheck": true,
        "SkipIncrementalCopy": false,
        "TrafficAgainstLimits": 1024,
    })
}

/// Undocumented, known to 2.x, refused by the plugin.
fn undocumented_and_refused() -> Value {
    json!({
        "NatsAddr": "127.0.0.1:8193",
        "TimeZone": "+08:00",
        "SqlMode": "",
        "SystemVariables": [["sql_mode", "ANSI"]],
        "HasSuperPrivilege": true,
        "BinlogFormat": "ROW",
        "BinlogRowImage": "FULL",
        "MySQLVersion": "5.6.24-log",
        "MySQLServerUuid": "cea3cd7e-e716-11f1-b069-02fc00000001",
        "GroupCount": 1,
        "TotalTransferredBytes": 0,
    })
}

/// What 4.x added; 3.x refuses it.
fn of_4x() -> Value {
    json!({
        "UseMySQLDependency": true,
        "DependencyHistorySize": 2500,
        "ForeignKeyChecks": true,
        "DumpEntryLimit": 67108864,
        "SlaveNetWriteTimeout": 28800,
        "BulkInsert1": 4,
        "BulkInsert2": 8,
        "BulkInsert3": 128,
        "SetGtidNext": false,
        "TwoWaySync": false,
        "TwoWaySyncGtid": "",
        "RetryTxLimit": 5,
        "BigTxSrcQueue": 3,
        "WaitOnJob": "",
    })
}

on_both!(
    every_documented_key_reaches_the_plugin_and_comes_back,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let mut src = documented();
        let refused = documented_and_refused();
        src.as_object_mut()
            .unwrap()
            .extend(refused.as_object().unwrap().clone());
        let mut sent = job_with("documented", &src, &json!({"ParallelWorkers": 4}));
        sent["Tasks"][0]["Config"]["ConnectionConfig"]["Charset"] = json!("utf8mb4");
        survives(&cluster, &sent).await;

        let received = cluster.received("documented", "Src").await;
        received_all(&received, &documented());
        received_none(&received, &refused);
        let connection = |side: usize| sent["Tasks"][side]["Config"]["ConnectionConfig"].clone();
        let dest = cluster.received("documented", "Dest").await;
        match generation {
            Generation::Split => {
                assert_eq!(received["ConnectionConfig"], connection(0));
                assert_eq!(
                    dest,
                    json!({"ConnectionConfig": connection(1), "ParallelWorkers": 4})
                );
            }
            Generation::Merged => {
                assert_eq!(received["SrcConnectionConfig"], connection(0));
                assert_eq!(received["DestConnectionConfig"], connection(1));
                assert_eq!(received["ParallelWorkers"], 4);
                assert_eq!(received.get("ConnectionConfig"), None);
                assert_eq!(dest, json!({"DestType": "mysql"}));
            }
        }
    }
);

on_both!(
    every_undocumented_key_comes_back_and_reaches_the_plugin_if_it_knows_it,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let mut src = undocumented();
        let refused = undocumented_and_refused();
        src.as_object_mut()
            .unwrap()
            .extend(refused.as_object().unwrap().clone());
        survives(&cluster, &job_with("undocumented", &src, &refused)).await;
        let received = cluster.received("undocumented", "Src").await;
        received_all(&received, &undocumented());
        received_none(&received, &refused);
        received_none(&cluster.received("undocumented", "Dest").await, &refused);
    }
);

on_both!(
    what_4x_added_reaches_4x_and_waits_on_3x,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let mut src = of_4x();
        src["ReplicateDoDb"] = json!([{"TableSchema": "a", "Tables": [
            {"TableName": "b", "ColumnMapFrom": ["x", "y"], "ColumnMapTo": ["y", "x"]},
        ]}]);
        survives(&cluster, &job_with("newer", &src, &json!({}))).await;
        let received = cluster.received("newer", "Src").await;
        match generation {
            Generation::Merged => received_all(&received, &src),
            Generation::Split => {
                received_none(&received, &of_4x());
                let table = json!({"TableName": "b"});
                assert_eq!(received["ReplicateDoDb"][0]["Tables"][0], table);
            }
        }
    }
);

on_both!(
    what_4x_made_of_the_destination_may_stand_on_dest,
    async |generation| {
        // Dest of 2.x acts upon these; 4.x has them beside everything else.
        let cluster = Cluster::start(generation).await;
        let dest = json!({"ParallelWorkers": "8", "SkipPrivilegeCheck": true, "BulkInsert1": 5, "DropTableIfExists": true});
        survives(
            &cluster,
            &job_with("dest-keys", &json!({"DropTableIfExists": false}), &dest),
        )
        .await;
        let src = cluster.received("dest-keys", "Src").await;
        match generation {
            Generation::Split => {
                let received = cluster.received("dest-keys", "Dest").await;
                assert_eq!(received["ParallelWorkers"], "8");
                assert_eq!(received["SkipPrivilegeCheck"], true);
                assert_eq!(received.get("BulkInsert1"), None);
            }
            Generation::Merged => {
                assert_eq!(src["ParallelWorkers"], "8");
                assert_eq!(src["BulkInsert1"], 5);
            }
        }
        // What Src says of itself is not Dest's to change.
        assert_eq!(src["DropTableIfExists"], false);
    }
);

on_both!(
    an_oracle_source_comes_back_and_runs_on_4x,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let mut sent = job("oracle");
        sent["Tasks"][0]["Driver"] = json!("Oracle");
        let config = sent["Tasks"][0]["Config"].as_object_mut().unwrap();
        config.remove("ConnectionConfig");
        let oracle = json!({"ServiceName": "xe", "Host": "10.9.8.5", "Port": 1521, "User": "u", "Password": "p${1}", "Scn": 0});
        config.insert("SrcOracleConfig".to_owned(), oracle.clone());
        match generation {
            Generation::Merged => {
                survives(&cluster, &sent).await;
                let received = cluster.received("oracle", "Src").await;
                assert_eq!(received["SrcOracleConfig"], oracle);
            }
            Generation::Split => {
                // 3.x has no such source: said before anything is registered.
                let answer = cluster.api.post_json("/v1/jobs", &sent).await;
                assert_eq!(answer.status, 400, "{}", answer.shown());
                assert!(answer.text().contains("Oracle"), "{}", answer.text());
                let report = cluster.api.post_json("/v1/validate/job", &sent).await;
                assert_eq!(report.ok()["Error"], answer.text());
                let answer = cluster.api.get("/v1/job/oracle").await;
                answer.fails(404, "job not found");
            }
        }
    }
);

on_both!(
    a_kafka_destination_runs_and_comes_back,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let mut sent = job_with("kafka", &documented(), &json!({}));
        let kafka = json!({"Brokers": ["kafka-1:9092", "kafka-2:9092"], "Topic": "t${1}", "Converter": "json"});
        sent["Tasks"][1]["Driver"] = json!("Kafka");
        sent["Tasks"][1]["Config"] = kafka.clone();
        sent["Tasks"][1]["Config"]["TimeZone"] = json!("+08:00");
        let job = survives(&cluster, &sent).await;
        assert_eq!(task(&job, "Dest")["Driver"], "Kafka");
        let (zone, holder) = match generation {
            Generation::Split => ("TimeZone", "Dest"),
            Generation::Merged => ("DateTimeZone", "Src"),
        };
        let received = cluster.received("kafka", holder).await;
        let mut expected = kafka;
        expected[zone] = json!("+08:00");
        assert_eq!(received["KafkaConfig"], expected);
        if generation == Generation::Merged {
            assert_eq!(
                cluster.received("kafka", "Dest").await,
                json!({"DestType": "kafka"})
            );
        }
    }
);

on_both!(
    template_characters_reach_the_plugin_as_they_were_sent,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let texts = [
            "${1}",
            "$${1}",
            "$$${1}",
            "%{x}",
            "%%{x}",
            "$1",
            "100%",
            "${",
            "%{",
            "$",
            "%",
            "$$",
            "%%",
            "${node.unique.name}",
            "a ${b} %{ if c } d %{ endif } $${e}",
            "\\${1}",
            "$\\{1}",
            "${env.HOME}",
            "{{ key \"x\" }}",
            "$%{a}",
            "%${a}",
            "\"${1}\"",
        ];
        let dbs: Vec<Value> = texts.iter().map(|text| json!({
        "TableSchemaRegex": "db(.)",
        "TableSchemaRename": text,
        "Tables": [{"TableRegex": "t(.)", "TableRename": text, "Where": format!("c = '{text}'")}],
    })).collect();
        let src = json!({
            "ReplicateDoDb": dbs,
            "SqlFilter": texts,
            "mine": {"${1}": {"%{x}": texts}, "$${1}": 1, "%%{x}": 2},
            "${top}": "%{x}",
            "MySQLVersion": "${1}",
            "ConnectionConfig": {"Host": "10.9.8.7", "Port": "3306", "User": "%{u}", "Password": "p${1}$${2}%{3}%%{4}"},
        });
        survives(
            &cluster,
            &job_with("templates", &src, &json!({"mine": {"%{a}": "${b}"}})),
        )
        .await;
        let received = cluster.received("templates", "Src").await;
        assert_eq!(received["ReplicateDoDb"], src["ReplicateDoDb"]);
        assert_eq!(received["SqlFilter"], src["SqlFilter"]);
        let connection = match generation {
            Generation::Split => "ConnectionConfig",
            Generation::Merged => "SrcConnectionConfig",
        };
        assert_eq!(received[connection], src["ConnectionConfig"]);
        received_none(
            &received,
            &json!({"mine": 1, "${top}": 1, "MySQLVersion": 1}),
        );
    }
);

on_both!(
    numbers_keep_their_value_and_their_type,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let src = json!({
            "BinlogPos": 18_446_744_073_709_551_615_u64,
            "MaxRetries": 9_007_199_254_740_993_u64,
            "ChunkSize": "2000",
            "GroupTimeout": 9_007_199_254_740_992_u64,
            "TrafficAgainstLimits": -1,
            "mine": [
                9_007_199_254_740_993_i64, -9_007_199_254_740_993_i64, i64::MIN, i64::MAX, u64::MAX,
                0, -1, 0.1, -2.5, 1e300, 5e-324, 0.30000000000000004, "1", "1.0", "01",
            ],
        });
        let job = survives(&cluster, &job_with("numbers", &src, &json!({}))).await;
        let config = &task(&job, "Src")["Config"];
        assert_eq!(config["BinlogPos"].to_string(), "18446744073709551615");
        assert_eq!(config["MaxRetries"].to_string(), "9007199254740993");
        // The plugin can hold them only if they do not pass through a float.
        let received = cluster.received("numbers", "Src").await;
        let digits = |value: &Value| value.to_string().trim_matches('"').to_owned();
        assert_eq!(digits(&received["BinlogPos"]), "18446744073709551615");
        assert_eq!(digits(&received["MaxRetries"]), "9007199254740993");
        assert_eq!(received["GroupTimeout"], 9_007_199_254_740_992_u64);
        assert_eq!(received["ChunkSize"], "2000");

        // Whole numbers in Go's other spelling are whole numbers.
        let body = tests::cluster::job("floats")
            .to_string()
            .replace(r#""Port":3306"#, r#""Port":3306.0"#);
        assert!(body.contains("3306.0"));
        let answer = cluster
            .api
            .send("POST", "/v1/jobs", &[], body.as_bytes())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.shown());
        let answer = cluster.api.get("/v1/job/floats").await;
        assert!(
            answer.text().contains(r#""Port":3306,"#),
            "{}",
            answer.text()
        );
    }
);

on_both!(nulls_and_empty_values_come_back, async |generation| {
    let cluster = Cluster::start(generation).await;
    let src = json!({
        "SqlFilter": null,
        "ReplicateDoDb": [],
        "ReplicateIgnoreDb": null,
        "BinlogFile": "",
        "GtidStart": null,
        "NatsAddr": null,
        "mine": {"null": null, "list": [], "object": {}, "text": "", "nested": [null, [null], {"a": null}]},
    });
    survives(
        &cluster,
        &job_with(
            "nulls",
            &src,
            &json!({"ParallelWorkers": null, "mine": null}),
        ),
    )
    .await;
    let received = cluster.received("nulls", "Src").await;
    assert_eq!(received["BinlogFile"], "");
    assert_eq!(received["ReplicateDoDb"], json!([]));
});

on_both!(any_language_comes_back, async |generation| {
    let cluster = Cluster::start(generation).await;
    let words = [
        "库名",
        "表_Ω",
        "naïve",
        "e\u{301}",
        "🦀\u{200d}",
        "\u{202e}rtl",
        "tab\tnew\nline",
        "\u{7f}\u{1}",
        "\u{fffd}\u{feff}",
    ];
    let mut sent = job_with(
        "languages",
        &json!({
            "ReplicateDoDb": words.map(|word| json!({"TableSchema": word, "Tables": [{"TableName": word, "Where": word}]})),
            "库": {"🦀": words},
        }),
        &json!({}),
    );
    sent["Name"] = json!("数据复制 \"任务\" \\ ${1} %{x} 🦀");
    survives(&cluster, &sent).await;
    let received = cluster.received("languages", "Src").await;
    assert_eq!(
        received["ReplicateDoDb"],
        sent["Tasks"][0]["Config"]["ReplicateDoDb"]
    );
});

on_both!(placement_comes_back_and_binds, async |generation| {
    let cluster = Cluster::start(generation).await;
    let nodes = cluster.api.get("/v1/nodes").await.ok();
    let (id, name) = (nodes[0]["ID"].clone(), nodes[0]["Name"].clone());
    for (number, failover) in [(1, false), (2, true)] {
        let mut sent = job(&format!("placed-{number}"));
        sent["Failover"] = json!(failover);
        sent["Datacenters"] = json!(["dc1", "dc2"]);
        sent["Region"] = json!("global");
        sent["Orders"] = json!([]);
        sent["Tasks"][0]["NodeID"] = id.clone();
        sent["Tasks"][1]["NodeName"] = name.clone();
        survives(&cluster, &sent).await;
    }
    // Elsewhere is nowhere: the job waits, and says so; with Failover any node does.
    let mut sent = job("nowhere");
    sent["Tasks"][0]["NodeName"] = json!("no-such-node");
    cluster.create(&sent).await;
    let mut moves = job("anywhere");
    moves["Tasks"][0]["NodeName"] = json!("no-such-node");
    moves["Failover"] = json!(true);
    survives(&cluster, &moves).await;
    let waits = cluster.read("nowhere").await;
    assert_eq!(waits["Status"], "pending");
    assert!(
        waits["StatusDescription"]
            .as_str()
            .unwrap()
            .contains("no-such-node"),
        "{waits}"
    );
    assert_eq!(lasting(waits), expected(&sent));
});

on_both!(
    tasks_come_back_in_the_order_they_were_sent,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let mut sent = job("order");
        sent["Tasks"].as_array_mut().unwrap().reverse();
        let job = survives(&cluster, &sent).await;
        assert_eq!(job["Tasks"][0]["Type"], "Dest");
    }
);

on_both!(names_may_repeat_and_ids_are_made, async |generation| {
    let cluster = Cluster::start(generation).await;
    let before = cluster.api.get("/v1/jobs").await.ok();
    assert_eq!(before, json!([]));
    let mut body = job("x");
    body.as_object_mut().unwrap().remove("ID");
    for _ in 0..2 {
        assert_eq!(
            cluster.api.post_json("/v1/jobs", &body).await.ok()["Success"],
            true
        );
    }
    let list = cluster.api.get("/v1/jobs").await.ok();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    for stub in list {
        let id = stub["ID"].as_str().unwrap();
        assert!(is_uuid(id) && id.as_bytes()[14] == b'4', "{id}");
        assert_eq!(stub["Name"], "name of x");
        // Two jobs of one Nomad Name corrupt each other's progress.
        let nomad = cluster_job(&cluster, id).await;
        assert_eq!(nomad["Name"], stub["ID"]);
        cluster.running(id).await;
    }
});

/// A job as Nomad itself has it.
async fn cluster_job(cluster: &Cluster, id: &str) -> Value {
    let nomad = tests::Client::of_url(&cluster.nomad.url());
    nomad.get(&format!("/v1/job/{id}")).await.json()
}

on_both!(
    names_of_keys_match_in_any_case_and_come_back_canonical,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let canonical = job_with(
            "case",
            &json!({
                "ChunkSize": 7,
                "ReplicateDoDb": [{"TableSchema": "a", "Tables": [{"TableName": "b", "Where": "c"}]}],
                "ReplicateIgnoreDb": [{"TableSchema": "a"}],
                "MySQLVersion": "x",
                "myOwn": {"Host": 1},
            }),
            &json!({"ParallelWorkers": 3}),
        );
        let mut body = canonical.to_string();
        for name in [
            "Tasks",
            "Type",
            "Config",
            "ChunkSize",
            "ReplicateDoDb",
            "TableSchema",
            "Tables",
            "TableName",
            "Where",
            "ReplicateIgnoreDb",
            "MySQLVersion",
            "ConnectionConfig",
            "User",
            "Password",
            "Port",
            "ParallelWorkers",
            "Gtid",
        ] {
            let quoted = format!("\"{name}\":");
            assert!(body.contains(&quoted), "{name}");
            body = body.replace(&quoted, &format!("\"{}\":", name.to_lowercase()));
        }
        body = body
            .replace("\"ID\":", "\"iD\":")
            .replace("\"Name\":", "\"NAME\":");
        let answer = cluster
            .api
            .send("POST", "/v1/jobs", &[], body.as_bytes())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.shown());
        assert_eq!(lasting(cluster.running("case").await), expected(&canonical));

        // The vendor's page writes NodeId where the wire says NodeID.
        let node = cluster.api.get("/v1/nodes").await.ok()[0]["ID"].clone();
        let mut sent = job("node-id");
        sent["Tasks"][0]["NodeId"] = node.clone();
        cluster.create(&sent).await;
        sent["Tasks"][0]["NodeID"] = node;
        assert_eq!(lasting(cluster.running("node-id").await), expected(&sent));
    }
);

on_both!(
    what_was_read_can_be_sent_back_and_changes_nothing,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let src = documented_and_refused();
        let sent = job_with(
            "again",
            &src,
            &json!({"ParallelWorkers": 2, "NatsAddr": "a:1"}),
        );
        let before = survives(&cluster, &sent).await;
        let allocations = |list: &Value| -> Vec<String> {
            let list = list.as_array().unwrap().iter();
            list.map(|one| one["ID"].as_str().unwrap().to_owned())
                .collect()
        };
        let tasks = cluster.api.get("/v1/job/again/allocations").await.ok();
        for _ in 0..3 {
            let reply = cluster.api.put_json("/v1/job/again", &before).await.ok();
            assert_eq!(reply["Success"], true);
            assert_eq!(
                lasting(cluster.running("again").await),
                lasting(before.clone())
            );
        }
        // Nothing was restarted.
        let now = cluster.api.get("/v1/job/again/allocations").await.ok();
        assert_eq!(allocations(&now), allocations(&tasks));
    }
);

on_both!(
    an_update_replaces_everything_the_client_sent,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let mut src = documented();
        src["NatsAddr"] = json!("a:1");
        let mut sent = job_with("changed", &src, &json!({"ParallelWorkers": 2, "mine": 1}));
        sent["Failover"] = json!(true);
        sent["Orders"] = json!([]);
        survives(&cluster, &sent).await;
        let mut fewer = job_with(
            "changed",
            &json!({"ChunkSize": 5}),
            &json!({"BytesLimit": 1}),
        );
        fewer["Name"] = json!("renamed");
        let reply = cluster.api.put_json("/v1/job/changed", &fewer).await.ok();
        assert_eq!(reply["Success"], true);
        // The renamed job is the same one to the plugin.
        assert_eq!(cluster_job(&cluster, "changed").await["Name"], "changed");
        for _ in 0..200 {
            if lasting(cluster.read("changed").await) == expected(&fewer) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(lasting(cluster.running("changed").await), expected(&fewer));
        let received = cluster.received("changed", "Src").await;
        assert_eq!(received["ChunkSize"], 5);
        received_none(&received, &json!({"SqlFilter": 1, "DropTableIfExists": 1}));
    }
);

on_both!(
    a_masked_password_keeps_the_registered_one_on_each_side,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let sent = job_with(
            "masked",
            &json!({"ConnectionConfig":
        {"Host": "10.9.8.7", "Port": 1234, "User": "u", "Password": "s${1}%{2}*"}}),
            &json!({}),
        );
        survives(&cluster, &sent).await;
        // As the list shows it, sent back with one change.
        let list = cluster.api.get("/v1/jobs").await.ok();
        let mut shown = list[0]["JobSummary"].clone();
        for side in [0, 1] {
            assert_eq!(
                shown["Tasks"][side]["Config"]["ConnectionConfig"]["Password"],
                "*"
            );
        }
        shown["Tasks"][0]["Config"]["ChunkSize"] = json!(11);
        assert_eq!(
            cluster.api.post_json("/v1/jobs", &shown).await.ok()["Success"],
            true
        );
        let mut changed = sent.clone();
        changed["Tasks"][0]["Config"]["ChunkSize"] = json!(11);
        assert_eq!(lasting(cluster.read("masked").await), expected(&changed));
        cluster.running("masked").await;
    }
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_survives_the_change_of_the_plugins_generation() {
    // Registered for 3.x on a cluster that has moved on: it cannot run there.
    let old = Cluster::with(Generation::Merged, &[("DTLE_LAYOUT", "split")]).await;
    let mut src = documented();
    src["NatsAddr"] = json!("a:1");
    let sent = job_with("moved", &src, &json!({"ParallelWorkers": 3}));
    old.create(&sent).await;
    assert_eq!(lasting(old.read("moved").await), expected(&sent));
    // The gateway that asks the nodes reads it as it was sent.
    let (_server, api) = gateway(&old.nomad.url(), &[]).await;
    let read = api.get("/v1/job/moved").await.ok();
    assert_eq!(lasting(read.clone()), expected(&sent));
    // Sent again with the passwords as a list shows them, it runs.
    let mut masked = read;
    for side in [0, 1] {
        masked["Tasks"][side]["Config"]["ConnectionConfig"]["Password"] = json!("*");
    }
    assert_eq!(
        api.put_json("/v1/job/moved", &masked).await.ok()["Success"],
        true
    );
    let job = tests::cluster::running(&api, "moved", std::time::Duration::from_secs(10)).await;
    assert_eq!(lasting(job), expected(&sent));
    let received = old.received("moved", "Src").await;
    assert_eq!(received["SrcConnectionConfig"]["Password"], "secret-of-src");
    assert_eq!(
        received["DestConnectionConfig"]["Password"],
        "secret-of-dest"
    );
}

/// `ConnectionConfig { … }` in a job file of Nomad's, without an equals sign, is
/// registered as a list of one.
async fn register_in_blocks(cluster: &Cluster, id: &str, src: &Value, dest: &Value) {
    let groups = [("src", src), ("dest", dest)].map(|(name, config)| {
        json!({"Name": name, "Count": 1, "Tasks": [
            {"Name": name, "Driver": "dtle", "Config": config}
        ]})
    });
    let job = json!({"Job": {
        "ID": id, "Name": id, "Type": "service", "Datacenters": ["dc1"], "TaskGroups": groups,
    }});
    let nomad = tests::Client::of_url(&cluster.nomad.url());
    assert_eq!(nomad.put_json("/v1/jobs", &job).await.status, 200);
}

on_both!(
    blocks_of_a_job_file_read_as_objects_and_hide_their_passwords,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let connection = |host: &str| json!({"Host": host, "Port": 3306, "User": "u", "Password": format!("secret-of-{host}")});
        let kafka = json!({"Brokers": ["k:9092"], "Topic": "t", "Converter": "json"});
        let (src, dest) = (connection("src"), connection("dest"));
        let (to_mysql, to_kafka) = match generation {
            Generation::Split => (
                [
                    json!({"ConnectionConfig": [src]}),
                    json!({"ConnectionConfig": [dest]}),
                ],
                [
                    json!({"ConnectionConfig": [src]}),
                    json!({"KafkaConfig": [kafka]}),
                ],
            ),
            Generation::Merged => (
                [
                    json!({"SrcConnectionConfig": [src], "DestConnectionConfig": [dest]}),
                    json!({"DestType": "mysql"}),
                ],
                [
                    json!({"SrcConnectionConfig": [src], "KafkaConfig": [kafka]}),
                    json!({"DestType": "kafka"}),
                ],
            ),
        };
        register_in_blocks(&cluster, "to-mysql", &to_mysql[0], &to_mysql[1]).await;
        register_in_blocks(&cluster, "to-kafka", &to_kafka[0], &to_kafka[1]).await;

        let job = cluster.read("to-mysql").await;
        assert_eq!(job["Tasks"][0]["Config"]["ConnectionConfig"], src);
        assert_eq!(job["Tasks"][1]["Config"]["ConnectionConfig"], dest);
        let job = cluster.read("to-kafka").await;
        assert_eq!(job["Tasks"][0]["Config"]["ConnectionConfig"], src);
        assert_eq!(job["Tasks"][1]["Driver"], "Kafka");
        for (key, value) in kafka.as_object().unwrap() {
            assert_eq!(&job["Tasks"][1]["Config"][key], value, "{key}");
        }
        let list = cluster.api.get("/v1/jobs").await;
        assert!(!list.text().contains("secret-of"), "{}", list.text());

        // What the list shows can be sent back.
        let mut shown = list.json()[1]["JobSummary"].clone();
        assert_eq!(shown["ID"], "to-mysql");
        shown["Name"] = json!("renamed");
        cluster.create(&shown).await;
        let job = cluster.read("to-mysql").await;
        assert_eq!(job["Tasks"][0]["Config"]["ConnectionConfig"], src);
        assert_eq!(job["Tasks"][1]["Config"]["ConnectionConfig"], dest);
    }
);

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

on_both!(
    a_job_as_deep_as_one_may_be_is_read_wherever_it_shows,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let nested = |levels| (0..levels).fold(json!("x"), |inner, _| json!([inner]));
        // Four levels of a body are above a Config's values.
        let deep = job_with(
            "deep",
            &json!({"Gtid": nested(60), "unknown": nested(60)}),
            &json!({}),
        );
        cluster.create(&deep).await;
        assert_eq!(lasting(cluster.read("deep").await), expected(&deep));
        let node = cluster.api.get("/v1/nodes").await.ok()[0]["ID"].clone();
        let node = node.as_str().unwrap();
        for target in ["/v1/jobs", &format!("/v1/node/{node}/allocations")] {
            let text = cluster.api.get(target).await;
            assert_eq!(text.status, 200, "{}", text.shown());
        }
        for pause_or_resume in ["pause", "resume"] {
            let target = format!("/v1/job/deep/{pause_or_resume}");
            let reply = cluster.api.post_json(&target, &json!({})).await.ok();
            assert_eq!(reply["Success"], true, "{pause_or_resume}");
        }
        assert_eq!(lasting(cluster.read("deep").await), expected(&deep));

        // One that could not be read would be in the way of every list.
        for levels in [61, 119, 123, 1000] {
            let deeper = job_with("deeper", &json!({"Gtid": nested(levels)}), &json!({}));
            let answer = cluster.api.post_json("/v1/jobs", &deeper).await;
            assert_eq!(answer.status, 400, "{levels}: {}", answer.shown());
        }
        assert_eq!(cluster.api.get("/v1/job/deeper").await.status, 404);
    }
);

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

on_both!(
    live_progress_is_all_that_is_added_with_consul,
    async |generation| {
        // The gateway has to know Consul's address before it starts.
        let cluster = Cluster::start(generation).await;
        let consul = cluster.nomad.consul_url();
        let (_server, api) = gateway(&cluster.nomad.url(), &[("CONSUL_HTTP_ADDR", &consul)]).await;
        let sent = job("progress");
        cluster.create(&sent).await;
        cluster.running("progress").await;
        let mut job = Value::Null;
        for _ in 0..200 {
            job = api.get("/v1/job/progress").await.ok();
            if task(&job, "Src")["Config"]["BinlogFile"].is_string() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        // What 2.x adds once a task has reported, on both sides.
        let mut rest = lasting(job.clone());
        for side in [0, 1] {
            let config = rest["Tasks"][side]["Config"].as_object_mut().unwrap();
            assert!(config.remove("BinlogFile").unwrap().is_string());
            assert!(config.remove("BinlogPos").unwrap().is_u64());
            let address = config.remove("NatsAddr").unwrap();
            assert!(
                address
                    .as_str()
                    .unwrap()
                    .parse::<std::net::SocketAddr>()
                    .is_ok()
            );
            let gtid = config.insert("Gtid".to_owned(), json!("")).unwrap();
            assert_ne!(gtid, "");
        }
        assert_eq!(rest, expected(&sent));
    }
);

// --- any Config ---

/// This many cases, or as many as PROPTEST_CASES says.
fn cases(number: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok();
    Config {
        cases: asked.and_then(|n| n.parse().ok()).unwrap_or(number),
        failure_persistence: None,
        ..Config::default()
    }
}

/// A text with anything in it, template characters above all.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "([$%{}~\\\\/]|[a-z]){0,12}",
        any::<String>(),
        Just(String::new()),
        Just("*".to_owned()),
    ]
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1000_i64..1000).prop_map(Value::from),
        // Quarters: exact in binary and in decimal, so that no parser is at fault.
        (-100_000_i32..100_000).prop_map(|n| json!(f64::from(n) + 0.25)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number(),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(text(), inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Keys that mean something, with values of any kind, and any others. Left out
/// is what is refused as a whole: a connection that is none, a masked password.
fn config() -> impl Strategy<Value = Map<String, Value>> {
    let known = proptest::sample::select(vec![
        "Gtid",
        "ReplicateDoDb",
        "ReplicateIgnoreDb",
        "SqlFilter",
        "ChunkSize",
        "ParallelWorkers",
        "DropTableIfExists",
        "NatsAddr",
        "SystemVariables",
        "BulkInsert1",
        "BinlogPos",
        "KafkaConfig",
        "SrcConnectionConfig",
        "DestConnectionConfig",
        "DestType",
        "TimeZone",
        "TrafficAgainstLimits",
        "Brokers",
        "Topic",
        "WaitOnJob",
    ]);
    let key = prop_oneof![known.prop_map(str::to_owned), text()];
    let connection = btree_map(text(), value(), 0..4);
    let blocks = vec(
        btree_map(
            prop_oneof![
                Just("TableSchema".to_owned()),
                Just("Tables".to_owned()),
                text()
            ],
            value(),
            0..4,
        ),
        0..4,
    );
    (
        btree_map(key, value(), 0..8),
        proptest::option::of(connection),
        proptest::option::of(blocks),
    )
        .prop_map(|(fields, connection, blocks)| {
            let mut config: Map<String, Value> = fields.into_iter().collect();
            if let Some(connection) = connection {
                config.insert("ConnectionConfig".to_owned(), json!(connection));
            }
            if let Some(blocks) = blocks {
                config.insert("ReplicateDoDb".to_owned(), json!(blocks));
            }
            config
        })
        .prop_filter("one spelling a key, no masked password", |config| {
            let names: Vec<String> = config.keys().map(|key| key.to_ascii_lowercase()).collect();
            let unique: std::collections::BTreeSet<&String> = names.iter().collect();
            let masked = config.get("Password") == Some(&json!("*"))
                || config
                    .values()
                    .any(|block| block.get("Password") == Some(&json!("*")));
            unique.len() == names.len() && !masked && one_spelling(&Value::Object(config.clone()))
        })
}

/// Whether no object has a key in two spellings, at any depth.
fn one_spelling(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(one_spelling),
        Value::Object(fields) => {
            let names: std::collections::BTreeSet<String> =
                fields.keys().map(|key| key.to_ascii_lowercase()).collect();
            names.len() == fields.len() && fields.values().all(one_spelling)
        }
        _ => true,
    }
}

on_both!(any_config_survives, async |generation| {
    let cluster = Cluster::start(generation).await;
    let handle = tokio::runtime::Handle::current();
    let checked = tokio::task::spawn_blocking(move || {
        let mut runner = TestRunner::new(cases(64));
        runner.run(
            &(
                config(),
                config(),
                proptest::sample::select(vec!["MySQL", "Kafka"]),
            ),
            |(src, dest, driver)| {
                let sent = json!({
                    "ID": "any", "Name": "any",
                    "Tasks": [
                        {"Type": "Src", "Config": src},
                        {"Type": "Dest", "Config": dest, "Driver": driver},
                    ],
                });
                let (answer, read) = handle.block_on(async {
                    let answer = cluster.api.post_json("/v1/jobs", &sent).await;
                    (answer, cluster.api.get("/v1/job/any").await)
                });
                prop_assert_eq!(answer.status, 200, "{}", answer.shown());
                prop_assert_eq!(lasting(read.ok()), expected(&sent));
                handle.block_on(cluster.api.delete("/v1/job/any"));
                Ok(())
            },
        )
    });
    if let Err(error) = checked.await.unwrap() {
        panic!("{error}");
    }
});

on_both!(
    any_fraction_comes_back_to_its_last_digit,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let handle = tokio::runtime::Handle::current();
        let checked = tokio::task::spawn_blocking(move || {
            let mut runner = TestRunner::new(cases(32));
            let floats = vec(
                proptest::num::f64::NORMAL.prop_filter("a fraction", |n| n.fract() != 0.0),
                40,
            );
            runner.run(&floats, |floats| {
                let texts: Vec<String> = floats.iter().map(|n| format!("{n:?}")).collect();
                let body = job("floats").to_string().replace(
                    r#""Gtid":"""#,
                    &format!(r#""Gtid":"","mine":[{}]"#, texts.join(",")),
                );
                let text = handle.block_on(async {
                    let answer = cluster
                        .api
                        .send("POST", "/v1/jobs", &[], body.as_bytes())
                        .await;
                    assert_eq!(answer.status, 200, "{}", answer.shown());
                    cluster.api.get("/v1/job/floats").await.text().to_owned()
                });
                // Read by the standard library, which rounds correctly.
                let (_, rest) = text.split_once(r#""mine":["#).unwrap();
                let (list, _) = rest.split_once(']').unwrap();
                let back: Vec<f64> = list.split(',').map(|n| n.parse().unwrap()).collect();
                prop_assert_eq!(back, floats);
                Ok(())
            })
        });
        if let Err(error) = checked.await.unwrap() {
            panic!("{error}");
        }
    }
);
