//! A cluster to try things on, and what the tests ask it.

use std::time::{Duration, Instant};

use nomad_sim::{NomadSim, Options, Plugin};
use serde_json::{Value, json};

use super::client::{Reply, send};
use super::hold::decode;

pub(crate) async fn start(options: Options) -> NomadSim {
    NomadSim::start(options).await.expect("a server")
}

pub(crate) async fn of(plugin: Plugin) -> NomadSim {
    start(Options {
        plugin,
        ..Options::default()
    })
    .await
}

pub(crate) async fn get(sim: &NomadSim, path: &str) -> Reply {
    send(&sim.url(), "GET", path, &[], None)
        .await
        .expect("an answer")
}

pub(crate) async fn put(sim: &NomadSim, path: &str, body: &Value) -> Reply {
    send(&sim.url(), "PUT", path, &[], Some(&body.to_string()))
        .await
        .expect("an answer")
}

pub(crate) async fn register(sim: &NomadSim, job: &Value) -> Reply {
    let reply = put(sim, "/v1/jobs", &json!({ "Job": job })).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply
}

pub(crate) async fn until<F: AsyncFn() -> bool>(what: &str, holds: F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "waited too long for: {what}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) async fn allocs(sim: &NomadSim, job: &str) -> Vec<Value> {
    get(sim, &format!("/v1/job/{job}/allocations"))
        .await
        .json()
        .as_array()
        .expect("a list")
        .clone()
}

pub(crate) async fn newest(sim: &NomadSim, job: &str, group: &str) -> Option<Value> {
    let found = allocs(sim, job).await;
    found
        .into_iter()
        .filter(|alloc| alloc["TaskGroup"] == group)
        .max_by_key(|alloc| alloc["CreateIndex"].as_u64())
}

pub(crate) fn events(alloc: &Value) -> Vec<String> {
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
pub(crate) async fn replicating(sim: &NomadSim, job: &str) {
    until("a replication", async || {
        let dest = newest(sim, job, "Dest").await;
        dest.is_some_and(|dest| {
            dest["ClientStatus"] == "running" && events(&dest).contains(&"job_stage_incr".into())
        })
    })
    .await;
}

pub(crate) async fn failed(sim: &NomadSim, job: &str, group: &str) -> Value {
    until("a failed allocation", async || {
        newest(sim, job, group)
            .await
            .is_some_and(|alloc| alloc["ClientStatus"] == "failed")
    })
    .await;
    newest(sim, job, group).await.expect("an allocation")
}

/// A replication in the plugin's layout.
pub(crate) fn replication(plugin: Plugin, id: &str) -> Value {
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

pub(crate) fn src_config(job: &mut Value) -> &mut Value {
    &mut job["TaskGroups"][0]["Tasks"][0]["Config"]
}

pub(crate) fn connection(plugin: Plugin) -> &'static str {
    match plugin {
        Plugin::V3 => "ConnectionConfig",
        Plugin::V4 => "SrcConnectionConfig",
    }
}

pub(crate) async fn consul(sim: &NomadSim, method: &str, path: &str) -> Reply {
    send(&sim.consul_url(), method, path, &[], None)
        .await
        .expect("an answer")
}

pub(crate) async fn gtid(sim: &NomadSim, job: &str) -> Option<String> {
    let reply = consul(sim, "GET", &format!("/v1/kv/dtle/{job}/Gtid")).await;
    (reply.status == 200).then(|| decode(reply.json()[0]["Value"].as_str().expect("a value")))
}
