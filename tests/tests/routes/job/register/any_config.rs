//! `POST`, `PUT /v1/jobs`: any Config comes back as it was sent.
//!
//! `PROPTEST_CASES` makes these tests longer.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use tests::cluster::job;
use tests::sent::{expected, lasting};
use tests::{Cluster, on_both};

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

/// A text that names something.
fn name() -> impl Strategy<Value = Value> {
    text().prop_map(|text| json!(format!("n{text}")))
}

/// Keys that mean something with values that they may have, keys that the plugin does
/// not take with values of any kind, and any others. Left out is what is refused as a
/// whole: wrong types, a masked password.
fn config() -> impl Strategy<Value = Map<String, Value>> {
    let free = proptest::sample::select(vec![
        "NatsAddr",
        "SystemVariables",
        "HasSuperPrivilege",
        "KafkaConfig",
        "SrcConnectionConfig",
        "DestConnectionConfig",
        "DestType",
    ]);
    let key = prop_oneof![free.prop_map(str::to_owned), text()];
    let whole = || prop_oneof![any::<i64>().prop_map(Value::from), Just(json!("2000"))];
    let typed = (
        proptest::option::of(name()),
        proptest::option::of(vec(text(), 0..5)),
        proptest::option::of(whole()),
        proptest::option::of(any::<u64>()),
        proptest::option::of(any::<bool>()),
    )
        .prop_map(|(text, texts, number, position, flag)| {
            [
                ("WaitOnJob", text),
                ("SqlFilter", texts.map(Value::from)),
                ("ChunkSize", number),
                ("BinlogPos", position.map(Value::from)),
                ("DropTableIfExists", flag.map(Value::from)),
            ]
        });
    let table = (name(), text()).prop_map(|(name, text)| json!({"TableName": name, "Where": text}));
    let block =
        (name(), proptest::option::of(vec(table, 0..4))).prop_map(|(name, tables)| match tables {
            Some(tables) => json!({"TableSchema": name, "Tables": tables}),
            None => json!({"TableSchema": name}),
        });
    (
        btree_map(key, value(), 0..8),
        btree_map(text(), value(), 0..4),
        proptest::option::of(vec(block, 0..4)),
        typed,
    )
        .prop_map(|(fields, connection, blocks, typed)| {
            let mut config: Map<String, Value> = fields.into_iter().collect();
            let mut connection: Map<String, Value> = connection.into_iter().collect();
            for (key, value) in [
                ("Host", "h"),
                ("Port", "3306"),
                ("User", "u"),
                ("Password", "p"),
            ] {
                connection.insert(key.to_owned(), json!(value));
            }
            config.insert("ConnectionConfig".to_owned(), json!(connection));
            if let Some(blocks) = blocks {
                config.insert("ReplicateDoDb".to_owned(), json!(blocks));
            }
            for (key, value) in typed {
                config.extend(value.map(|value| (key.to_owned(), value)));
            }
            config
        })
        .prop_filter("one spelling a key", |config| {
            one_spelling(&Value::Object(config.clone()))
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
            |(src, mut dest, driver)| {
                if driver == "Kafka" {
                    dest.remove("ConnectionConfig");
                    dest.insert("Brokers".to_owned(), json!(["k:9092"]));
                    dest.insert("Topic".to_owned(), json!("t"));
                }
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
