//! The recordings' story, told to the in-memory Nomad: the same requests in
//! the same order, each answer held against the recorded one.
//!
//! Between two exchanges the real cluster had seconds; here the story waits
//! for the state the next recording was taken in. Random IDs in a path are
//! replaced by the ones of the same allocation or evaluation here.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nomad_sim::{NomadSim, Options, Pace, Plugin};
use serde_json::{Value, json};

use super::client::{Reply, send};
use super::compare;

const FIRST: &str = "8ce4b408-8c64-41b9-04d7-baf451348e89";
const SECOND: &str = "69f299dc-49ee-a8c3-d95b-60b9afeaf186";

fn recordings(set: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("recordings")
        .join(set);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap_or_else(|error| panic!("{}: {error}", root.display()))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    assert!(files.len() > 5, "{set} is there");
    files
}

fn load(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a recording")).expect("JSON")
}

fn number(path: &Path) -> u32 {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name");
    name.split('-')
        .next()
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

/// Status, headers and body of an answer against a recording's.
fn hold(recording: &Value, reply: &Reply, hide_numbers: bool, faults: &mut Vec<String>) {
    let response = &recording["response"];
    if response["status"] != json!(reply.status) {
        faults.push(format!(
            "status {} recorded, {} here: {}",
            response["status"], reply.status, reply.body
        ));
        return;
    }
    let mut recorded: Vec<String> = response["headers"]
        .as_object()
        .expect("headers")
        .keys()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    recorded.sort();
    let mut here: Vec<String> = reply
        .headers
        .iter()
        .map(|(name, _)| name.clone())
        .filter(|name| name != "date" && name != "connection")
        .collect();
    here.sort();
    if recorded != here {
        faults.push(format!("headers {recorded:?} recorded, {here:?} here"));
    }
    for (name, value) in response["headers"].as_object().expect("headers") {
        let name = name.to_ascii_lowercase();
        if matches!(name.as_str(), "x-nomad-index" | "content-length") {
            continue;
        }
        if reply.header(&name) != value.as_str() {
            faults.push(format!(
                "{name}: {value} recorded, {:?} here",
                reply.header(&name)
            ));
        }
    }
    if let Some(text) = response["text"].as_str() {
        let same = if hide_numbers {
            compare::numbers_hidden(text) == compare::numbers_hidden(&reply.body)
        } else {
            text == reply.body
        };
        if !same {
            faults.push(format!("text {text:?} recorded, {:?} here", reply.body));
        }
    } else if response["headers"]["Content-Type"] == "application/json" {
        match serde_json::from_str::<Value>(&reply.body) {
            Ok(body) => compare::json(&response["json"], &body, "", faults),
            Err(error) => faults.push(format!("{error} in {:?}", reply.body)),
        }
    } else {
        // An error whose text happens to be JSON.
        let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
        compare::json(&response["json"], &body, "", faults);
    }
}

struct Told {
    sim: NomadSim,
    plugin: Plugin,
    node_recorded: String,
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

    async fn stable(&self, id: &str) {
        self.until("a stable job", async || {
            let evals = self.get(&format!("/v1/job/{id}/evaluations")).await.json();
            let done = evals
                .as_array()
                .expect("a list")
                .iter()
                .all(|e| e["Status"] == "complete");
            self.job(id).await["Stable"] == true && done
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
    async fn ready(&self, number: u32) {
        match number {
            20 => {
                self.stable(FIRST).await;
                self.stable(SECOND).await;
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
                self.stable(FIRST).await;
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
                self.watched("failing-1", "Src").await;
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
                self.watched("kafka-1", "Dest").await;
                if self.plugin == Plugin::V4 {
                    self.watched("kafka-1", "Src").await;
                }
            }
            73 => self.watched("badcfg-1", "Src").await,
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

    /// Waits until the deployment watcher has let go of a failed allocation.
    async fn watched(&self, id: &str, group: &str) {
        self.until("a failed allocation", async || {
            self.allocs(id).await.iter().any(|alloc| {
                alloc["TaskGroup"] == group && alloc["DesiredTransition"]["Reschedule"] == true
            })
        })
        .await;
    }

    /// A recorded path, with the IDs of this run. `trigger` tells which
    /// evaluation a recording is about.
    async fn path(&self, number: u32, recorded: &str, trigger: &str) -> String {
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
    async fn body(&self, number: u32, request: &Value) -> Option<String> {
        if let Some(text) = request["text"].as_str() {
            return Some(text.to_owned());
        }
        let mut body = request.get("json").filter(|body| !body.is_null())?.clone();
        if matches!(number, 53 | 58) {
            body["JobModifyIndex"] = self.job(FIRST).await["JobModifyIndex"].clone();
        }
        Some(body.to_string())
    }

    async fn consul(&self, recording: &Value, faults: &mut Vec<String>) {
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

/// Base64, without a crate for it.
pub(crate) fn decode(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let value = alphabet
            .iter()
            .position(|known| *known == byte)
            .expect("base64");
        bits = bits << 6 | u32::try_from(value).expect("six bits");
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).expect("eight bits"));
        }
    }
    String::from_utf8(out).expect("text")
}

/// What differs in a recording for reasons that lie outside this story.
fn cut(number: u32, plugin: Plugin, recording: &mut Value) {
    let body = &mut recording["response"]["json"];
    if plugin == Plugin::V4 {
        // The 4.x cluster had logging switched on,
        if number == 1 {
            let config = body["config"]["Plugins"][0]["Config"]
                .as_object_mut()
                .expect("settings");
            config.remove("log_file");
            config.remove("log_level");
            config["api_addr"] = json!("127.0.0.1:8190");
        }
        // and a failed job from before the story.
        if matches!(number, 12 | 47) {
            body.as_array_mut()
                .expect("a list")
                .retain(|eval| eval["JobID"] != "j4bad");
            // Without it the list is short enough to be sent in one piece.
            let headers = recording["response"]["headers"]
                .as_object_mut()
                .expect("headers");
            headers.remove("Transfer-Encoding");
            headers.insert("Content-Length".to_owned(), json!("0"));
            return;
        }
        // Its disk was another.
        if number == 13 {
            body["Resources"]["DiskMB"] = json!(77061);
            body["NodeResources"]["Disk"]["DiskMB"] = json!(77061);
            body["Links"]["consul"] = json!("dc1.vm");
        }
    }
}

async fn tell(plugin: Plugin, set: &str) {
    let recordings = recordings(set);
    let node = load(&recordings[5])["response"]["json"][0].clone();
    let sim = NomadSim::start(Options {
        plugin,
        pace: Pace {
            statistics: Duration::from_secs(15),
            // Long enough that a job just resumed is not yet stable (059).
            healthy: Duration::from_millis(600),
            ..Pace::instant()
        },
        node_name: node["Name"].as_str().expect("a name").to_owned(),
        // Not the recorded one: IDs must be this agent's own.
        node_id: "0f0e0d0c-0b0a-0908-0706-050403020100".to_owned(),
        ..Options::default()
    })
    .await
    .expect("a server");
    let told = Told {
        sim,
        plugin,
        node_recorded: node["ID"].as_str().expect("an ID").to_owned(),
    };
    let trigger = recordings
        .iter()
        .find(|path| number(path) == 48)
        .map(|path| {
            load(path)["response"]["json"]["TriggeredBy"]
                .as_str()
                .expect("a trigger")
                .to_owned()
        })
        .expect("recording 048");
    let mut report = Vec::new();
    let mut compared = 0;
    for path in &recordings {
        let number = number(path);
        let mut recording = load(path);
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a name")
            .to_owned();
        let mut faults = Vec::new();
        if number == 200 {
            told.consul(&recording, &mut faults).await;
        } else {
            cut(number, plugin, &mut recording);
            told.ready(number).await;
            let request = &recording["request"];
            let target = told
                .path(number, request["path"].as_str().expect("a path"), &trigger)
                .await;
            let body = told.body(number, request).await;
            let method = request["method"].as_str().expect("a method");
            let reply = send(&told.sim.url(), method, &target, &[], body.as_deref())
                .await
                .expect("an answer");
            let hide_numbers = matches!(number, 34 | 35 | 37 | 38 | 61);
            let mut reply = reply;
            if matches!(number, 45 | 46 | 51) || (number == 49 && trigger == "job-register") {
                unsignalled(&mut reply);
            }
            if number == 19 {
                early(&mut recording["response"]["json"]);
                let mut body = reply.json();
                early(&mut body);
                reply.body = body.to_string();
            }
            if matches!(number, 60 | 65 | 68 | 71 | 74 | 77 | 90 | 92) {
                free_health(&mut recording, &reply, &mut faults);
            } else {
                hold(&recording, &reply, hide_numbers, &mut faults);
            }
        }
        compared += 1;
        report.extend(faults.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert_eq!(compared, recordings.len());
    assert!(
        report.is_empty(),
        "{} differences:\n{}",
        report.len(),
        report.join("\n")
    );
}

/// The list right after a create catches each job at some point of its start:
/// that it is one is all that can be held.
fn early(list: &mut Value) {
    for job in list.as_array_mut().expect("a list") {
        assert!(
            job["Status"] == "pending" || job["Status"] == "running",
            "{job}"
        );
        job["Status"] = json!("pending");
        for counts in job["JobSummary"]["Summary"]
            .as_object_mut()
            .expect("groups")
            .values_mut()
        {
            let begun = counts["Starting"].as_i64().expect("a number")
                + counts["Running"].as_i64().expect("a number");
            assert!(begun <= 1, "{counts}");
            counts["Starting"] = json!(0);
            counts["Running"] = json!(0);
        }
    }
}

/// A real client reports events to the servers up to 200 ms late, and these
/// lists were asked for sooner after the signals before them. Here they are
/// told at once: they are taken out again, and must have been there.
fn unsignalled(reply: &mut Reply) {
    let mut body = reply.json();
    let mut taken = 0;
    for alloc in body.as_array_mut().expect("a list") {
        for state in alloc["TaskStates"]
            .as_object_mut()
            .expect("states")
            .values_mut()
        {
            state["Events"]
                .as_array_mut()
                .expect("events")
                .retain(|event| {
                    let signal = event["Type"] == "Signaling"
                        || event["DriverMessage"] == "Task receive signal stats";
                    taken += usize::from(signal);
                    !signal
                });
        }
    }
    assert!(taken >= 2, "two signals went out before this list");
    reply.body = body.to_string();
}

/// Whether a deployment has already judged an allocation depends on the second
/// in which it was asked: `DeploymentStatus` is held to its form only, and of
/// the rest everything.
fn free_health(recording: &mut Value, reply: &Reply, faults: &mut Vec<String>) {
    let mut reply = reply.clone();
    let mut body = reply.json();
    for list in [&mut recording["response"]["json"], &mut body] {
        for alloc in list.as_array_mut().expect("a list") {
            let status = alloc["DeploymentStatus"].take();
            let known = status.is_null()
                || (status["Canary"] == false
                    && status["Healthy"].is_boolean()
                    && status["ModifyIndex"].is_u64()
                    && status["Timestamp"].as_str().is_some_and(compare::time)
                    && status.as_object().expect("an object").len() == 4);
            if !known {
                faults.push(format!("DeploymentStatus {status}"));
            }
        }
    }
    reply.body = body.to_string();
    hold(recording, &reply, false, faults);
}

#[tokio::test]
async fn it_answers_as_nomad_with_dtle_3_did() {
    tell(Plugin::V3, "nomad-1.1.2-dtle-3.20.10").await;
}

#[tokio::test]
async fn it_answers_as_nomad_with_dtle_4_did() {
    tell(Plugin::V4, "nomad-1.1.2-dtle-4.23.04").await;
}

#[tokio::test]
async fn with_acls_it_answers_as_nomad_did() {
    let sim = NomadSim::start(Options {
        acl_token: Some("22222222-2222-2222-2222-222222222222".to_owned()),
        ..Options::default()
    })
    .await
    .expect("a server");
    replay(&sim, "nomad-1.1.2-acl", &[]).await;
    let known = [("X-Nomad-Token", "22222222-2222-2222-2222-222222222222")];
    let reply = send(&sim.url(), "GET", "/v1/jobs", &known, None)
        .await
        .expect("an answer");
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn without_a_leader_it_answers_as_nomad_did() {
    let sim = NomadSim::start(Options {
        node_name: "nl1".to_owned(),
        ..Options::default()
    })
    .await
    .expect("a server");
    sim.faults().set_no_leader(true);
    // That server was one of three: its tags and settings say so.
    replay(&sim, "nomad-1.1.2-no-leader", &[5, 8]).await;
    let stale = send(&sim.url(), "GET", "/v1/jobs?stale", &[], None)
        .await
        .expect("an answer");
    assert_eq!(stale.header("x-nomad-index"), Some("0"));
}

/// Exchanges that need no story; of those in `only_form` the JSON is not held.
async fn replay(sim: &NomadSim, set: &str, only_form: &[u32]) {
    let mut report = Vec::new();
    for path in recordings(set) {
        let mut recording = load(&path);
        let request = recording["request"].clone();
        let headers: Vec<(&str, &str)> = request["headers"]
            .as_object()
            .map(|map| {
                map.iter()
                    .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
                    .collect()
            })
            .unwrap_or_default();
        let body = request
            .get("json")
            .filter(|body| !body.is_null())
            .map(ToString::to_string);
        let reply = send(
            &sim.url(),
            request["method"].as_str().expect("a method"),
            request["path"].as_str().expect("a path"),
            &headers,
            body.as_deref(),
        )
        .await
        .expect("an answer");
        if only_form.contains(&number(&path)) {
            recording["response"]["json"] = reply.json();
        }
        let mut faults = Vec::new();
        hold(&recording, &reply, false, &mut faults);
        report.extend(
            faults
                .into_iter()
                .map(|fault| format!("{}: {fault}", path.display())),
        );
    }
    assert!(report.is_empty(), "{}", report.join("\n"));
}
