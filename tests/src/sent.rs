//! Jobs that survive the round trip: what a client sends through the gateway
//! runs on the plugin, and comes back as it was sent but for what 2.x itself
//! adds (`TrafficAgainstLimits` on Src, Src's `Gtid` on Dest, defaults).
//!
//! What the plugin takes and what it refuses is written down here a second
//! time, from the facts about the plugin, so that the translation is not its
//! own judge.

use serde_json::{Value, json};

use crate::cluster::{job, task, whole};
use crate::{Client, Cluster};

/// What 2.x reads back of a job that was sent, indexes and status aside.
///
/// # Panics
/// When it is no job.
#[must_use]
pub fn expected(sent: &Value) -> Value {
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
///
/// # Panics
/// When it lacks some of that.
#[must_use]
pub fn lasting(mut job: Value) -> Value {
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
/// sent; returns what was read.
///
/// # Panics
/// When it does not run or came back as another.
pub async fn survives(cluster: &Cluster, sent: &Value) -> Value {
    let id = cluster.create(sent).await;
    let job = cluster.running(&id).await;
    assert_eq!(lasting(job.clone()), expected(sent));
    job
}

/// A job whose tasks have these keys beside what they need to run.
///
/// # Panics
/// When the keys are no object.
#[must_use]
pub fn job_with(id: &str, src: &Value, dest: &Value) -> Value {
    let mut job = job(id);
    for (position, more) in [src, dest].into_iter().enumerate() {
        let config = job["Tasks"][position]["Config"].as_object_mut().unwrap();
        config.extend(more.as_object().unwrap().clone());
    }
    job
}

/// Holds what a driver received against what it should have, for these keys.
///
/// # Panics
/// When one differs.
pub fn received_all(received: &Value, sent: &Value) {
    for (key, value) in sent.as_object().unwrap() {
        assert_eq!(&received[key], value, "{key}");
    }
}

/// Checks that a driver received none of these keys.
///
/// # Panics
/// When it did.
pub fn received_none(received: &Value, keys: &Value) {
    for key in keys.as_object().unwrap().keys() {
        assert_eq!(received.get(key), None, "{key}");
    }
}

/// Every key that 2.x documents for Src and that the plugin knows too.
#[must_use]
pub fn documented() -> Value {
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
#[must_use]
pub fn documented_and_refused() -> Value {
    json!({
        "ApproveHeterogeneous": true,
        "MsgBytesLimit": "20480",
        "MsgsLimit": 65536,
        "BytesLimit": 1.5,
    })
}

/// A job as Nomad itself has it.
///
/// # Panics
/// When no answer comes.
pub async fn cluster_job(cluster: &Cluster, id: &str) -> Value {
    let nomad = Client::of_url(&cluster.nomad.url());
    nomad.get(&format!("/v1/job/{id}")).await.json()
}

/// Registers a job with Nomad itself. `ConnectionConfig { … }` in a job file of
/// Nomad's, without an equals sign, is registered as a list of one.
///
/// # Panics
/// When it is refused.
pub async fn register_in_blocks(cluster: &Cluster, id: &str, src: &Value, dest: &Value) {
    let groups = [("src", src), ("dest", dest)].map(|(name, config)| {
        json!({"Name": name, "Count": 1, "Tasks": [
            {"Name": name, "Driver": "dtle", "Config": config}
        ]})
    });
    let job = json!({"Job": {
        "ID": id, "Name": id, "Type": "service", "Datacenters": ["dc1"], "TaskGroups": groups,
    }});
    let nomad = Client::of_url(&cluster.nomad.url());
    assert_eq!(nomad.put_json("/v1/jobs", &job).await.status, 200);
}
