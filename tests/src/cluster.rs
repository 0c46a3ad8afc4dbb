//! The gateway over an in-memory Nomad, and what an operator does with it.

use std::time::{Duration, Instant};

use local::gateway::Server;
use nomad_sim::{NomadSim, Options};
use serde_json::{Value, json};

use crate::{Client, Generation, PATIENCE, gateway};

/// The gateway over an in-memory Nomad.
pub struct Cluster {
    /// The Nomad.
    pub nomad: NomadSim,
    /// The gateway.
    pub api: Client,
    /// The plugin's generation.
    pub generation: Generation,
    _server: Server,
}

impl Cluster {
    /// With no setting but the address: the generation is found from the nodes.
    pub async fn start(generation: Generation) -> Self {
        Self::with(generation, &[]).await
    }

    /// With further settings, as the environment would have them.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn with(generation: Generation, settings: &[(&str, &str)]) -> Self {
        let nomad = NomadSim::start(Options {
            plugin: generation.plugin(),
            version: Some(generation.release().to_owned()),
            ..Options::default()
        })
        .await
        .unwrap();
        let (server, api) = gateway(&nomad.url(), settings).await;
        Self {
            nomad,
            api,
            generation,
            _server: server,
        }
    }

    /// Creates a job; returns its ID.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create(&self, job: &Value) -> String {
        let reply = self.api.post_json("/v1/jobs", job).await.ok();
        assert_eq!(reply["Success"], true);
        job["ID"].as_str().expect("an ID").to_owned()
    }

    /// Reads a job.
    ///
    /// # Panics
    /// When there is none.
    pub async fn read(&self, id: &str) -> Value {
        self.api.get(&format!("/v1/job/{id}")).await.ok()
    }

    /// Waits until both tasks of a job run; returns the job.
    ///
    /// # Panics
    /// When they do not.
    pub async fn running(&self, id: &str) -> Value {
        running(&self.api, id, PATIENCE).await
    }

    /// The Config that the driver of a running job's task received, whole
    /// floats as whole numbers.
    ///
    /// # Panics
    /// When the task does not run.
    pub async fn received(&self, id: &str, side: &str) -> Value {
        let list = self.api.get(&format!("/v1/job/{id}/allocations")).await;
        let list = list.ok();
        let allocations = list.as_array().unwrap().iter();
        let allocation = allocations
            .filter(|one| one["Task"] == side && one["ClientStatus"] == "running")
            .map(|one| one["ID"].as_str().unwrap())
            .next()
            .unwrap_or_else(|| panic!("{id} has no running {side}"));
        let config = self.nomad.task_config(allocation, side);
        whole(&config.expect("a Config that passed the templates"))
    }
}

/// Waits until both tasks of a job run; returns the job.
///
/// # Panics
/// When they do not.
pub async fn running(api: &Client, id: &str, patience: Duration) -> Value {
    let end = Instant::now() + patience;
    loop {
        let job = api.get(&format!("/v1/job/{id}")).await.ok();
        let list = api.get(&format!("/v1/job/{id}/allocations")).await.ok();
        let allocations = list.as_array().unwrap().iter();
        let sides = allocations.filter(|one| {
            let task = one["Task"].as_str().unwrap_or_default();
            one["DesiredStatus"] == "run" && one["TaskStates"][task]["State"] == "running"
        });
        if job["Status"] == "running" && sides.count() == 2 {
            return job;
        }
        assert!(
            job["Status"] != "dead" && Instant::now() < end,
            "{id} is {}: {}\n{list:#}",
            job["Status"],
            job["StatusDescription"]
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A value with whole floats as whole numbers, at every depth.
#[must_use]
pub fn whole(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap();
            if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 {
                json!(number as i64)
            } else {
                json!(number)
            }
        }
        Value::Array(items) => items.iter().map(whole).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, item)| (key.clone(), whole(item)))
            .collect(),
        other => other.clone(),
    }
}

/// The task of one side in a job.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn task<'a>(job: &'a Value, side: &str) -> &'a Value {
    let tasks = job["Tasks"].as_array().expect("tasks");
    tasks
        .iter()
        .find(|task| task["Type"] == side)
        .unwrap_or_else(|| panic!("no {side}"))
}

/// A job that replicates one table between servers that answer, under this ID.
#[must_use]
pub fn job(id: &str) -> Value {
    json!({
        "ID": id,
        "Name": format!("name of {id}"),
        "Tasks": [
            {"Type": "Src", "Config": {
                "Gtid": "",
                "ReplicateDoDb": [{"TableSchema": "db1", "Tables": [{"TableName": "tb1"}]}],
                "ConnectionConfig": {"Host": "10.9.8.7", "Port": "3306", "User": "u", "Password": "secret-of-src"},
            }},
            {"Type": "Dest", "Config": {
                "ConnectionConfig": {"Host": "10.9.8.6", "Port": 3306, "User": "u", "Password": "secret-of-dest"},
            }},
        ],
    })
}

/// A job of Nomad's own form under this ID, with a Src of this driver and a Dest of dtle's.
#[must_use]
pub fn nomad_job(id: &str, driver: &str) -> Value {
    json!({"Job": {
        "ID": id, "Name": id, "Type": "service", "Datacenters": ["dc1"],
        "TaskGroups": [
            {"Name": "Src", "Tasks": [{"Name": "Src", "Driver": driver, "Config": {}}]},
            {"Name": "Dest", "Tasks": [{"Name": "Dest", "Driver": "dtle", "Config": {}}]},
        ],
    }})
}
