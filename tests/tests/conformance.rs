//! What an operator with curl sees, route by route, parameter by parameter.
//!
//! By default the cluster is the in-memory Nomad, once with each generation of
//! the plugin. With NOMAD_ADDR it is that one: then DTLE_SOURCE and
//! DTLE_DESTINATION (`user:password@host:port`) name two MySQL servers that its
//! nodes reach, DTLE_SCHEMA a schema of the source that may be copied (`test` if
//! not set), and CONSUL_HTTP_ADDR lets the jobs' progress be removed with them. Job IDs are new in every run, and jobs are removed at the end of each
//! test, failed or not.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use local::gateway::Server;
use local::nomad_sim::{NomadSim, Options, Pace};
use serde_json::{Value, json};
use tests::cluster::{running, task};
use tests::shape::is_uuid;
use tests::{Answer, Client, Generation, gateway};

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// A cluster with the gateway in front.
struct Site {
    /// What to call it when a check fails there.
    name: String,
    api: Client,
    /// The Nomad itself, for what no 2.x client can do.
    nomad: Client,
    run: String,
    source: Value,
    destination: Value,
    schema: String,
    patience: Duration,
    forgets: bool,
    made: Mutex<Vec<String>>,
    foreign: Mutex<Vec<String>>,
    sim: Option<NomadSim>,
    _server: Server,
}

impl Site {
    /// The clusters to check.
    async fn all() -> Vec<Self> {
        let set = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let run = std::process::id();
        let moment = std::time::SystemTime::now()
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        let run = format!("{run}-{}", moment.as_nanos() % 1_000_000_000);
        // A failed task is given up at once: nobody wants to wait for that here.
        let mut settings = vec![("DTLE_RESTART_ATTEMPTS", "0".to_owned())];
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
            let (source, destination) = (server("DTLE_SOURCE"), server("DTLE_DESTINATION"));
            let patience = Duration::from_secs(90);
            return vec![
                Self::new(
                    address.clone(),
                    None,
                    &address,
                    &settings,
                    run,
                    source,
                    destination,
                    patience,
                )
                .await,
            ];
        }
        let mut sites = Vec::new();
        for generation in Generation::BOTH {
            let sim = NomadSim::start(Options {
                plugin: generation.plugin(),
                version: Some(match generation {
                    Generation::Split => "3.20.10.0".to_owned(),
                    Generation::Merged => "4.23.04.0".to_owned(),
                }),
                ..Options::default()
            })
            .await
            .unwrap();
            let mut settings = settings.clone();
            settings.push(("CONSUL_HTTP_ADDR", sim.consul_url()));
            let url = sim.url();
            let (source, destination) = (
                connection("u:p1@10.9.8.7:3306"),
                connection("u:p2@10.9.8.6:3306"),
            );
            let patience = Duration::from_secs(10);
            sites.push(
                Self::new(
                    format!("{generation:?}"),
                    Some(sim),
                    &url,
                    &settings,
                    run.clone(),
                    source,
                    destination,
                    patience,
                )
                .await,
            );
        }
        sites
    }

    #[allow(clippy::too_many_arguments)]
    async fn new(
        name: String,
        sim: Option<NomadSim>,
        url: &str,
        settings: &[(&str, String)],
        run: String,
        source: Value,
        destination: Value,
        patience: Duration,
    ) -> Self {
        let settings: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let forgets = settings.iter().any(|(name, _)| *name == "CONSUL_HTTP_ADDR");
        let (server, api) = gateway(url, &settings).await;
        Self {
            name,
            api,
            nomad: Client::of_url(url),
            run,
            source,
            destination,
            schema: std::env::var("DTLE_SCHEMA").unwrap_or_else(|_| "test".to_owned()),
            patience,
            forgets,
            made: Mutex::default(),
            foreign: Mutex::default(),
            sim,
            _server: server,
        }
    }

    /// An ID of this run.
    fn id(&self, what: &str) -> String {
        let id = format!("{what}-{}", self.run);
        self.made.lock().unwrap().push(id.clone());
        id
    }

    /// A job that runs. 3.x refuses a schema that is not there.
    fn job(&self, id: &str) -> Value {
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
    async fn create(&self, what: &str) -> String {
        let id = self.id(what);
        written(&self.api.post_json("/v1/jobs", &self.job(&id)).await);
        id
    }

    async fn get(&self, id: &str) -> Value {
        self.api.get(&format!("/v1/job/{id}")).await.ok()
    }

    async fn running(&self, id: &str) -> Value {
        running(&self.api, id, self.patience).await
    }

    /// Waits until a job has this status.
    async fn becomes(&self, id: &str, status: &str) -> Value {
        let end = Instant::now() + self.patience;
        loop {
            let job = self.get(id).await;
            if job["Status"] == status {
                return job;
            }
            assert!(
                Instant::now() < end,
                "{id} is {} and not {status}: {job}",
                job["Status"]
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn allocations(&self, id: &str) -> Vec<Value> {
        let list = self
            .api
            .get(&format!("/v1/job/{id}/allocations"))
            .await
            .ok();
        list.as_array().unwrap().clone()
    }

    /// The allocation of one side that is to run.
    async fn allocation(&self, id: &str, side: &str) -> String {
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
    async fn foreign(&self) -> String {
        let id = format!("other-{}", self.run);
        self.foreign.lock().unwrap().push(id.clone());
        let job = json!({"Job": {
            "ID": id, "Name": id, "Type": "service", "Datacenters": ["dc1"],
            "TaskGroups": [{"Name": "web", "Tasks": [{
                "Name": "web", "Driver": "mock_driver", "Config": {"run_for": "1h"},
                "Resources": {"CPU": 20, "MemoryMB": 10},
            }]}],
        }});
        assert_eq!(self.nomad.put_json("/v1/jobs", &job).await.status, 200);
        let end = Instant::now() + self.patience;
        while self
            .nomad
            .get(&format!("/v1/job/{id}/allocations"))
            .await
            .json()[0]["ClientStatus"]
            != "running"
        {
            assert!(Instant::now() < end, "{id} does not run");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        id
    }

    async fn clean(&self) {
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
#[track_caller]
fn written(answer: &Answer) -> u64 {
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
#[track_caller]
fn unchanged(answer: &Answer) {
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

fn ids(list: &Value) -> Vec<String> {
    let items = list.as_array().unwrap().iter();
    items
        .map(|item| item["ID"].as_str().unwrap().to_owned())
        .collect()
}

/// A test that runs on every cluster, each cleaned afterwards.
macro_rules! on_every_cluster {
    ($name:ident, async |$site:ident| $body:block) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            for site in Site::all().await {
                let site = Arc::new(site);
                let $site = Arc::clone(&site);
                let outcome = tokio::spawn(async move $body).await;
                site.clean().await;
                if let Err(error) = outcome {
                    panic!("on {}: {error}", site.name);
                }
            }
        }
    };
}

// --- a job's life ---

on_every_cluster!(a_job_is_created_runs_and_is_deleted, async |site| {
    let id = site.create("life").await;
    let job = site.running(&id).await;
    assert_eq!(job["Name"], format!("name of {id}"));
    let list = site.api.get("/v1/jobs").await.ok();
    assert!(ids(&list).contains(&id));
    assert!(ids(&list).is_sorted());

    let deleted = written(&site.api.delete(&format!("/v1/job/{id}")).await);
    assert!(deleted > job["ModifyIndex"].as_u64().unwrap());
    site.api
        .get(&format!("/v1/job/{id}"))
        .await
        .fails(404, "job not found");
    let list = site.api.get("/v1/jobs").await.ok();
    assert!(!ids(&list).contains(&id));
    // What is left of it in Nomad does not exist for a caller.
    let answer = site.api.get("/v1/allocations").await;
    assert!(!answer.text().contains(&id));
    let answer = site.api.get("/v1/evaluations").await;
    assert!(!answer.text().contains(&id));
    assert_eq!(site.allocations(&id).await, Vec::<Value>::new());
    // Deleting twice is as good as once [075], creating again is creating.
    written(&site.api.delete(&format!("/v1/job/{id}")).await);
    written(&site.api.put_json("/v1/jobs", &site.job(&id)).await);
    site.running(&id).await;
});

on_every_cluster!(
    a_pause_stops_both_tasks_and_a_resume_starts_them,
    async |site| {
        let id = site.create("pause").await;
        site.running(&id).await;
        let before = site.allocation(&id, "Src").await;
        unchanged(&site.api.post(&format!("/v1/job/{id}/resume")).await);
        written(&site.api.post(&format!("/v1/job/{id}/pause")).await);
        let job = site.becomes(&id, "pause").await;
        assert_eq!(job["StatusDescription"], "");
        let list = site.api.get("/v1/jobs").await.ok();
        let stub = list
            .as_array()
            .unwrap()
            .iter()
            .find(|stub| stub["ID"] == id)
            .unwrap();
        assert_eq!(
            (&stub["Status"], &stub["JobSummary"]["Status"]),
            (&json!("pause"), &json!("pause"))
        );

        // Once they have stopped, they read as in 2.x [058], and have no figures [059].
        let end = Instant::now() + site.patience;
        loop {
            let list = site.allocations(&id).await;
            assert_eq!(list.len(), 2);
            let stopped = list.iter().all(|one| {
                assert_eq!(
                    (&one["DesiredStatus"], &one["ClientStatus"]),
                    (&json!("pause"), &json!("running"))
                );
                one["TaskStates"][one["Task"].as_str().unwrap()]["State"] == "stop"
            });
            if stopped {
                break;
            }
            assert!(Instant::now() < end, "{list:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let answer = site
            .api
            .get(&format!("/v1/agent/allocation/{before}/stats"))
            .await;
        assert_eq!(answer.text(), r#"{"Tasks":{}}"#);
        unchanged(&site.api.put(&format!("/v1/job/{id}/pause")).await);

        written(&site.api.put(&format!("/v1/job/{id}/resume")).await);
        site.running(&id).await;
        unchanged(&site.api.put(&format!("/v1/job/{id}/resume")).await);
    }
);

on_every_cluster!(pause_and_resume_need_a_job_and_a_write, async |site| {
    for verb in ["pause", "resume"] {
        // 500 in 2.x [066].
        site.api
            .post(&format!("/v1/job/nope/{verb}"))
            .await
            .fails(404, "job not found");
        site.api
            .put(&format!("/v1/job/nope/{verb}"))
            .await
            .fails(404, "job not found");
        // A read must not write.
        site.api
            .get(&format!("/v1/job/nope/{verb}"))
            .await
            .fails(405, "Invalid method");
        site.api
            .delete(&format!("/v1/job/nope/{verb}"))
            .await
            .fails(405, "Invalid method");
    }
});

on_every_cluster!(a_job_that_cannot_work_is_dead_and_says_why, async |site| {
    let id = site.id("dead");
    let mut job = site.job(&id);
    job["Tasks"][0]["Config"]["ConnectionConfig"]["Host"] = json!("127.0.0.1");
    job["Tasks"][0]["Config"]["ConnectionConfig"]["Port"] = json!(1);
    written(&site.api.post_json("/v1/jobs", &job).await);
    let dead = site.becomes(&id, "dead").await;
    let words = dead["StatusDescription"].as_str().unwrap().to_owned();
    assert!(
        words.contains("dial tcp 127.0.0.1:1: connect: connection refused"),
        "{words}"
    );
    let list = site.allocations(&id).await;
    let failed = list.iter().find(|one| one["Task"] == "Src").unwrap();
    assert_eq!(
        (&failed["ClientStatus"], &failed["DesiredDescription"]),
        (&json!("failed"), &json!(words))
    );
    assert_eq!(failed["TaskStates"]["Src"]["State"], "dead");

    // Its resume tries again; its pause is one.
    written(&site.api.post(&format!("/v1/job/{id}/resume")).await);
    let end = Instant::now() + site.patience;
    while site
        .allocations(&id)
        .await
        .iter()
        .filter(|one| one["Task"] == "Src")
        .count()
        < 2
    {
        assert!(Instant::now() < end, "it was not tried again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    site.becomes(&id, "dead").await;
    written(&site.api.post(&format!("/v1/job/{id}/pause")).await);
    site.becomes(&id, "pause").await;
    // And an update with a server that answers makes it run.
    written(
        &site
            .api
            .put_json(&format!("/v1/job/{id}"), &site.job(&id))
            .await,
    );
    site.becomes(&id, "running").await;
});

// --- create and update ---

on_every_cluster!(an_update_is_applied_by_either_route, async |site| {
    let id = site.create("update").await;
    let first = site.running(&id).await;
    let mut job = site.job(&id);
    job["Name"] = json!("renamed");
    job["Tasks"][0]["Config"]["ChunkSize"] = json!("500");
    written(&site.api.post_json("/v1/jobs", &job).await);
    let now = site.get(&id).await;
    assert_eq!(
        (&now["Name"], &task(&now, "Src")["Config"]["ChunkSize"]),
        (&json!("renamed"), &json!("500"))
    );
    assert!(now["JobModifyIndex"].as_u64() > first["JobModifyIndex"].as_u64());
    assert_eq!(now["CreateIndex"], first["CreateIndex"]);

    // By its own route, where the path names it if the body does not.
    job["Tasks"][0]["Config"]["ChunkSize"] = json!(501);
    for method in ["PUT", "POST"] {
        job["Name"] = json!(format!("by {method}"));
        let mut body = job.clone();
        if method == "PUT" {
            body.as_object_mut().unwrap().remove("ID");
        }
        let text = body.to_string();
        written(
            &site
                .api
                .send(method, &format!("/v1/job/{id}"), &[], text.as_bytes())
                .await,
        );
        assert_eq!(site.get(&id).await["Name"], job["Name"]);
    }
    assert_eq!(
        task(&site.running(&id).await, "Src")["Config"]["ChunkSize"],
        501
    );

    let other = site.id("another");
    let answer = site.api.put_json(&format!("/v1/job/{other}"), &job).await;
    assert_eq!(answer.status, 400, "{}", answer.shown());
    assert!(
        answer.text().contains(&id) && answer.text().contains(&other),
        "{}",
        answer.text()
    );
    site.api
        .get(&format!("/v1/job/{other}"))
        .await
        .fails(404, "job not found");
});

on_every_cluster!(an_update_of_a_paused_job_starts_it, async |site| {
    let id = site.create("awake").await;
    site.running(&id).await;
    written(&site.api.post(&format!("/v1/job/{id}/pause")).await);
    site.becomes(&id, "pause").await;
    written(&site.api.post_json("/v1/jobs", &site.job(&id)).await);
    site.running(&id).await;
});

on_every_cluster!(compare_and_set_is_2xs_in_deed_and_word, async |site| {
    let id = site.id("cas");
    let mut job = site.job(&id);
    job["EnforceIndex"] = json!(true);
    job["JobModifyIndex"] = json!(7);
    site.api
        .post_json("/v1/jobs", &job)
        .await
        .fails(500, "Enforcing job modify index 7: job does not exist");
    job["JobModifyIndex"] = json!(0);
    written(&site.api.post_json("/v1/jobs", &job).await);
    site.api
        .post_json("/v1/jobs", &job)
        .await
        .fails(500, "Enforcing job modify index 0: job already exists");
    let held = site.get(&id).await["JobModifyIndex"].clone();
    job["JobModifyIndex"] = json!(1);
    let answer = site.api.put_json(&format!("/v1/job/{id}"), &job).await;
    answer.fails(
        500,
        &format!(
            "Enforcing job modify index 1: job exists with conflicting job modify index: {held}"
        ),
    );
    assert_eq!(answer.header("x-udup-index"), None);
    job["JobModifyIndex"] = held;
    job["Name"] = json!("the right index");
    written(&site.api.post_json("/v1/jobs", &job).await);
    assert_eq!(site.get(&id).await["Name"], "the right index");

    // The command line's wrapper brings its own.
    let held = site.get(&id).await["JobModifyIndex"].clone();
    let mut plain = site.job(&id);
    plain["Name"] = json!("wrapped");
    let body = json!({"Job": plain, "EnforceIndex": true, "JobModifyIndex": 1});
    site.api.post_json("/v1/jobs", &body).await.fails(
        500,
        &format!(
            "Enforcing job modify index 1: job exists with conflicting job modify index: {held}"
        ),
    );
    let body = json!({"Job": plain, "EnforceIndex": true, "JobModifyIndex": held});
    written(&site.api.post_json("/v1/jobs", &body).await);
    assert_eq!(site.get(&id).await["Name"], "wrapped");
});

on_every_cluster!(
    a_masked_password_means_the_registered_one_and_needs_one,
    async |site| {
        let id = site.id("mask");
        let mut job = site.job(&id);
        let password = |job: &Value, side: usize| {
            job["Tasks"][side]["Config"]["ConnectionConfig"]["Password"].clone()
        };
        for side in [0, 1] {
            job["Tasks"][side]["Config"]["ConnectionConfig"]["Password"] = json!("*");
        }
        let answer = site.api.post_json("/v1/jobs", &job).await;
        assert_eq!(answer.status, 400);
        assert!(
            answer.text().contains("Src") && answer.text().contains("Dest"),
            "{}",
            answer.text()
        );
        site.api
            .get(&format!("/v1/job/{id}"))
            .await
            .fails(404, "job not found");

        written(&site.api.post_json("/v1/jobs", &site.job(&id)).await);
        job["Tasks"][0]["Config"]["ChunkSize"] = json!(9);
        written(&site.api.post_json("/v1/jobs", &job).await);
        let read = site.get(&id).await;
        assert_eq!(task(&read, "Src")["Config"]["ChunkSize"], 9);
        for (side, name) in [(0, "Src"), (1, "Dest")] {
            assert_eq!(
                task(&read, name)["Config"]["ConnectionConfig"]["Password"],
                password(&site.job(&id), side)
            );
        }
        site.running(&id).await;
        let list = site.api.get(&format!("/v1/jobs?prefix={id}")).await.ok();
        for side in [0, 1] {
            assert_eq!(password(&list[0]["JobSummary"], side), "*");
        }
    }
);

on_every_cluster!(
    faults_of_a_body_are_named_together_and_nothing_is_registered,
    async |site| {
        let before = ids(&site
            .api
            .get(&format!("/v1/jobs?prefix=bad-{}", site.run))
            .await
            .ok());
        assert!(before.is_empty());
        let id = site.id("bad");
        let good = site.job(&id);
        let with = |change: &dyn Fn(&mut Value)| {
            let mut job = good.clone();
            change(&mut job);
            job.to_string()
        };
        let cases: Vec<(String, Vec<&str>)> = vec![
            ("{bad".to_owned(), vec!["line 1"]),
            ("{".to_owned(), vec!["line 1"]),
            (String::new(), vec!["empty"]),
            ("null".to_owned(), vec!["null"]),
            ("[]".to_owned(), vec!["array"]),
            ("\"x\"".to_owned(), vec!["text"]),
            ("{}".to_owned(), vec!["Job Name hasn't been provided"]),
            (
                with(&|job| {
                    job.as_object_mut().unwrap().remove("Name");
                }),
                vec!["Job Name hasn't been provided"],
            ),
            (with(&|job| job["Name"] = json!("")), vec!["Name"]),
            (with(&|job| job["Name"] = json!(5)), vec!["Name"]),
            (
                with(&|job| {
                    job.as_object_mut().unwrap().remove("Tasks");
                }),
                vec!["Tasks"],
            ),
            (with(&|job| job["Tasks"] = json!([])), vec!["Tasks"]),
            (with(&|job| job["Tasks"] = json!({})), vec!["Tasks"]),
            (
                with(&|job| {
                    job["Tasks"].as_array_mut().unwrap().pop();
                }),
                vec!["Dest"],
            ),
            (
                with(&|job| job["Tasks"][1]["Type"] = json!("Src")),
                vec!["Src"],
            ),
            (with(&|job| job["Tasks"][1] = Value::Null), vec!["null"]),
            (
                with(&|job| {
                    job["Tasks"][1].as_object_mut().unwrap().remove("Config");
                }),
                vec!["Config"],
            ),
            (
                with(&|job| job["Tasks"][1]["Config"] = Value::Null),
                vec!["Config"],
            ),
            (
                with(&|job| job["Tasks"][1]["Type"] = json!("Sink")),
                vec!["Sink"],
            ),
            (
                with(&|job| {
                    job["Tasks"][1].as_object_mut().unwrap().remove("Type");
                }),
                vec!["Type"],
            ),
            (
                with(&|job| job["Tasks"][1]["Driver"] = json!("Postgres")),
                vec!["Postgres"],
            ),
            (with(&|job| job["ID"] = json!("")), vec!["ID"]),
            (with(&|job| job["ID"] = json!("a b")), vec!["ID", "space"]),
            (
                with(&|job| job["ID"] = json!("x".repeat(65))),
                vec!["ID", "64"],
            ),
            (with(&|job| job["ID"] = json!("a/b")), vec!["ID"]),
            (with(&|job| job["ID"] = json!("库")), vec!["ID"]),
            (with(&|job| job["ID"] = json!("..")), vec!["ID"]),
            // All of them at once, in one line.
            (
                with(&|job| {
                    job["ID"] = json!("a b");
                    job["Name"] = json!("");
                    job["Tasks"][0]["Driver"] = json!("Postgres");
                    job["Tasks"][1]["Type"] = json!("Sink");
                }),
                vec!["ID", "Name", "Postgres", "Sink"],
            ),
        ];
        for (body, parts) in cases {
            for (method, target) in [("POST", "/v1/jobs"), ("PUT", "/v1/jobs")] {
                let answer = site.api.send(method, target, &[], body.as_bytes()).await;
                assert_eq!(answer.status, 400, "{body}: {}", answer.shown());
                assert_eq!(
                    answer.header("content-type"),
                    Some("text/plain; charset=utf-8")
                );
                assert_eq!(answer.header_names(), ["content-type", "vary"], "{body}");
                assert!(!answer.text().contains('\n'), "{body}");
                for part in &parts {
                    assert!(answer.text().contains(part), "{body}: {}", answer.text());
                }
                let password = site.source["Password"].as_str().unwrap();
                assert!(!answer.text().contains(password), "{}", answer.text());
            }
        }
        let mut ordered = good.clone();
        ordered["Orders"] = json!(["o-1"]);
        site.api
            .post_json("/v1/jobs", &ordered)
            .await
            .fails(404, "order not found");
        site.api
            .get(&format!("/v1/job/{id}"))
            .await
            .fails(404, "job not found");
        let list = site.api.get("/v1/jobs").await;
        assert!(
            !ids(&list.ok())
                .iter()
                .any(|id| id == "a b" || id == ".." || id.contains('/'))
        );
    }
);

on_every_cluster!(a_body_over_four_megabytes_is_413, async |site| {
    let id = site.id("big");
    let mut job = site.job(&id);
    job["Tasks"][0]["Config"]["SqlFilter"] = json!(["x".repeat(4 << 20)]);
    let answer = site.api.post_json("/v1/jobs", &job).await;
    assert_eq!(answer.status, 413);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    site.api
        .get(&format!("/v1/job/{id}"))
        .await
        .fails(404, "job not found");
});

on_every_cluster!(bodies_are_taken_as_people_send_them, async |site| {
    let bom = "\u{feff}";
    for (number, kind) in [
        None,
        Some("application/json"),
        Some("application/json; charset=utf-8"),
        Some("application/x-www-form-urlencoded"),
        Some("text/plain"),
        Some("application/octet-stream"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = site.id(&format!("form{number}"));
        let headers: Vec<(&str, &str)> = kind
            .map(|kind| ("Content-Type", kind))
            .into_iter()
            .collect();
        let mark = if number % 2 == 0 { "" } else { bom };
        let body = format!("{mark}{}\n", site.job(&id));
        written(
            &site
                .api
                .send("POST", "/v1/jobs", &headers, body.as_bytes())
                .await,
        );
        assert_eq!(site.get(&id).await["ID"], id);
        written(&site.api.delete(&format!("/v1/job/{id}")).await);
    }
    let id = site.id("wrapped");
    written(
        &site
            .api
            .post_json("/v1/jobs", &json!({"Job": site.job(&id)}))
            .await,
    );
    assert_eq!(site.get(&id).await["Name"], format!("name of {id}"));
    let id = site.id("lower");
    let lower = site
        .job(&id)
        .to_string()
        .replace("\"ID\"", "\"id\"")
        .replace("\"Name\"", "\"NAME\"")
        .replace("\"Tasks\"", "\"tasks\"")
        .replace("\"Type\"", "\"type\"")
        .replace("\"Config\"", "\"config\"")
        .replace("\"ConnectionConfig\"", "\"connectionconfig\"")
        .replace("\"Host\"", "\"HOST\"");
    written(
        &site
            .api
            .send("POST", "/v1/jobs", &[], lower.as_bytes())
            .await,
    );
    let job = site.running(&id).await;
    assert_eq!(
        task(&job, "Src")["Config"]["ConnectionConfig"]["Host"],
        site.source["Host"]
    );
});

on_every_cluster!(
    a_nomad_job_of_dtle_tasks_is_forwarded_and_keeps_what_is_its_own,
    async |site| {
        // What a 2.x job of this cluster looks like in Nomad, under another ID.
        let model = site.create("model").await;
        let document = site.nomad.get(&format!("/v1/job/{model}")).await.json();
        let id = site.id("native");
        let groups: Vec<Value> = document["TaskGroups"].as_array().unwrap().iter().map(|group| {
        json!({"Name": group["Name"], "Count": 1, "Tasks": [{
            "Name": group["Tasks"][0]["Name"], "Driver": "dtle", "Config": group["Tasks"][0]["Config"],
            "Resources": {"CPU": 20, "MemoryMB": 20},
        }]})
    }).collect();
        let native = json!({"Job": {
            "ID": id, "Name": id, "Datacenters": ["dc1"], "Type": "service", "Priority": 60,
            "Meta": {"owner": "ops"}, "TaskGroups": groups,
        }});
        written(&site.api.post_json("/v1/jobs", &native).await);
        let job = site.running(&id).await;
        assert_eq!(job["Name"], id);
        assert_eq!(
            task(&job, "Src")["Config"]["ConnectionConfig"]["Host"],
            site.source["Host"]
        );
        assert_eq!(
            task(&job, "Dest")["Config"]["ConnectionConfig"]["Host"],
            site.destination["Host"]
        );
        // Paused, resumed, and changed by a 2.x body, it is still theirs.
        written(&site.api.post(&format!("/v1/job/{id}/pause")).await);
        site.becomes(&id, "pause").await;
        written(&site.api.post(&format!("/v1/job/{id}/resume")).await);
        site.running(&id).await;
        written(
            &site
                .api
                .put_json(&format!("/v1/job/{id}"), &site.job(&id))
                .await,
        );
        let document = site.nomad.get(&format!("/v1/job/{id}")).await.json();
        assert_eq!(
            (&document["Meta"]["owner"], &document["Priority"]),
            (&json!("ops"), &json!(60))
        );

        let mut foreign = native.clone();
        let other = site.id("stranger");
        foreign["Job"]["ID"] = json!(other);
        foreign["Job"]["TaskGroups"][0]["Tasks"][0]["Driver"] = json!("mock_driver");
        let answer = site.api.post_json("/v1/jobs", &foreign).await;
        assert_eq!(answer.status, 400, "{}", answer.shown());
        assert_eq!(
            site.nomad.get(&format!("/v1/job/{other}")).await.status,
            404
        );
    }
);

on_every_cluster!(a_validation_reports_and_registers_nothing, async |site| {
    let id = site.id("valid");
    let report = site
        .api
        .post_json("/v1/validate/job", &site.job(&id))
        .await
        .ok();
    assert_eq!(report["Error"], "");
    assert_eq!(report["ValidationTasks"].as_array().unwrap().len(), 2);
    for task in report["ValidationTasks"].as_array().unwrap() {
        for check in [
            "Binlog",
            "Connection",
            "GtidMode",
            "LogSlaveUpdates",
            "MaxAllowedPacket",
            "Privileges",
            "ServerID",
        ] {
            assert_eq!(
                task[check],
                json!({"Error": "", "Success": false}),
                "{check}"
            );
        }
    }
    let mut bad = site.job(&id);
    bad["Tasks"][0]["Type"] = json!("Sink");
    let report = site.api.put_json("/v1/validate/job", &bad).await.ok();
    assert!(
        report["Error"].as_str().unwrap().contains("Sink"),
        "{report}"
    );
    assert_eq!(report["DriverConfigValidated"], false);
    let answer = site.api.send("POST", "/v1/validate/job", &[], b"{").await;
    assert_eq!(answer.status, 400);
    site.api
        .get(&format!("/v1/job/{id}"))
        .await
        .fails(404, "job not found");
});

// --- reading ---

on_every_cluster!(
    a_running_tasks_statistics_are_read_on_both_sides,
    async |site| {
        let id = site.create("stats").await;
        site.running(&id).await;
        for side in ["Src", "Dest"] {
            let allocation = site.allocation(&id, side).await;
            for target in [
                format!("/v1/agent/allocation/{allocation}/stats"),
                format!("/agent/allocation/{allocation}/stats?task={side}"),
            ] {
                // A task has none yet just after its start.
                let end = Instant::now() + site.patience;
                let stats = loop {
                    let answer = site.api.get(&target).await;
                    assert_eq!(answer.header_names(), ["content-type", "vary"]);
                    let stats = answer.ok();
                    if stats["Tasks"].get(side).is_some() {
                        break stats;
                    }
                    assert!(Instant::now() < end, "{target}: {stats}");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                };
                let tasks = stats["Tasks"].as_object().unwrap();
                assert_eq!(tasks.keys().collect::<Vec<_>>(), [side]);
                let keys: Vec<&str> = tasks[side]
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(String::as_str)
                    .collect();
                assert_eq!(
                    keys,
                    [
                        "Backlog",
                        "BufferStat",
                        "CurrentCoordinates",
                        "DelayCount",
                        "DelayTime",
                        "ETA",
                        "ExecMasterRowCount",
                        "ExecMasterTxCount",
                        "MsgStat",
                        "ProgressPct",
                        "ReadMasterRowCount",
                        "ReadMasterTxCount",
                        "Stage",
                        "TableStats",
                        "ThroughputStat",
                        "Timestamp"
                    ]
                );
                assert!(tasks[side]["ProgressPct"].is_string());
            }
            site.api
                .get(&format!(
                    "/v1/agent/allocation/{allocation}/stats?task=Nope"
                ))
                .await
                .fails(
                    404,
                    &format!("allocation \"{allocation}\" has no task \"Nope\""),
                );
            for bad in ["nope", ""] {
                let target = format!("/v1/agent/allocation/{allocation}/{bad}");
                site.api
                    .get(target.trim_end_matches('/'))
                    .await
                    .fails(404, "resource not found");
            }
        }
        site.api
            .get(&format!("/v1/agent/allocation/{NOBODY}/stats"))
            .await
            .fails(404, "alloc not found");
        site.api
            .get("/v1/agent/allocation/x/stats")
            .await
            .fails(404, "alloc not found");
    }
);

on_every_cluster!(what_belongs_together_names_each_other, async |site| {
    let id = site.create("links").await;
    site.running(&id).await;
    let allocations = site.allocations(&id).await;
    let nodes = site.api.get("/v1/nodes").await.ok();
    for stub in &allocations {
        let allocation = stub["ID"].as_str().unwrap();
        let whole = site
            .api
            .get(&format!("/v1/allocation/{allocation}"))
            .await
            .ok();
        assert_eq!(
            (&whole["ID"], &whole["JobID"], &whole["Job"]["ID"]),
            (&stub["ID"], &json!(id), &json!(id))
        );
        let evaluation = whole["EvalID"].as_str().unwrap();
        assert!(is_uuid(evaluation));
        let one = site
            .api
            .get(&format!("/v1/evaluation/{evaluation}"))
            .await
            .ok();
        assert_eq!((&one["ID"], &one["JobID"]), (&whole["EvalID"], &json!(id)));
        let placed = site
            .api
            .get(&format!("/v1/evaluation/{evaluation}/allocations"))
            .await
            .ok();
        assert!(ids(&placed).contains(&allocation.to_owned()));
        assert!(ids(&placed).is_sorted());
        let node = whole["NodeID"].as_str().unwrap();
        assert!(ids(&nodes).contains(&node.to_owned()));
        let on_node = site
            .api
            .get(&format!("/v1/node/{node}/allocations"))
            .await
            .ok();
        assert!(ids(&on_node).contains(&allocation.to_owned()));
        assert!(ids(&on_node).is_sorted());
    }
    let evaluations = site
        .api
        .get(&format!("/v1/job/{id}/evaluations"))
        .await
        .ok();
    let order: Vec<(String, String)> = evaluations
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["Status"].as_str().unwrap().to_owned(),
                one["ID"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert!(!order.is_empty() && order.is_sorted(), "{order:?}");
    // The two spellings of the vendor's page.
    let short = site.api.get(&format!("/job/{id}/allocations")).await.ok();
    assert_eq!(ids(&short).len(), 2);
    for target in [
        "/v1/allocations",
        "/v1/evaluations",
        "/v1/nodes",
        "/v1/jobs",
    ] {
        assert!(
            ids(&site.api.get(target).await.ok()).is_sorted(),
            "{target}"
        );
    }
});

on_every_cluster!(ids_match_exactly_and_whole, async |site| {
    let id = site.create("Exact.b_c:d").await;
    for same in [
        id.clone(),
        id.replace('E', "%45"),
        id.replace(':', "%3A"),
        id.replace('-', "%2D"),
    ] {
        let job = site.api.get(&format!("/v1/job/{same}")).await.ok();
        assert_eq!(job["ID"], id, "{same}");
    }
    for other in [
        id.to_lowercase(),
        id[..8].to_owned(),
        format!("{id}x"),
        "a%20b".to_owned(),
        "%E5%BA%93".to_owned(),
        format!("%20{id}"),
    ] {
        site.api
            .get(&format!("/v1/job/{other}"))
            .await
            .fails(404, "job not found");
    }
    // A slash in an ID is no ID.
    let answer = site.api.get("/v1/job/x/y").await;
    answer.fails(404, "404 page not found\n");
    let answer = site.api.get(&format!("/v1/job/{id}%2Fallocations")).await;
    assert_eq!(answer.status, 404, "{}", answer.shown());
    let answer = site.api.get("/v1/job/..%2F..%2Fv1%2Fagent%2Fself").await;
    assert_eq!(answer.status, 404, "{}", answer.shown());
});

on_every_cluster!(what_can_be_no_uuid_is_not_found, async |site| {
    for id in [
        "x",
        "8ce4b408",
        &NOBODY[1..],
        &NOBODY.replace('0', "g"),
        NOBODY,
        "%2e%2e",
    ] {
        for (target, text) in [
            (format!("/v1/node/{id}"), "node not found"),
            (format!("/v1/allocation/{id}"), "alloc not found"),
            (format!("/v1/evaluation/{id}"), "eval not found"),
            (
                format!("/v1/agent/allocation/{id}/stats"),
                "alloc not found",
            ),
        ] {
            site.api.get(&target).await.fails(404, text);
        }
        site.api
            .post(&format!("/v1/node/{id}/evaluate"))
            .await
            .fails(404, "node not found");
    }
});

on_every_cluster!(lists_are_filtered_by_a_prefix_of_any_kind, async |site| {
    let one = site.create("pre-a").await;
    let two = site.create("pre-b").await;
    let prefix = |text: &str| format!("/v1/jobs?prefix={text}");
    assert_eq!(ids(&site.api.get(&prefix(&one)).await.ok()), [one.as_str()]);
    assert_eq!(
        ids(&site.api.get(&prefix(&two[..two.len() - 1])).await.ok()),
        [two.as_str()]
    );
    let both = ids(&site.api.get(&prefix("pre-")).await.ok());
    assert!(both.contains(&one) && both.contains(&two));
    assert!(both.iter().all(|id| id.starts_with("pre-")));
    for none in ["zzz", "%zz", "%E5%BA%93", "a%20b", "PRE-A"] {
        assert_eq!(site.api.get(&prefix(none)).await.ok(), json!([]), "{none}");
    }
    site.running(&one).await;
    let evaluations = site.api.get(&format!("/v1/job/{one}/evaluations")).await;
    for (list, own) in [
        ("/v1/allocations", site.allocation(&one, "Src").await),
        ("/v1/evaluations", ids(&evaluations.ok())[0].clone()),
        (
            "/v1/nodes",
            ids(&site.api.get("/v1/nodes").await.ok())[0].clone(),
        ),
    ] {
        // Odd lengths and hyphens are refused by Nomad and text here.
        for length in [1, 3, 4, 9, 10, 36] {
            let prefix = &own[..length];
            let found = ids(&site.api.get(&format!("{list}?prefix={prefix}")).await.ok());
            assert!(found.contains(&own), "{list} {prefix}: {found:?}");
            assert!(
                found.iter().all(|id| id.starts_with(prefix)),
                "{list} {prefix}: {found:?}"
            );
        }
        for none in ["zzz", "-", "x%20y"] {
            assert_eq!(
                site.api.get(&format!("{list}?prefix={none}")).await.ok(),
                json!([]),
                "{list} {none}"
            );
        }
    }
});

on_every_cluster!(
    pretty_indents_by_four_spaces_and_ends_the_line,
    async |site| {
        let id = site.create("pretty").await;
        for target in [
            format!("/v1/job/{id}"),
            "/v1/nodes".to_owned(),
            "/v1/leader".to_owned(),
            "/v1/self".to_owned(),
            "/v1/members".to_owned(),
            "/v1/regions".to_owned(),
        ] {
            for query in [
                "pretty",
                "pretty=",
                "pretty=1",
                "pretty=false",
                "stale&pretty",
            ] {
                let answer = site.api.get(&format!("{target}?{query}")).await;
                assert_eq!(answer.text(), answer.ordered().pretty(), "{target}?{query}");
            }
            for query in ["pretty=0", "prefix=pretty", ""] {
                let answer = site.api.get(&format!("{target}?{query}")).await;
                assert_eq!(
                    answer.text(),
                    answer.ordered().compact(),
                    "{target}?{query}"
                );
            }
        }
        // Writes too.
        let answer = site.api.post(&format!("/v1/job/{id}/resume?pretty")).await;
        assert_eq!(answer.text(), answer.ordered().pretty());
    }
);

on_every_cluster!(
    a_blocking_read_waits_for_a_change_or_its_time,
    async |site| {
        let id = site.create("block").await;
        site.running(&id).await;
        let answer = site
            .api
            .get(&format!("/v1/job/{id}?index=1&wait=20s"))
            .await;
        let now = answer.ok()["ModifyIndex"].as_u64().unwrap();
        // Past already: at once.
        let began = Instant::now();
        let _ = site
            .api
            .get(&format!("/v1/job/{id}?index=1&wait=20s"))
            .await
            .ok();
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{:?}",
            began.elapsed()
        );

        // Far ahead: when the time is up.
        let began = Instant::now();
        let target = format!("/v1/job/{id}?index={}&wait=1500ms", now + 1_000_000);
        let _ = site.api.get(&target).await.ok();
        let took = began.elapsed();
        assert!(
            (Duration::from_millis(1400)..Duration::from_secs(6)).contains(&took),
            "{took:?}"
        );

        // A change ends it.
        let index: u64 = site
            .api
            .get("/v1/jobs")
            .await
            .header("x-udup-index")
            .unwrap()
            .parse()
            .unwrap();
        let api = site.api.clone();
        let began = Instant::now();
        let waiting =
            tokio::spawn(async move { api.get(&format!("/v1/jobs?index={index}&wait=25s")).await });
        tokio::time::sleep(Duration::from_millis(500)).await;
        // Others may change a real cluster meanwhile.
        assert!(
            site.sim.is_none() || !waiting.is_finished(),
            "nothing had changed"
        );
        let mut job = site.job(&id);
        job["Name"] = json!("woken");
        written(&site.api.post_json("/v1/jobs", &job).await);
        let answer = waiting.await.unwrap();
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "{:?}",
            began.elapsed()
        );
        assert!(
            answer
                .header("x-udup-index")
                .unwrap()
                .parse::<u64>()
                .unwrap()
                > index
        );
        let _ = answer.ok();
    }
);

on_every_cluster!(parameters_that_cannot_be_read_are_named, async |site| {
    for target in [
        "/v1/jobs",
        "/v1/job/x",
        "/v1/job/x/allocations",
        "/v1/job/x/evaluations",
        "/v1/allocations",
        "/v1/nodes",
        "/v1/evaluations",
        &format!("/v1/allocation/{NOBODY}"),
        &format!("/v1/node/{NOBODY}"),
        &format!("/v1/evaluation/{NOBODY}"),
        &format!("/v1/node/{NOBODY}/allocations"),
        &format!("/v1/evaluation/{NOBODY}/allocations"),
    ] {
        for (query, text) in [
            ("wait=xx", "Invalid wait time"),
            ("wait=5", "Invalid wait time"),
            ("index=-1", "Invalid index"),
            ("index=1x", "Invalid index"),
            ("index=x&wait=x", "Invalid wait time"),
            ("index=18446744073709551616", "Invalid index"),
        ] {
            let answer = site.api.get(&format!("{target}?{query}")).await;
            answer.fails(400, text);
            assert_eq!(
                answer.header_names(),
                ["content-type", "vary"],
                "{target}?{query}"
            );
        }
        let answer = site.api.get(&format!("{target}?region=mars")).await;
        answer.fails(500, "No path to region");
        assert_eq!(answer.header_names(), ["content-type", "vary"], "{target}");
    }
    let id = site.create("plain").await;
    for query in [
        "stale",
        "stale=",
        "stale=x",
        "stale=false",
        "region=global",
        "region=",
        "index=0",
        "index=",
        "wait=",
        "wait=0",
        "wait=1m30s",
        "nonsense=1",
        "&&",
        "=",
    ] {
        let answer = site.api.get(&format!("/v1/job/{id}?{query}")).await;
        assert_eq!(answer.ok()["ID"], id, "{query}");
    }
});

on_every_cluster!(
    gzip_comes_from_1400_bytes_on_and_only_when_asked,
    async |site| {
        let id = site.create("zip").await;
        let ask = async |target: &str, header: &str| {
            site.api
                .send("GET", target, &[("Accept-Encoding", header)], b"")
                .await
        };
        let plain = site.api.get("/v1/self").await;
        assert!(plain.body.len() >= 1400, "{}", plain.body.len());
        assert_eq!(plain.header("content-encoding"), None);
        for header in ["gzip", "deflate, gzip;q=0.5", "GZIP"] {
            let answer = ask("/v1/self", header).await;
            assert_eq!(answer.header("content-encoding"), Some("gzip"), "{header}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(
                tests::Json::parse(&answer.unzipped()).value()["config"],
                plain.json()["config"]
            );
        }
        for header in ["identity", "gzip;q=0", "br"] {
            assert_eq!(
                ask("/v1/self", header).await.header("content-encoding"),
                None,
                "{header}"
            );
        }
        // Exactly from 1,400 bytes: the name makes the length.
        let mut job = site.job(&id);
        let empty = site.api.get(&format!("/v1/job/{id}")).await.body.len()
            - site.job(&id)["Name"].as_str().unwrap().len();
        for (length, zipped) in [(1399, false), (1400, true)] {
            job["Name"] = json!("n".repeat(length - empty));
            written(&site.api.post_json("/v1/jobs", &job).await);
            // Indexes and progress can have grown by a digit meanwhile.
            let mut plain = site.api.get(&format!("/v1/job/{id}")).await.body.len();
            for _ in 0..5 {
                if plain == length {
                    break;
                }
                let name = job["Name"].as_str().unwrap().len();
                job["Name"] = json!("n".repeat(name + length - plain));
                written(&site.api.post_json("/v1/jobs", &job).await);
                site.running(&id).await;
                plain = site.api.get(&format!("/v1/job/{id}")).await.body.len();
            }
            assert_eq!(plain, length);
            let answer = ask(&format!("/v1/job/{id}"), "gzip").await;
            assert_eq!(
                answer.header("content-encoding").is_some(),
                zipped,
                "{length}"
            );
        }
    }
);

on_every_cluster!(each_route_has_the_headers_of_2x, async |site| {
    let id = site.create("headers").await;
    site.running(&id).await;
    let all = [
        "content-type",
        "vary",
        "x-udup-index",
        "x-udup-knownleader",
        "x-udup-lastcontact",
    ];
    let none = &all[..2];
    let allocation = site.allocation(&id, "Src").await;
    let node = ids(&site.api.get("/v1/nodes").await.ok())[0].clone();
    let evaluation = ids(&site
        .api
        .get(&format!("/v1/job/{id}/evaluations"))
        .await
        .ok())[0]
        .clone();
    let mut single = BTreeMap::new();
    for (target, expected) in [
        ("/v1/jobs".to_owned(), &all[..]),
        (format!("/v1/job/{id}"), &all),
        ("/v1/job/nope".to_owned(), &all),
        (format!("/v1/job/{id}/allocations"), &all),
        ("/v1/job/nope/allocations".to_owned(), &all),
        (format!("/v1/job/{id}/evaluations"), &all),
        ("/v1/job/nope/evaluations".to_owned(), &all),
        ("/v1/allocations".to_owned(), &all),
        (format!("/v1/allocation/{allocation}"), &all),
        (format!("/v1/allocation/{NOBODY}"), &all),
        ("/v1/nodes".to_owned(), &all),
        (format!("/v1/node/{node}"), &all),
        (format!("/v1/node/{NOBODY}"), &all),
        (format!("/v1/node/{node}/allocations"), &all),
        ("/v1/evaluations".to_owned(), &all),
        (format!("/v1/evaluation/{evaluation}"), &all),
        (format!("/v1/evaluation/{NOBODY}"), &all),
        (format!("/v1/evaluation/{evaluation}/allocations"), &all),
        ("/v1/orders".to_owned(), &all),
        ("/v1/leader".to_owned(), none),
        ("/v1/peers".to_owned(), none),
        ("/v1/regions".to_owned(), none),
        ("/v1/members".to_owned(), none),
        ("/v1/managers".to_owned(), none),
        ("/v1/self".to_owned(), none),
        (format!("/v1/agent/allocation/{allocation}/stats"), none),
        ("/v1/operator/raft/configuration".to_owned(), none),
    ] {
        let answer = site.api.get(&target).await;
        assert_eq!(answer.header_names(), expected, "{target}");
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{target}");
        if expected.len() > 2 {
            assert_eq!(
                answer.header("x-udup-knownleader"),
                Some("true"),
                "{target}"
            );
            assert!(
                answer
                    .header("x-udup-lastcontact")
                    .unwrap()
                    .parse::<u64>()
                    .is_ok(),
                "{target}"
            );
        }
        if answer.status == 200 {
            let value = answer.ok();
            assert_eq!(
                answer.ordered().disorder(),
                Vec::<String>::new(),
                "{target}"
            );
            if let (true, Some(index)) = (expected.len() > 2, value["ModifyIndex"].as_u64()) {
                single.insert(
                    target,
                    (
                        index.to_string(),
                        answer.header("x-udup-index").unwrap().to_owned(),
                    ),
                );
            }
        }
    }
    // On a single object the index is its own.
    assert_eq!(single.len(), 4);
    for (target, (own, header)) in single {
        assert_eq!(own, header, "{target}");
    }
    let answer = site.api.post(&format!("/v1/node/{node}/evaluate")).await;
    assert_eq!(
        answer.header_names(),
        ["content-type", "vary", "x-udup-index"]
    );
    let evaluated = answer.ok();
    assert_eq!(
        answer.header("x-udup-index").unwrap(),
        evaluated["Index"].to_string()
    );
    assert!(evaluated["EvalIDs"].is_array());
});

// --- the cluster ---

on_every_cluster!(the_cluster_describes_itself, async |site| {
    let leader = site.api.get("/v1/leader").await.ok();
    assert!(
        leader
            .as_str()
            .unwrap()
            .parse::<std::net::SocketAddr>()
            .is_ok(),
        "{leader}"
    );
    for list in ["/v1/peers", "/v1/managers"] {
        let list = site.api.get(list).await.ok();
        assert!(list.as_array().unwrap().contains(&leader), "{list}");
    }
    assert!(
        site.api
            .get("/v1/regions")
            .await
            .ok()
            .as_array()
            .unwrap()
            .contains(&json!("global"))
    );
    let members = site.api.get("/v1/members").await.ok();
    assert_eq!(members["Members"][0]["Tags"]["role"], "server");
    let itself = site.api.get("/v1/self").await.ok();
    let nodes = ids(&site.api.get("/v1/nodes").await.ok());
    assert!(
        nodes
            .iter()
            .any(|id| itself["stats"]["client"]["node_id"] == **id),
        "{itself}"
    );
    let raft = site.api.get("/v1/operator/raft/configuration").await.ok();
    assert!(
        raft["Servers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["Leader"] == true && one["Address"] == leader)
    );
    // Nothing here changes the cluster.
    for (method, target, text) in [
        ("POST", "/v1/join", "missing address to join"),
        ("PUT", "/v1/join?address=", "missing address to join"),
        (
            "POST",
            "/v1/agent/force-leave",
            "missing node to force leave",
        ),
        ("POST", "/v1/managers", "missing server address"),
        (
            "DELETE",
            "/v1/operator/raft/peer",
            "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove",
        ),
        (
            "DELETE",
            "/v1/operator/raft/peer?id=a&address=b",
            "Must specify only one of ?id or ?address",
        ),
    ] {
        let answer = site.api.send(method, target, &[], b"").await;
        answer.fails(400, text);
        assert_eq!(answer.header_names(), ["content-type", "vary"], "{target}");
    }
    let answer = site.api.put("/v1/agent/force-leave?node=nobody").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-type"), None);
});

on_every_cluster!(other_methods_are_405_and_other_paths_404, async |site| {
    for (path, methods) in [
        ("/v1/jobs", &["GET", "POST", "PUT"][..]),
        ("/v1/job/x", &["GET", "POST", "PUT", "DELETE"]),
        ("/v1/job/x/pause", &["POST", "PUT"]),
        ("/v1/job/x/resume", &["POST", "PUT"]),
        ("/v1/job/x/allocations", &["GET"]),
        ("/v1/job/x/evaluations", &["GET"]),
        ("/v1/nodes", &["GET"]),
        ("/v1/node/x", &["GET"]),
        ("/v1/node/x/allocations", &["GET"]),
        ("/v1/node/x/evaluate", &["POST", "PUT"]),
        ("/v1/leader", &["GET"]),
        ("/v1/peers", &["GET"]),
        ("/v1/regions", &["GET"]),
        ("/v1/members", &["GET"]),
        ("/v1/managers", &["GET", "POST", "PUT"]),
        ("/v1/self", &["GET"]),
        ("/v1/join", &["POST", "PUT"]),
        ("/v1/agent/force-leave", &["POST", "PUT"]),
        ("/v1/agent/allocation/x/stats", &["GET"]),
        ("/v1/allocations", &["GET"]),
        ("/v1/allocation/x", &["GET"]),
        ("/v1/evaluations", &["GET"]),
        ("/v1/evaluation/x", &["GET"]),
        ("/v1/evaluation/x/allocations", &["GET"]),
        ("/v1/validate/job", &["POST", "PUT"]),
        ("/v1/operator/raft/configuration", &["GET"]),
        ("/v1/operator/raft/peer", &["DELETE"]),
        ("/job/x/allocations", &["GET"]),
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            if methods.contains(&method) {
                continue;
            }
            let answer = site.api.send(method, path, &[], b"").await;
            answer.fails(405, "Invalid method");
            assert_eq!(
                answer.header_names(),
                ["content-type", "vary"],
                "{method} {path}"
            );
        }
    }
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/nosuch",
        "/v2/jobs",
        "/v1/jobs/x",
        "/v1/job",
        "/v1/job/",
        "/v1/job/x/nope",
        "/v1/operator/x",
        "/v1/agent/self",
        "/v1/client/stats",
        "/v1/job/x/y/z",
        "//v1/jobs",
    ] {
        for method in ["GET", "POST"] {
            let answer = site.api.send(method, path, &[], b"").await;
            answer.fails(404, "404 page not found\n");
            assert_eq!(
                answer.header("x-content-type-options"),
                Some("nosniff"),
                "{path}"
            );
        }
    }
});

on_every_cluster!(billing_is_501_and_orders_are_none, async |site| {
    for (method, path) in [
        ("POST", "/v1/login"),
        ("POST", "/v1/job/info"),
        ("PUT", "/v1/job/renewal"),
        ("POST", "/v1/orders"),
        ("POST", "/v1/cloud/order"),
        ("GET", "/v1/order/x"),
        ("POST", "/v1/order/x"),
    ] {
        let answer = site.api.send(method, path, &[], b"{}").await;
        assert_eq!(answer.status, 501, "{method} {path}: {}", answer.shown());
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert!(
            !answer.text().is_empty() && !answer.text().contains('\n'),
            "{}",
            answer.text()
        );
    }
    for path in ["/v1/orders", "/v1/orders/pending"] {
        assert_eq!(site.api.get(path).await.ok(), json!([]));
    }
});

// --- tenants ---

on_every_cluster!(
    another_tenants_job_can_be_neither_seen_nor_touched,
    async |site| {
        let id = site.foreign().await;
        let before = site.nomad.get(&format!("/v1/job/{id}")).await.json();
        let allocations = site
            .nomad
            .get(&format!("/v1/job/{id}/allocations"))
            .await
            .json();
        let allocation = allocations[0]["ID"].as_str().unwrap().to_owned();
        let evaluation = allocations[0]["EvalID"].as_str().unwrap().to_owned();
        let node = allocations[0]["NodeID"].as_str().unwrap().to_owned();
        let events = allocations[0]["TaskStates"]["web"]["Events"]
            .as_array()
            .unwrap()
            .len();

        for target in [
            "/v1/jobs",
            "/v1/allocations",
            "/v1/evaluations",
            &format!("/v1/node/{node}/allocations"),
            &format!("/v1/jobs?prefix={id}"),
            &format!("/v1/allocations?prefix={allocation}"),
        ] {
            let answer = site.api.get(target).await;
            let _ = answer.ok();
            assert!(!answer.text().contains(&id), "{target}");
            assert!(!answer.text().contains(&allocation), "{target}");
        }
        site.api
            .get(&format!("/v1/job/{id}"))
            .await
            .fails(404, "job not found");
        assert_eq!(site.allocations(&id).await, Vec::<Value>::new());
        assert_eq!(
            site.api
                .get(&format!("/v1/job/{id}/evaluations"))
                .await
                .ok(),
            json!([])
        );
        site.api
            .get(&format!("/v1/allocation/{allocation}"))
            .await
            .fails(404, "alloc not found");
        site.api
            .get(&format!("/v1/evaluation/{evaluation}"))
            .await
            .fails(404, "eval not found");
        assert_eq!(
            site.api
                .get(&format!("/v1/evaluation/{evaluation}/allocations"))
                .await
                .ok(),
            json!([])
        );
        site.api
            .get(&format!("/v1/agent/allocation/{allocation}/stats"))
            .await
            .fails(404, "alloc not found");
        site.api
            .get(&format!("/v1/agent/allocation/{allocation}/stats?task=web"))
            .await
            .fails(404, "alloc not found");

        for verb in ["pause", "resume"] {
            site.api
                .post(&format!("/v1/job/{id}/{verb}"))
                .await
                .fails(404, "job not found");
        }
        site.api
            .post_json("/v1/jobs", &site.job(&id))
            .await
            .fails(404, "job not found");
        site.api
            .put_json(&format!("/v1/job/{id}"), &site.job(&id))
            .await
            .fails(404, "job not found");
        let mut native = before.clone();
        native["TaskGroups"][0]["Tasks"][0]["Driver"] = json!("dtle");
        native["TaskGroups"][0]["Tasks"][0]["Config"] = json!({});
        site.api
            .post_json("/v1/jobs", &json!({"Job": native}))
            .await
            .fails(404, "job not found");
        // Answered as for an unknown job.
        written(&site.api.delete(&format!("/v1/job/{id}")).await);

        let after = site.nomad.get(&format!("/v1/job/{id}")).await.json();
        // Its deployment may have gone on meanwhile; nobody has written it.
        for key in [
            "JobModifyIndex",
            "Version",
            "Stop",
            "Status",
            "Meta",
            "TaskGroups",
        ] {
            assert_eq!(after[key], before[key], "{key}");
        }
        let allocations = site
            .nomad
            .get(&format!("/v1/job/{id}/allocations"))
            .await
            .json();
        assert_eq!(allocations.as_array().unwrap().len(), 1);
        assert_eq!(
            (
                &allocations[0]["ClientStatus"],
                &allocations[0]["DesiredStatus"]
            ),
            (&json!("running"), &json!("run"))
        );
        // Nor was its task signalled.
        assert_eq!(
            allocations[0]["TaskStates"]["web"]["Events"]
                .as_array()
                .unwrap()
                .len(),
            events
        );
    }
);

/// Between a resume and Nomad's look at it a job has its failed allocations and
/// no others; a script that waits for `running` or `dead` must not give up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_job_that_was_resumed_is_not_dead_before_it_was_tried_again() {
    for generation in Generation::BOTH {
        let nomad = NomadSim::start(Options {
            plugin: generation.plugin(),
            pace: Pace {
                schedule: Duration::from_millis(500),
                ..Pace::instant()
            },
            ..Options::default()
        })
        .await
        .unwrap();
        let settings = [("DTLE_LAYOUT", generation.layout())];
        let (_server, api) = gateway(&nomad.url(), &settings).await;
        let status = async || api.get("/v1/job/again").await.ok()["Status"].clone();
        let mut job = tests::cluster::job("again");
        let server = &mut job["Tasks"][0]["Config"]["ConnectionConfig"];
        (server["Host"], server["Port"]) = (json!("127.0.0.1"), json!(1));
        written(&api.post_json("/v1/jobs", &job).await);
        for (before, verb, after) in [
            ("dead", "resume", "pending"),
            ("pending", "pause", "pause"),
            ("pause", "resume", "pending"),
        ] {
            let end = Instant::now() + Duration::from_secs(10);
            while status().await != before {
                assert!(Instant::now() < end, "not {before}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            written(&api.post(&format!("/v1/job/again/{verb}")).await);
            assert_eq!(status().await, after, "after {verb}");
            let list = api.get("/v1/jobs").await.ok();
            assert_eq!(list[0]["Status"], after, "after {verb}");
        }
    }
}
