//! The jobs that are asked about, and the questions of each route.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use crate::Outcome;
use crate::load::{self, Amount, Ask};
use crate::report::Contender;
use crate::server::Server;

/// Lists of more jobs than this are asked for compressed: Lambda carries six megabytes.
const GZIP_FROM: usize = 2_000;
/// Jobs that one route asks about, in turn.
const ASKED: usize = 8;

/// A route of 2.x and what Nomad has in its place.
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) is_write: bool,
    ours: Vec<Vec<Ask>>,
    nomad: Vec<Vec<Ask>>,
}

impl Route {
    fn reads(name: &str, ours: Vec<Ask>, nomad: Vec<Ask>) -> Self {
        Self {
            name: name.to_owned(),
            is_write: false,
            ours: vec![ours],
            nomad: vec![nomad],
        }
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

    pub(crate) fn of(&self, contender: Contender) -> &[Vec<Ask>] {
        match contender {
            Contender::Nomad | Contender::Proxy => &self.nomad,
            Contender::Gateway | Contender::Peer => &self.ours,
        }
    }
}

/// The list of jobs, asked both ways.
pub(crate) struct List {
    pub(crate) ours: Ask,
    pub(crate) nomad: Ask,
}

/// The cluster and the jobs that this benchmark made in it.
pub(crate) struct Cluster {
    nomad: SocketAddr,
    gateway: SocketAddr,
    in_memory: bool,
    jobs: Vec<String>,
}

impl Cluster {
    pub(crate) async fn new(nomad: &Server, gateway: &Server, in_memory: bool) -> Outcome<Self> {
        load::ask(nomad.address, &Ask::get("/v1/jobs")).await?;
        Ok(Self {
            nomad: nomad.address,
            gateway: gateway.address,
            in_memory,
            jobs: Vec::new(),
        })
    }

    /// Registers jobs until there are so many.
    pub(crate) async fn grow(&mut self, size: usize) -> Outcome<()> {
        let new: Vec<String> = (self.jobs.len()..size)
            .map(|number| format!("bench-{}-{number:05}", std::process::id()))
            .collect();
        let asks: Vec<Ask> = new
            .iter()
            .map(|id| Ask::write(Method::POST, "/v1/jobs", job(id, 2_000).to_string()))
            .collect();
        self.jobs.extend(new);
        if !asks.is_empty() {
            let count = asks.len() as u64;
            load::run(self.gateway, &[asks], 8, Amount::Times(count)).await?;
        }
        self.settle().await
    }

    /// Waits until the newest job's allocations run.
    async fn settle(&self) -> Outcome<()> {
        let Some(id) = self.jobs.last() else {
            return Ok(());
        };
        for _ in 0..200 {
            let list = self.allocations(id).await?;
            if list.len() == 2 && list.iter().all(|alloc| alloc["ClientStatus"] == "running") {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if self.in_memory {
            return Err(format!("{id} does not run").into());
        }
        // A real one may have no source to copy from.
        Ok(())
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
        for id in self.jobs.drain(..) {
            let path = format!("/v1/job/{id}?purge=true");
            load::ask(self.nomad, &Ask::write(Method::DELETE, path, "")).await?;
        }
        Ok(())
    }

    pub(crate) fn list(&self, size: usize) -> List {
        let ours = Ask::get("/v1/jobs");
        List {
            ours: if size >= GZIP_FROM {
                ours.with_gzip()
            } else {
                ours
            },
            nomad: Ask::get("/v1/jobs"),
        }
    }

    /// Every job, asked of Nomad.
    pub(crate) fn every_job(&self) -> Vec<Ask> {
        let paths = self.jobs.iter().map(|id| format!("/v1/job/{id}"));
        paths.map(Ask::get).collect()
    }

    /// The statistics of every allocation that runs.
    pub(crate) async fn every_statistics(&self) -> Outcome<Vec<Ask>> {
        let list = load::ask(self.nomad, &Ask::get("/v1/allocations")).await?;
        let list: Vec<Value> = serde_json::from_slice(&list)?;
        let running = list
            .iter()
            .filter(|alloc| alloc["ClientStatus"] == "running");
        let ids = running.filter_map(|alloc| alloc["ID"].as_str());
        Ok(ids
            .map(|id| Ask::get(format!("/v1/agent/allocation/{id}/stats")))
            .collect())
    }

    /// The documented routes. In a cluster without jobs of this benchmark's own,
    /// those of others are read.
    pub(crate) async fn routes(&self, writes: bool) -> Outcome<Vec<Route>> {
        let list = load::ask(self.gateway, &Ask::get("/v1/jobs")).await?;
        let list: Vec<Value> = serde_json::from_slice(&list)?;
        let ids: Vec<&str> = list
            .iter()
            .filter_map(|job| job["ID"].as_str())
            .filter(|id| self.jobs.is_empty() || self.jobs.iter().any(|own| own == id))
            .take(ASKED)
            .collect();
        let same = |path: &str| vec![Ask::get(path)];
        let each = |ending: &str| -> Vec<Ask> {
            ids.iter()
                .map(|id| Ask::get(format!("/v1/job/{id}{ending}")))
                .collect()
        };
        let mut routes = vec![Route::reads(
            "GET /v1/jobs",
            same("/v1/jobs"),
            same("/v1/jobs"),
        )];
        if !ids.is_empty() {
            routes.push(Route::reads("GET /v1/job/{id}", each(""), each("")));
            routes.push(Route::reads(
                "GET /v1/job/{id}/allocations",
                each("/allocations"),
                each("/allocations"),
            ));
        }
        routes.extend([
            Route::reads("GET /v1/nodes", same("/v1/nodes"), same("/v1/nodes")),
            Route::reads(
                "GET /v1/members",
                same("/v1/members"),
                same("/v1/agent/members"),
            ),
            Route::reads(
                "GET /v1/leader",
                same("/v1/leader"),
                same("/v1/status/leader"),
            ),
        ]);
        let (mut ours, mut signals) = (Vec::new(), Vec::new());
        for id in &ids {
            for alloc in self.allocations(id).await? {
                let (Some(id), Some(task)) = (alloc["ID"].as_str(), alloc["TaskGroup"].as_str())
                else {
                    continue;
                };
                if alloc["ClientStatus"] != "running" {
                    continue;
                }
                ours.push(Ask::get(format!("/v1/agent/allocation/{id}/stats")));
                let body = json!({"Signal": "stats", "Task": task}).to_string();
                let path = format!("/v1/client/allocation/{id}/signal");
                signals.push(Ask::write(Method::PUT, path, body).expecting(500));
            }
        }
        // Of somebody's real tasks each signal would push an event out.
        if !ours.is_empty() && (self.in_memory || writes) {
            routes.push(Route::reads(
                "GET /v1/agent/allocation/{id}/stats",
                ours,
                signals,
            ));
        }
        if writes && !ids.is_empty() {
            routes.extend(self.write_routes(&ids).await?);
        }
        Ok(routes)
    }

    async fn write_routes(&self, ids: &[&str]) -> Outcome<[Route; 2]> {
        let (mut pauses, mut counts) = (Vec::new(), Vec::new());
        let (mut registers, mut documents) = (Vec::new(), Vec::new());
        for id in ids {
            let of = |what| Ask::write(Method::POST, format!("/v1/job/{id}/{what}"), "");
            pauses.push(vec![of("pause"), of("resume")]);
            let document = load::ask(self.nomad, &Ask::get(format!("/v1/job/{id}"))).await?;
            let document: Value = serde_json::from_slice(&document)?;
            counts.push(
                [0, 1]
                    .map(|count| {
                        let mut document = document.clone();
                        let groups = document["TaskGroups"].as_array_mut();
                        for group in groups.into_iter().flatten() {
                            group["Count"] = json!(count);
                        }
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
}

fn register(document: &Value) -> Ask {
    let body = json!({"Job": document}).to_string();
    Ask::write(Method::PUT, "/v1/jobs", body)
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
