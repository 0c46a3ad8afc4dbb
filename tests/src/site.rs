//! A cluster with the gateway in front, for the tests that can run on any.
//!
//! By default the cluster is the in-memory Nomad, once with each generation of
//! the plugin, and as later releases of Nomad with the newer one. With NOMAD_ADDR it is that one: then DTLE_SOURCE and
//! DTLE_DESTINATION (`user:password@host:port`) name two MySQL servers that its
//! nodes reach, DTLE_SCHEMA a schema of the source that may be copied (`test` if
//! not set), and CONSUL_HTTP_ADDR lets the jobs' progress be removed with them. One
//! test runs `sleep` there as somebody else's job, for which a node needs the driver
//! `raw_exec`. Job IDs are new in every run, and jobs are removed at the end of each
//! test, failed or not.

use std::sync::Mutex;

use local::gateway::Server;
use nomad_sim::{NomadSim, Options};
use serde_json::{Value, json};

use crate::cluster::running;
use crate::{Answer, Client, Generation, PATIENCE, eventually, gateway};

/// A cluster with the gateway in front.
pub struct Site {
    /// What to call it when a check fails there.
    pub name: String,
    /// The gateway.
    pub api: Client,
    /// The Nomad itself, for what no 2.x client can do.
    pub nomad: Client,
    /// What the IDs of this run end with.
    pub run: String,
    /// The source's `ConnectionConfig`.
    pub source: Value,
    /// The destination's `ConnectionConfig`.
    pub destination: Value,
    /// The in-memory Nomad; none where the cluster is a real one.
    pub sim: Option<NomadSim>,
    schema: String,
    forgets: bool,
    made: Mutex<Vec<String>>,
    foreign: Mutex<Vec<String>>,
    _server: Server,
}

impl Site {
    /// The clusters to check.
    ///
    /// # Panics
    /// When one cannot be set up, or NOMAD_ADDR stands without what belongs to it.
    pub async fn all() -> Vec<Self> {
        let set = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let run = std::process::id();
        let moment = std::time::SystemTime::now()
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        let run = format!("{run}-{}", moment.as_nanos() % 1_000_000_000);
        let mut settings = vec![
            // A failed task is given up at once: nobody wants to wait for that here.
            ("DTLE_RESTART_ATTEMPTS", "0".to_owned()),
            // A read may block for longer than any machine is slow.
            ("DTLE_DEADLINE", "10m".to_owned()),
        ];
        if let Some(address) = set("NOMAD_ADDR") {
            for name in [
                "DTLE_LAYOUT",
                "CONSUL_HTTP_ADDR",
                "CONSUL_HTTP_TOKEN",
                "NOMAD_TOKEN",
            ] {
                settings.extend(set(name).map(|value| (name, value)));
            }
            let server = |name: &str| {
                let text = set(name).unwrap_or_else(|| {
                    panic!(
                        "{name}: with NOMAD_ADDR a MySQL server is needed, user:password@host:port"
                    )
                });
                connection(&text)
            };
            let servers = [server("DTLE_SOURCE"), server("DTLE_DESTINATION")];
            let site = Self::new(&address, &address, None, &settings, run, servers);
            return vec![site.await];
        }
        let mut sites = Vec::new();
        let first = Generation::BOTH.map(|generation| (generation, "1.1.2"));
        let later = ["1.10.5", "2.0.5"].map(|build| (Generation::Merged, build));
        for (generation, build) in first.into_iter().chain(later) {
            let sim = NomadSim::start(Options {
                plugin: generation.plugin(),
                version: Some(generation.release().to_owned()),
                build: build.to_owned(),
                ..Options::default()
            })
            .await
            .unwrap();
            let mut settings = settings.clone();
            settings.push(("CONSUL_HTTP_ADDR", sim.consul_url()));
            let name = format!("{generation:?} with Nomad {build}");
            let url = sim.url();
            let servers = [
                connection("u:p1@10.9.8.7:3306"),
                connection("u:p2@10.9.8.6:3306"),
            ];
            let site = Self::new(&name, &url, Some(sim), &settings, run.clone(), servers);
            sites.push(site.await);
        }
        sites
    }

    async fn new(
        name: &str,
        url: &str,
        sim: Option<NomadSim>,
        settings: &[(&str, String)],
        run: String,
        [source, destination]: [Value; 2],
    ) -> Self {
        let settings: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let forgets = settings.iter().any(|(name, _)| *name == "CONSUL_HTTP_ADDR");
        let (server, api) = gateway(url, &settings).await;
        Self {
            name: name.to_owned(),
            api,
            nomad: Client::of_url(url),
            run,
            source,
            destination,
            sim,
            schema: std::env::var("DTLE_SCHEMA").unwrap_or_else(|_| "test".to_owned()),
            forgets,
            made: Mutex::default(),
            foreign: Mutex::default(),
            _server: server,
        }
    }

    /// An ID of this run.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn id(&self, what: &str) -> String {
        let id = format!("{what}-{}", self.run);
        self.made.lock().unwrap().push(id.clone());
        id
    }

    /// A job that runs. 3.x refuses a schema that is not there.
    #[must_use]
    pub fn job(&self, id: &str) -> Value {
        json!({
            "ID": id,
            "Name": format!("name of {id}"),
            "Tasks": [
                {"Type": "Src", "Config": {
                    "Gtid": "",
                    "ReplicateDoDb": [{"TableSchema": self.schema}],
                    "ConnectionConfig": self.source,
                }},
                {"Type": "Dest", "Config": {"ConnectionConfig": self.destination}},
            ],
        })
    }

    /// Creates a job that runs; returns its ID.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create(&self, what: &str) -> String {
        let id = self.id(what);
        written(&self.api.post_json("/v1/jobs", &self.job(&id)).await);
        id
    }

    /// Reads a job.
    ///
    /// # Panics
    /// When there is none.
    pub async fn get(&self, id: &str) -> Value {
        self.api.get(&format!("/v1/job/{id}")).await.ok()
    }

    /// Waits until both tasks of a job run; returns the job.
    ///
    /// # Panics
    /// When they do not.
    pub async fn running(&self, id: &str) -> Value {
        running(&self.api, id, PATIENCE).await
    }

    /// Waits until a job has this status; returns the job.
    ///
    /// # Panics
    /// When it does not get it.
    pub async fn becomes(&self, id: &str, status: &str) -> Value {
        eventually(&format!("{id} is {status}"), || async {
            let job = self.get(id).await;
            if job["Status"] == status {
                Ok(job)
            } else {
                Err(job)
            }
        })
        .await
    }

    /// A job's allocations.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn allocations(&self, id: &str) -> Vec<Value> {
        let list = self
            .api
            .get(&format!("/v1/job/{id}/allocations"))
            .await
            .ok();
        list.as_array().unwrap().clone()
    }

    /// The allocation of one side that is to run.
    ///
    /// # Panics
    /// When there is none.
    pub async fn allocation(&self, id: &str, side: &str) -> String {
        let list = self.allocations(id).await;
        let found = list
            .iter()
            .find(|one| one["Task"] == side && one["DesiredStatus"] == "run");
        found.unwrap_or_else(|| panic!("{side} of {id}"))["ID"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Registers another tenant's job, which runs; returns its ID.
    ///
    /// # Panics
    /// When it is refused or does not run.
    pub async fn foreign(&self) -> String {
        let id = format!("other-{}", self.run);
        self.foreign.lock().unwrap().push(id.clone());
        let (driver, config) = match self.sim {
            Some(_) => ("mock_driver", json!({"run_for": "1h"})),
            None => (
                "raw_exec",
                json!({"command": "/bin/sleep", "args": ["3600"]}),
            ),
        };
        let job = json!({"Job": {
            "ID": id, "Name": id, "Type": "service", "Datacenters": ["dc1"],
            "TaskGroups": [{"Name": "web", "Tasks": [{
                "Name": "web", "Driver": driver, "Config": config,
                "Resources": {"CPU": 20, "MemoryMB": 10},
            }]}],
        }});
        assert_eq!(self.nomad.put_json("/v1/jobs", &job).await.status, 200);
        eventually(&format!("{id} runs"), || async {
            let path = format!("/v1/job/{id}/allocations");
            let list = self.nomad.get(&path).await.json();
            if list[0]["ClientStatus"] == "running" {
                Ok(())
            } else {
                Err(list)
            }
        })
        .await;
        id
    }

    /// Removes the jobs that were made here.
    ///
    /// # Panics
    /// Never.
    pub async fn clean(&self) {
        let forget = if self.forgets { "?forget=true" } else { "" };
        let made = self.made.lock().unwrap().clone();
        for id in made {
            self.api.delete(&format!("/v1/job/{id}{forget}")).await;
        }
        let foreign = self.foreign.lock().unwrap().clone();
        for id in foreign {
            self.nomad.delete(&format!("/v1/job/{id}?purge=true")).await;
        }
    }
}

/// `user:password@host:port`
fn connection(text: &str) -> Value {
    let parts = text.rsplit_once('@').and_then(|(who, place)| {
        let (user, password) = who.split_once(':')?;
        let (host, port) = place.rsplit_once(':')?;
        Some(json!({"User": user, "Password": password, "Host": host, "Port": port.parse::<u16>().ok()?}))
    });
    parts.expect("user:password@host:port")
}

/// Checks the reply to a write that was made; returns its index.
///
/// # Panics
/// When it is another.
#[track_caller]
pub fn written(answer: &Answer) -> u64 {
    let reply = answer.ok();
    let index = reply["Index"].as_u64().unwrap();
    assert_eq!(
        reply,
        json!({"Index": index, "KnownLeader": false, "LastContact": 0, "Success": true})
    );
    assert_eq!(
        answer.header_names(),
        ["content-type", "vary", "x-udup-index"]
    );
    assert_eq!(
        answer.header("x-udup-index"),
        Some(index.to_string().as_str())
    );
    assert!(index > 0);
    index
}

/// Checks the reply to a pause or resume that changed nothing.
///
/// # Panics
/// When it is another.
#[track_caller]
pub fn unchanged(answer: &Answer) {
    assert_eq!(
        answer.text(),
        r#"{"Index":0,"KnownLeader":false,"LastContact":0,"Success":false}"#
    );
    assert_eq!(
        answer.header_names(),
        ["content-type", "vary", "x-udup-index"]
    );
    assert_eq!(answer.header("x-udup-index"), Some("0"));
}

/// A test that runs on every cluster, each cleaned afterwards.
#[macro_export]
macro_rules! on_every_cluster {
    ($name:ident, async |$site:ident| $body:block) => {
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_every_cluster() {
                for site in $crate::Site::all().await {
                    let site = std::sync::Arc::new(site);
                    let $site = std::sync::Arc::clone(&site);
                    let outcome = tokio::spawn(async move $body).await;
                    site.clean().await;
                    if let Err(error) = outcome {
                        panic!("on {}: {error}", site.name);
                    }
                }
            }
        }
    };
}
