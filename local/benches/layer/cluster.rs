//! The jobs that are asked about, and the questions of each route.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use crate::Outcome;
use crate::load::{self, Amount, Ask};
use crate::server::Server;

/// Lists of more jobs than this are asked for compressed at first: Lambda carries six
/// megabytes.
const GZIP_FROM: usize = 2_000;
/// Jobs that one route asks about, in turn.
const ASKED: usize = 8;
/// No node is there, so a job that is sent there never runs.
const NOWHERE: &str = "bench-nowhere";

/// Which API a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Nomad,
    V2,
}

/// A route of 2.x and what Nomad has in its place.
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) is_write: bool,
    ours: Vec<Vec<Ask>>,
    nomad: Vec<Vec<Ask>>,
}

impl Route {
    pub(crate) fn reads(name: &str, ours: Vec<Ask>, nomad: Vec<Ask>) -> Self {
        Self {
            name: name.to_owned(),
            is_write: false,
            ours: vec![ours],
            nomad: vec![nomad],
        }
    }

    /// The same path in both languages.
    fn same(name: &str, asks: &[Ask]) -> Self {
        Self::reads(name, asks.to_vec(), asks.to_vec())
    }

    /// A row a connection: two that write the same job would meet.
    fn writes(name: &str, ours: Vec<Vec<Ask>>, nomad: Vec<Vec<Ask>>) -> Self {
        Self {
            name: name.to_owned(),
            is_write: true,
            ours,
            nomad,
        }
    }

    pub(crate) fn of(&self, language: Language) -> &[Vec<Ask>] {
        match language {
            Language::Nomad => &self.nomad,
            Language::V2 => &self.ours,
        }
    }
}

/// The cluster and the jobs that this benchmark made in it.
///
/// In memory they run. In a real cluster they have Count 0, and those that are written
/// are sent to a datacenter without nodes: no task of theirs ever starts.
pub(crate) struct Cluster {
    nomad: SocketAddr,
    gateway: SocketAddr,
    in_memory: bool,
    prefix: String,
    /// Nomad's document of a job, as text.
    template: Option<String>,
    jobs: Vec<String>,
    written: Vec<String>,
}

impl Cluster {
    pub(crate) async fn new(nomad: &Server, gateway: &Server, in_memory: bool) -> Outcome<Self> {
        load::ask(nomad.address, &Ask::get("/v1/jobs")).await?;
        Ok(Self {
            nomad: nomad.address,
            gateway: gateway.address,
            in_memory,
            prefix: format!("bench-{}", std::process::id()),
            template: None,
            jobs: Vec::new(),
            written: Vec::new(),
        })
    }

    /// How many jobs this benchmark has made so far.
    pub(crate) fn size(&self) -> usize {
        self.jobs.len() + self.written.len()
    }

    /// Registers jobs until there are so many.
    pub(crate) async fn grow(&mut self, size: usize) -> Outcome<()> {
        let new: Vec<String> = (self.size()..size)
            .map(|number| format!("{}-{number:06}", self.prefix))
            .collect();
        self.register(&new).await?;
        self.jobs.extend(new);
        self.settle().await
    }

    /// Registers so many jobs whose IDs begin with that of one more, and answers that one.
    pub(crate) async fn family(&mut self, others: usize) -> Outcome<String> {
        let first = format!("{}-all", self.prefix);
        let mut new: Vec<String> = (0..others)
            .map(|number| format!("{first}-{number:06}"))
            .collect();
        new.push(first.clone());
        self.register(&new).await?;
        self.jobs.extend(new);
        self.settle().await?;
        Ok(first)
    }

    /// Registers jobs at Nomad itself: all are copies of one that the gateway made.
    async fn register(&mut self, ids: &[String]) -> Outcome<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let template = self.template().await?;
        let asks: Vec<Ask> = ids
            .iter()
            .map(|id| Ask::write(Method::PUT, "/v1/jobs", copy(&template, id)))
            .collect();
        let count = asks.len() as u64;
        load::run(self.nomad, &[asks], 8, Amount::Times(count)).await?;
        Ok(())
    }

    async fn template(&mut self) -> Outcome<String> {
        if let Some(template) = &self.template {
            return Ok(template.clone());
        }
        let id = format!("{}-template", self.prefix);
        let mut body = job(&id, 2_000);
        if !self.in_memory {
            body["Datacenters"] = json!([NOWHERE]);
        }
        let path = format!("/v1/job/{id}");
        let ask = Ask::write(Method::POST, "/v1/jobs", body.to_string());
        load::ask(self.gateway, &ask).await?;
        let document = load::ask(self.nomad, &Ask::get(&path)).await?;
        let ask = Ask::write(Method::DELETE, format!("{path}?purge=true"), "");
        load::ask(self.nomad, &ask).await?;
        let mut document: Value = serde_json::from_slice(&document)?;
        if !self.in_memory {
            if document["Datacenters"] != json!([NOWHERE]) {
                return Err("the jobs would run".into());
            }
            set_count(&mut document, 0);
        }
        let template = json!({"Job": document}).to_string();
        Ok(self
            .template
            .insert(template.replace(&id, "{{id}}"))
            .clone())
    }

    /// Waits until Nomad is done with what was registered.
    async fn settle(&self) -> Outcome<()> {
        let Some(last) = self.jobs.last() else {
            return Ok(());
        };
        for _ in 0..3_000 {
            let settled = if self.in_memory {
                let list = self.allocations(last).await?;
                list.len() == 2 && list.iter().all(|alloc| alloc["ClientStatus"] == "running")
            } else {
                let path = format!("/v1/jobs?prefix={}", self.prefix);
                let list = load::ask(self.nomad, &Ask::get(path)).await?;
                let list: Vec<Value> = serde_json::from_slice(&list)?;
                // Those that are written wait for a node for ever.
                let mut waiting = list.iter().filter(|job| job["Status"] == "pending");
                waiting.all(|job| job["ID"].as_str().is_some_and(|id| id.contains("-write-")))
            };
            if settled {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Err(format!("Nomad does not come to rest after {last}").into())
    }

    async fn allocations(&self, id: &str) -> Outcome<Vec<Value>> {
        let ask = Ask::get(format!("/v1/job/{id}/allocations"));
        Ok(serde_json::from_slice(&load::ask(self.nomad, &ask).await?)?)
    }

    /// Lets Nomad forget what writes have left behind.
    pub(crate) async fn tidy(&self) -> Outcome<()> {
        if self.in_memory {
            load::ask(self.nomad, &Ask::write(Method::PUT, "/v1/system/gc", "")).await?;
        }
        Ok(())
    }

    /// Deletes the jobs that this benchmark made.
    pub(crate) async fn delete_all(&mut self) -> Outcome<()> {
        if self.template.is_none() {
            return Ok(());
        }
        let path = format!("/v1/jobs?prefix={}-", self.prefix);
        let list = load::ask(self.nomad, &Ask::get(path)).await?;
        let list: Vec<Value> = serde_json::from_slice(&list)?;
        let ids: BTreeSet<&str> = list.iter().filter_map(|job| job["ID"].as_str()).collect();
        self.delete(ids).await?;
        self.jobs.clear();
        self.written.clear();
        Ok(())
    }

    async fn delete(&self, ids: impl IntoIterator<Item = &str>) -> Outcome<()> {
        let asks: Vec<Ask> = ids
            .into_iter()
            .map(|id| Ask::write(Method::DELETE, format!("/v1/job/{id}?purge=true"), ""))
            .collect();
        if !asks.is_empty() {
            let count = asks.len() as u64;
            load::run(self.nomad, &[asks], 8, Amount::Times(count)).await?;
        }
        Ok(())
    }

    /// The first list of a process, compressed where it is long.
    pub(crate) fn first_list(&self) -> Ask {
        match self.size() >= GZIP_FROM {
            true => Ask::get("/v1/jobs").with_gzip(),
            false => Ask::get("/v1/jobs"),
        }
    }

    /// Every job, asked of Nomad.
    pub(crate) fn every_job(&self) -> Vec<Ask> {
        let paths = self.jobs.iter().map(|id| format!("/v1/job/{id}"));
        paths.map(Ask::get).collect()
    }

    /// How many jobs were there before.
    pub(crate) async fn strangers(&self) -> Outcome<usize> {
        let list = load::ask(self.gateway, &Ask::get("/v1/jobs")).await?;
        Ok(serde_json::from_slice::<Vec<Value>>(&list)?.len())
    }

    /// Reads the jobs that are there, instead of jobs of this benchmark's own.
    pub(crate) async fn adopt(&mut self) -> Outcome<usize> {
        let list = load::ask(self.gateway, &Ask::get("/v1/jobs")).await?;
        let list: Vec<Value> = serde_json::from_slice(&list)?;
        let ids = list.iter().filter_map(|job| job["ID"].as_str());
        self.jobs = ids.map(str::to_owned).collect();
        Ok(self.jobs.len())
    }

    /// The documented reads of single things.
    pub(crate) async fn reads(&self) -> Outcome<Vec<Route>> {
        let ids: Vec<&String> = self.jobs.iter().take(ASKED).collect();
        let each = |ending: &str| -> Vec<Ask> {
            ids.iter()
                .map(|id| Ask::get(format!("/v1/job/{id}{ending}")))
                .collect()
        };
        let other = |name: &str, ours: &str, nomad: &str| {
            Route::reads(name, vec![Ask::get(ours)], vec![Ask::get(nomad)])
        };
        let mut routes = Vec::new();
        if !ids.is_empty() {
            routes.push(Route::same("GET /v1/job/{id}", &each("")));
            let path = "GET /v1/job/{id}/allocations";
            routes.push(Route::same(path, &each("/allocations")));
        }
        routes.extend([
            Route::same("GET /v1/nodes", &[Ask::get("/v1/nodes")]),
            other("GET /v1/members", "/v1/members", "/v1/agent/members"),
            other("GET /v1/leader", "/v1/leader", "/v1/status/leader"),
        ]);
        let (mut ours, mut signals) = (Vec::new(), Vec::new());
        // Of somebody's real tasks each signal would push an event out.
        let running = if self.in_memory { ids.as_slice() } else { &[] };
        for id in running {
            for alloc in self.allocations(id).await? {
                let (Some(id), Some(task)) = (alloc["ID"].as_str(), alloc["TaskGroup"].as_str())
                else {
                    continue;
                };
                ours.push(Ask::get(format!("/v1/agent/allocation/{id}/stats")));
                let body = json!({"Signal": "stats", "Task": task}).to_string();
                let path = format!("/v1/client/allocation/{id}/signal");
                signals.push(Ask::write(Method::PUT, path, body).expecting(500));
            }
        }
        if !ours.is_empty() {
            let path = "GET /v1/agent/allocation/{id}/stats";
            routes.push(Route::reads(path, ours, signals));
        }
        Ok(routes)
    }

    /// Writes of jobs that are there for that alone, until [`Cluster::done_writing`].
    pub(crate) async fn writes(&mut self) -> Outcome<[Route; 2]> {
        let ids: Vec<String> = (0..ASKED)
            .map(|number| format!("{}-write-{number}", self.prefix))
            .collect();
        self.register(&ids).await?;
        self.written.clone_from(&ids);
        let (mut pauses, mut counts) = (Vec::new(), Vec::new());
        let (mut registers, mut documents) = (Vec::new(), Vec::new());
        for id in &ids {
            let of = |what| Ask::write(Method::POST, format!("/v1/job/{id}/{what}"), "");
            if !self.in_memory {
                load::ask(self.gateway, &of("resume")).await?;
            }
            pauses.push(vec![of("pause"), of("resume")]);
            let document = load::ask(self.nomad, &Ask::get(format!("/v1/job/{id}"))).await?;
            let document: Value = serde_json::from_slice(&document)?;
            counts.push(
                [0, 1]
                    .map(|count| {
                        let mut document = document.clone();
                        set_count(&mut document, count);
                        register(&document)
                    })
                    .to_vec(),
            );
            registers.push(
                [1_000, 2_000]
                    .map(|chunk| Ask::write(Method::POST, "/v1/jobs", job(id, chunk).to_string()))
                    .to_vec(),
            );
            documents.push(
                [1_000, 2_000]
                    .map(|chunk| {
                        let mut document = document.clone();
                        let config = &mut document["TaskGroups"][0]["Tasks"][0]["Config"];
                        config["ChunkSize"] = json!(chunk.to_string());
                        register(&document)
                    })
                    .to_vec(),
            );
        }
        Ok([
            Route::writes("POST /v1/job/{id}/pause, …/resume", pauses, counts),
            Route::writes("POST /v1/jobs (update)", registers, documents),
        ])
    }

    /// Takes the jobs away that were written.
    pub(crate) async fn done_writing(&mut self) -> Outcome<()> {
        let written = std::mem::take(&mut self.written);
        self.delete(written.iter().map(String::as_str)).await
    }
}

fn register(document: &Value) -> Ask {
    let body = json!({"Job": document}).to_string();
    Ask::write(Method::PUT, "/v1/jobs", body)
}

fn set_count(document: &mut Value, count: u32) {
    let groups = document["TaskGroups"].as_array_mut();
    for group in groups.into_iter().flatten() {
        group["Count"] = json!(count);
    }
}

/// The job under another ID, with hosts, schema and tables of its own: a list whose
/// jobs differ by their ID alone would be packed more tightly than any real one.
fn copy(template: &str, id: &str) -> String {
    // FNV-1a: the same content in every run.
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut next = || {
        hash ^= hash << 13;
        hash ^= hash >> 7;
        hash ^= hash << 17;
        hash % 60_000
    };
    let mut text = template.replace("{{id}}", id);
    for host in ["172.100.9.3", "172.100.9.6"] {
        let number = next();
        text = text.replace(
            host,
            &format!("10.{}.{}.{}", number / 240, next() % 250, number % 240),
        );
    }
    for name in ["db1", "tb1", "tb2", "lx1", "test1"] {
        let quoted = format!("\"{name}\"");
        text = text.replace(&quoted, &format!("\"{name}_{:x}\"", next()));
    }
    text
}

/// A job as 2.x's page shows it.
fn job(id: &str, chunk: u32) -> Value {
    let connection = |host: &str, user: &str| json!({"Host": host, "Port": "3306", "User": user, "Password": "111111"});
    json!({
        "ID": id,
        "Name": format!("{id}-orders"),
        "Failover": true,
        "Orders": [],
        "Type": "synchronous",
        "Tasks": [
            {
                "Type": "Src",
                "Driver": "MySQL",
                "Config": {
                    "Gtid": "",
                    "ReplicateDoDb": [{
                        "TableSchema": "db1",
                        "Tables": [{"TableName": "tb1"}, {"TableName": "tb2", "Where": "id > 10"}],
                    }],
                    "DropTableIfExists": false,
                    "SkipCreateDbTable": false,
                    "ReplChanBufferSize": "60",
                    "ChunkSize": chunk.to_string(),
                    "ConnectionConfig": connection("172.100.9.3", "lx1"),
                },
            },
            {
                "Type": "Dest",
                "Driver": "MySQL",
                "Config": {"ConnectionConfig": connection("172.100.9.6", "test1")},
            },
        ],
    })
}
