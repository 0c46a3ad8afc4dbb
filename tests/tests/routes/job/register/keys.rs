//! `POST`, `PUT /v1/jobs`: the keys of a Config, which of them reach the plugin, and how
//! they come back.

use serde_json::{Value, json};
use tests::cluster::{job, task};
use tests::sent::{
    documented, documented_and_refused, expected, job_with, lasting, received_all, received_none,
    survives,
};
use tests::{Cluster, Generation, on_both};

/// Undocumented, known to 2.x and to the plugin.
fn undocumented() -> Value {
    json!({
        "ReplicateDoDb": [{
            "TableSchemaRegex": "db(\\d+)",
            "TableSchemaRename": "copy$1",
            "TableSchemaRenameRegex": "",
            "TableSchemaScope": "schemas",
            "Tables": [{
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
