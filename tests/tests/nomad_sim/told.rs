//! What the story needs of the in-memory Nomad between two exchanges: the state that
//! the next recording was taken in, and the IDs of this run.

use std::time::{Duration, Instant};

use nomad_sim::{NomadSim, Plugin};
use serde_json::Value;

use super::client::{Reply, send};
use super::compare;
use super::hold::decode;

const FIRST: &str = "8ce4b408-8c64-41b9-04d7-baf451348e89";
const SECOND: &str = "69f299dc-49ee-a8c3-d95b-60b9afeaf186";

/// The in-memory Nomad, and where in the story it is.
pub(crate) struct Told {
    pub(crate) sim: NomadSim,
    pub(crate) plugin: Plugin,
    /// The ID that the node had in the recordings.
    pub(crate) node_recorded: String,
}

impl Told {
    async fn get(&self, path: &str) -> Reply {
        send(&self.sim.url(), "GET", path, &[], None)
            .await
            .expect("an answer")
    }

    async fn job(&self, id: &str) -> Value {
        self.get(&format!("/v1/job/{id}")).await.json()
    }

    async fn allocs(&self, id: &str) -> Vec<Value> {
        let all = self.get(&format!("/v1/job/{id}/allocations")).await.json();
        all.as_array().expect("a list").clone()
    }

    /// The ID of a job's first allocation of a group.
    async fn alloc(&self, group: &str) -> String {
        let allocs = self.allocs(FIRST).await;
        let found = allocs
            .iter()
            .filter(|alloc| alloc["TaskGroup"] == group)
            .min_by_key(|alloc| alloc["CreateIndex"].as_u64())
            .expect("an allocation");
        found["ID"].as_str().expect("an ID").to_owned()
    }

    async fn until<F: AsyncFn() -> bool>(&self, what: &str, holds: F) {
        let begun = Instant::now();
        while !holds().await {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "waited too long for: {what}"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until no evaluation of a job is under way.
    async fn settled(&self, id: &str) {
        self.until("evaluated jobs", async || {
            let evals = self.get(&format!("/v1/job/{id}/evaluations")).await.json();
            let evals = evals.as_array().expect("a list");
            evals.iter().all(|eval| eval["Status"] == "complete")
        })
        .await;
    }

    /// Waits until a task of the newest version has this event last.
    async fn last_event(&self, id: &str, group: &str, kind: &str, message: &str) {
        self.until(kind, async || {
            let allocs = self.allocs(id).await;
            let newest = allocs
                .iter()
                .filter(|alloc| alloc["TaskGroup"] == group)
                .max_by_key(|alloc| alloc["CreateIndex"].as_u64());
            newest.is_some_and(|alloc| {
                alloc["TaskStates"][group]["Events"]
                    .as_array()
                    .and_then(|events| events.last())
                    .is_some_and(|event| {
                        event["Type"] == kind
                            && event["DisplayMessage"]
                                .as_str()
                                .unwrap_or("")
                                .contains(message)
                    })
            })
        })
        .await;
    }

    /// The state a recording was taken in.
    pub(crate) async fn ready(&self, number: u32) {
        match number {
            20 => {
                self.settled(FIRST).await;
                self.settled(SECOND).await;
                for id in [FIRST, SECOND] {
                    self.last_event(id, "Dest", "Driver", "job_stage_incr")
                        .await;
                }
            }
            54 => {
                self.until("a paused job", async || {
                    self.job(FIRST).await["Status"] == "dead"
                })
                .await;
            }
            55 => {
                self.until("stopped allocations", async || {
                    self.allocs(FIRST)
                        .await
                        .iter()
                        .all(|alloc| alloc["ClientStatus"] == "complete")
                })
                .await;
            }
            59 => {
                self.last_event(FIRST, "Dest", "Driver", "job_stage_incr")
                    .await;
                self.last_event(FIRST, "Src", "Started", "").await;
            }
            64 => {
                self.settled(FIRST).await;
                self.last_event(FIRST, "Dest", "Driver", "job_stage_incr")
                    .await;
                self.until("old allocations to stop", async || {
                    let running = self.allocs(FIRST).await;
                    running
                        .iter()
                        .filter(|alloc| alloc["ClientStatus"] == "running")
                        .count()
                        == 2
                })
                .await;
            }
            67 => {
                self.failed("failing-1", "Src").await;
                self.last_event("failing-1", "Dest", "Driver", "job_stage_full")
                    .await;
                if self.plugin == Plugin::V4 {
                    self.until("the Dest's restart", async || {
                        self.allocs("failing-1").await.iter().any(|alloc| {
                            alloc["TaskGroup"] == "Dest"
                                && alloc["TaskStates"]["Dest"]["Restarts"] == 1
                                && alloc["TaskStates"]["Dest"]["State"] == "running"
                        })
                    })
                    .await;
                }
            }
            70 => {
                self.failed("kafka-1", "Dest").await;
                if self.plugin == Plugin::V4 {
                    self.failed("kafka-1", "Src").await;
                }
            }
            73 => self.failed("badcfg-1", "Src").await,
            76 => {
                self.until("a blocked evaluation", async || {
                    let evals = self.get("/v1/job/pinned-1/evaluations").await.json();
                    let evals = evals.as_array().expect("a list");
                    evals.len() == 2 && evals.iter().any(|e| e["Status"] == "complete")
                })
                .await;
                self.last_event("pinned-1", "Dest", "Started", "").await;
            }
            90 => {
                self.last_event("other-1", "web", "Started", "").await;
                self.until("a blocked evaluation", async || {
                    self.get("/v1/job/dc9-1/evaluations")
                        .await
                        .json()
                        .as_array()
                        .map(Vec::len)
                        == Some(2)
                })
                .await;
            }
            116 => {
                self.until("a job that stands still", async || {
                    self.job("nodc").await["Status"] == "dead"
                })
                .await;
            }
            94 => {
                self.until("a stopped job", async || {
                    self.job(SECOND).await["Status"] == "dead"
                })
                .await;
                self.until("stopped allocations", async || {
                    self.allocs(SECOND)
                        .await
                        .iter()
                        .all(|alloc| alloc["ClientStatus"] == "complete")
                })
                .await;
            }
            _ => {}
        }
    }

    /// Waits until an allocation has failed for good.
    async fn failed(&self, id: &str, group: &str) {
        self.until("a failed allocation", async || {
            let allocs = self.allocs(id).await;
            let mut of_group = allocs.iter().filter(|alloc| alloc["TaskGroup"] == group);
            of_group.any(|alloc| alloc["ClientStatus"] == "failed")
        })
        .await;
    }

    /// A recorded path, with the IDs of this run. `trigger` tells which
    /// evaluation a recording is about.
    pub(crate) async fn path(&self, number: u32, recorded: &str, trigger: &str) -> String {
        let node = self.node_recorded.clone();
        let here = self.get("/v1/nodes").await.json()[0]["ID"]
            .as_str()
            .expect("an ID")
            .to_owned();
        let path = recorded
            .replace(&node, &here)
            .replace(&node[..8], &here[..8]);
        let whose = match number {
            33..=35 | 39 | 42 | 46 | 57 => "Dest",
            36..=38 => "Src",
            48 | 49 => {
                let evals = self
                    .get(&format!("/v1/job/{FIRST}/evaluations"))
                    .await
                    .json();
                let eval = evals
                    .as_array()
                    .expect("a list")
                    .iter()
                    .find(|eval| eval["TriggeredBy"] == trigger)
                    .expect("such an evaluation")["ID"]
                    .as_str()
                    .expect("an ID")
                    .to_owned();
                let id = path.split('/').nth(3).expect("an ID").to_owned();
                return path.replace(&id, &eval);
            }
            103 => {
                return format!(
                    "/v1/jobs?index={}&wait=50ms",
                    self.get("/v1/jobs").await.index()
                );
            }
            _ => return path,
        };
        let alloc = self.alloc(whose).await;
        if number == 46 {
            return format!("/v1/allocations?prefix={}", &alloc[..4]);
        }
        let id = path
            .split('/')
            .find(|part| compare::uuid(part))
            .expect("an ID")
            .to_owned();
        path.replace(&id, &alloc)
    }

    /// A recorded body: a compare-and-set that held then must hold here.
    pub(crate) async fn body(&self, number: u32, request: &Value) -> Option<String> {
        if let Some(text) = request["text"].as_str() {
            return Some(text.to_owned());
        }
        let mut body = request.get("json").filter(|body| !body.is_null())?.clone();
        if matches!(number, 53 | 58 | 111) {
            body["JobModifyIndex"] = self.job(FIRST).await["JobModifyIndex"].clone();
        }
        Some(body.to_string())
    }

    pub(crate) async fn consul(&self, recording: &Value, faults: &mut Vec<String>) {
        let reply = send(
            &self.sim.consul_url(),
            "GET",
            "/v1/kv/dtle/?recurse=true",
            &[],
            None,
        )
        .await
        .expect("an answer");
        assert_eq!(reply.status, 200);
        assert!(reply.header("x-consul-index").is_some());
        let keys = |list: &Value| -> Vec<String> {
            let list = list.as_array().expect("a list");
            list.iter()
                .map(|entry| entry["Key"].as_str().expect("a key").to_owned())
                .collect()
        };
        let (recorded, here) = (&recording["response"]["json"], reply.json());
        if keys(recorded) != keys(&here) {
            let (mut lacking, mut more) = (keys(recorded), keys(&here));
            lacking.retain(|key| !keys(&here).contains(key));
            more.retain(|key| !keys(recorded).contains(key));
            faults.push(format!("consul: lacks {lacking:?}, has {more:?}"));
            return;
        }
        for (one, other) in recorded
            .as_array()
            .expect("a list")
            .iter()
            .zip(here.as_array().expect("a list"))
        {
            let fields = |entry: &Value| -> Vec<String> {
                entry
                    .as_object()
                    .expect("an entry")
                    .keys()
                    .cloned()
                    .collect()
            };
            assert_eq!(fields(one), fields(other));
            let key = one["Key"].as_str().expect("a key");
            match (one["Value"].as_str(), other["Value"].as_str()) {
                (None, None) => {}
                (Some(one), Some(other)) => {
                    let (one, other) = (decode(one), decode(other));
                    if key.ends_with("/Config") {
                        let (one, other): (Value, Value) = (
                            serde_json::from_str(&one).expect("JSON"),
                            serde_json::from_str(&other).expect("JSON"),
                        );
                        let keys = |v: &Value| -> std::collections::BTreeSet<String> {
                            v.as_object().expect("an object").keys().cloned().collect()
                        };
                        if keys(&one) != keys(&other) {
                            faults.push(format!("consul {key}: {one} recorded, {other} here"));
                        }
                    } else if key.ends_with("/Gtid") {
                        let gtid = |text: &str| {
                            text.split_once(':')
                                .is_some_and(|(id, set)| compare::uuid(id) && set.starts_with("1-"))
                        };
                        if !gtid(&one) || !gtid(&other) {
                            faults.push(format!("consul {key}: {one:?} recorded, {other:?} here"));
                        }
                    } else if compare::numbers_hidden(&one) != compare::numbers_hidden(&other) {
                        faults.push(format!("consul {key}: {one:?} recorded, {other:?} here"));
                    }
                }
                (one, other) => {
                    faults.push(format!("consul {key}: {one:?} recorded, {other:?} here"));
                }
            }
        }
    }
}
