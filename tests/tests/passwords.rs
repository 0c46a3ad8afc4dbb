//! Which answers hold database passwords: what each route's row says, against what
//! its answers hold.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets something odd should stop and say so"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use dtle_api::route::Passwords;
use dtle_api::routes::TABLE;
use local::gateway::Server;
use nomad_sim::{NomadSim, Options};
use serde_json::{Value, json};
use tests::cluster::{job, running};
use tests::{Client, Generation, gateway, on_both};

/// Begins every password here; what follows says whose it is.
const PASSWORD: &str = "c0ffee-unique";

fn password(of: &str) -> String {
    format!("{PASSWORD}-{of}")
}

/// A job between two databases whose passwords are its own.
fn databases(id: &str) -> Value {
    let mut job = job(id);
    for (task, side) in [(0, "src"), (1, "dest")] {
        let connection = &mut job["Tasks"][task]["Config"]["ConnectionConfig"];
        connection["Password"] = json!(password(&format!("{id}-{side}")));
    }
    job
}

fn kafka(id: &str) -> Value {
    let mut job = databases(id);
    job["Tasks"][1] = json!({"Type": "Dest", "Driver": "Kafka", "Config": {
        "Brokers": ["10.9.8.5:9092"],
        "Topic": "t",
        "Converter": "json",
        "User": "u",
        "Password": password(&format!("{id}-dest")),
    }});
    job
}

fn oracle(id: &str) -> Value {
    let mut job = databases(id);
    let config = job["Tasks"][0]["Config"].as_object_mut().unwrap();
    config.remove("ConnectionConfig");
    config.insert(
        "SrcOracleConfig".to_owned(),
        json!({"Host": "10.9.8.4", "Port": 1521, "User": "u", "Scn": 0, "ServiceName": "x",
            "Password": password(&format!("{id}-src"))}),
    );
    job["Tasks"][0]["Driver"] = json!("Oracle");
    job
}

struct Cluster {
    nomad: NomadSim,
    api: Client,
    _server: Server,
}

/// A cluster with a job of every sort, each with passwords of its own.
async fn cluster(generation: Generation, mask: &str) -> Cluster {
    let release = match generation {
        Generation::Split => "3.20.10.0",
        Generation::Merged => "4.23.04.0",
    };
    let nomad = NomadSim::start(Options {
        plugin: generation.plugin(),
        version: Some(release.to_owned()),
        ..Options::default()
    })
    .await
    .unwrap();
    let consul = nomad.consul_url();
    let settings = [("DTLE_MASK_PASSWORDS", mask), ("CONSUL_HTTP_ADDR", &consul)];
    let (server, api) = gateway(&nomad.url(), &settings).await;

    let mut jobs = vec![databases("mysql"), kafka("kafka"), databases("paused")];
    if generation == Generation::Merged {
        jobs.push(oracle("oracle"));
    }
    for job in &jobs {
        api.post_json("/v1/jobs", job).await.succeeds();
    }
    running(&api, "mysql", Duration::from_secs(10)).await;
    running(&api, "kafka", Duration::from_secs(10)).await;
    running(&api, "paused", Duration::from_secs(10)).await;
    api.post("/v1/job/paused/pause").await.succeeds();

    // A Nomad job, as `nomad job run -output` would have made it.
    let document = Client::of_url(&nomad.url()).get("/v1/job/mysql").await.ok();
    let mut document: Value =
        serde_json::from_str(&document.to_string().replace("mysql", "forwarded")).unwrap();
    for field in [
        "JobModifyIndex",
        "ModifyIndex",
        "CreateIndex",
        "Version",
        "Status",
    ] {
        document.as_object_mut().unwrap().remove(field);
    }
    document["Name"] = json!("forwarded");
    let body = json!({"Job": document});
    api.post_json("/v1/jobs", &body).await.succeeds();
    running(&api, "forwarded", Duration::from_secs(10)).await;
    Cluster {
        nomad,
        api,
        _server: server,
    }
}

/// Whether some field `Password` in it reads `*`.
fn holds_mask(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_mask),
        Value::Object(fields) => fields.iter().any(|(key, value)| {
            (key.eq_ignore_ascii_case("password") && value == "*") || holds_mask(value)
        }),
        _ => false,
    }
}

/// What the answers of a route hold.
#[derive(Debug, Default)]
struct Found {
    answers: usize,
    shown: Vec<String>,
    masked: bool,
}

/// What the answers of every GET route hold, by function.
async fn found(api: &Client) -> BTreeMap<&'static str, Found> {
    let list = async |path: &str| -> Vec<String> {
        let list = api.get(path).await.ok();
        let items = list.as_array().unwrap().iter();
        items
            .map(|item| item["ID"].as_str().unwrap().to_owned())
            .collect()
    };
    let ids = BTreeMap::from([
        ("job", list("/v1/jobs").await),
        ("allocation", list("/v1/allocations").await),
        ("evaluation", list("/v1/evaluations").await),
        ("node", list("/v1/nodes").await),
        ("order", vec!["x".to_owned()]),
    ]);
    let mut all = BTreeMap::new();
    for route in TABLE.iter().filter(|route| route.methods.contains(&"GET")) {
        let mut found = Found::default();
        for path in route.paths {
            let targets: Vec<String> = match path.split_once("/{id}") {
                None => vec![(*path).to_owned()],
                Some((before, after)) => {
                    let ids = &ids[before.rsplit('/').next().unwrap()];
                    assert!(!ids.is_empty(), "{path}");
                    ids.iter()
                        .map(|id| format!("{before}/{id}{after}"))
                        .collect()
                }
            };
            for target in targets {
                // What is asked for prettily is written by other means.
                for query in ["", "?pretty=true"] {
                    let answer = api.get(&format!("{target}{query}")).await;
                    let text = answer.text();
                    found.answers += usize::from(answer.status == 200);
                    found.shown.extend(text.contains(PASSWORD).then(|| {
                        let at = text.find(PASSWORD).unwrap();
                        format!("{target}: {}", &text[at..(at + 40).min(text.len())])
                    }));
                    // Some answers are pages.
                    let json = serde_json::from_str(text).ok();
                    found.masked |= answer.status == 200 && json.is_some_and(|it| holds_mask(&it));
                }
            }
        }
        all.insert(route.function, found);
    }
    all
}

/// Whether the in-memory Nomad, and the test, have passwords in every place: what a
/// route could show has to be there.
fn every_password_is_registered(document: &str, places: &[&str]) {
    for place in places {
        assert!(document.contains(&password(place)), "{place}: {document}");
    }
}

on_both!(rows_say_what_answers_hold, async |generation| {
    for mask in ["lists", "everywhere"] {
        let cluster = cluster(generation, mask).await;
        for id in ["mysql", "kafka", "paused", "forwarded"] {
            let nomad = Client::of_url(&cluster.nomad.url());
            let document = nomad.get(&format!("/v1/job/{id}")).await;
            let (src, dest) = (format!("{id}-src"), format!("{id}-dest"));
            every_password_is_registered(document.text(), &[&src, &dest]);
        }
        let found = found(&cluster.api).await;
        for route in TABLE.iter().filter(|route| route.methods.contains(&"GET")) {
            let found = &found[route.function];
            let expected = match (route.passwords, mask) {
                (Passwords::None, _) => (false, false),
                (Passwords::Shown, "lists") => (true, false),
                (Passwords::Masked | Passwords::Shown, _) => (false, true),
            };
            assert_eq!(
                (!found.shown.is_empty(), found.masked),
                expected,
                "{} is {:?}, passwords masked: {mask}; (shown, masked) in {found:?}",
                route.function,
                route.passwords
            );
            assert_eq!(
                found.answers > 0,
                route.function != "unsupported",
                "{}",
                route.function
            );
        }
    }
});
