//! Moving jobs from a running dtle 2.x cluster.
//!
//! One job at a time, and at no moment without a way back: the job is paused on
//! the old side, read with its passwords and its last Gtid, made on the new side
//! from there, and watched until both of its tasks run. Whatever fails before
//! that is undone: the new job is removed, the old one resumed. A job that is on
//! the new side already is left alone, so the command can be run again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dtle_outbound::{HeaderValue, Method, Profile, StatusCode, Trust, Url};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

/// How long the old side may take to stop a job's tasks.
const STOPPING: Duration = Duration::from_secs(60);
/// How long a side may take to accept a connection, and to answer.
const CONNECT: Duration = Duration::from_secs(10);
const CALL: Duration = Duration::from_secs(40);
/// The largest answer read, in bytes.
const LARGEST_ANSWER: usize = 64 << 20;
/// Between two looks at either side.
const LOOK: Duration = Duration::from_millis(1_000);
/// Looks in a row at which both tasks have to be running.
const STEADY: u32 = 4;

/// What to move, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The 2.x cluster.
    pub from: Url,
    /// The gateway in front of the new one.
    pub to: Url,
    /// Only these IDs; all when empty.
    pub only: Vec<String>,
    /// Say what would be done and do nothing.
    pub dry_run: bool,
    /// Remove progress that is stored under a job's ID on the new side.
    pub forget: bool,
    /// How long a job may take to run on the new side.
    pub patience: Duration,
}

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It runs (or, if it was paused, waits) on the new side.
    Moved(String),
    /// It would be moved.
    Planned(String),
    /// It was left alone.
    Skipped(String),
    /// It could not be moved; the text says how the old side was left.
    Failed(String),
}

/// A request that failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Nobody answered.
    #[error("{method} {url}: {cause}")]
    Unreachable {
        /// The method.
        method: Method,
        /// The URL, without credentials.
        url: String,
        /// What went wrong.
        cause: String,
    },
    /// The answer was a refusal.
    #[error("{method} {url}: {status}: {text}")]
    Refused {
        /// The method.
        method: Method,
        /// The URL, without credentials.
        url: String,
        /// The status.
        status: StatusCode,
        /// The answer's text.
        text: String,
    },
}

impl MigrateError {
    /// Whether a change that was asked for was certainly not made. Everything
    /// else, a lost answer above all, leaves that open.
    fn says_not_made(&self) -> bool {
        match self {
            Self::Unreachable { .. } => false,
            Self::Refused { status, text, .. } => {
                status.is_client_error()
                    || text.starts_with("Enforcing job modify index")
                    || matches!(text.as_str(), "Nomad is unreachable" | "No cluster leader")
            }
        }
    }
}

/// One of the two sides.
struct Api {
    http: dtle_outbound::Client,
    base: Url,
}

/// The two sides and what is known of the new one.
pub struct Migration {
    plan: Plan,
    old: Api,
    new: Api,
    nodes: BTreeSet<String>,
}

impl Migration {
    /// Looks at both sides.
    ///
    /// # Errors
    /// When one of them does not answer.
    pub async fn begin(plan: Plan) -> Result<(Self, Vec<String>), MigrateError> {
        let old = Api::new(&plan.from)?;
        let new = Api::new(&plan.to)?;
        let nodes = new.get("v1/nodes").await?;
        let nodes = items(&nodes)
            .iter()
            .filter_map(|node| text(node, "Name"))
            .collect();
        let mut ids: Vec<String> = items(&old.get("v1/jobs").await?)
            .iter()
            .filter_map(|job| text(job, "ID"))
            .collect();
        if !plan.only.is_empty() {
            ids.retain(|id| plan.only.contains(id));
            // Asked for and not there is worth a line of its own.
            ids.extend(
                plan.only
                    .iter()
                    .filter(|id| !ids.contains(id))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
        }
        let migration = Self {
            plan,
            old,
            new,
            nodes,
        };
        Ok((migration, ids))
    }

    /// Moves one job.
    pub async fn job(&self, id: &str) -> Outcome {
        match self.try_job(id).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Failed(format!("{error}; nothing was changed")),
        }
    }

    /// Errors of this function leave the old side untouched.
    async fn try_job(&self, id: &str) -> Result<Outcome, MigrateError> {
        let path = job_path(id);
        let Some(before) = self.old.find(&path).await? else {
            return Ok(Outcome::Skipped("not on the old side".to_owned()));
        };
        if self.new.find(&path).await?.is_some() {
            return Ok(Outcome::Skipped("already on the new side".to_owned()));
        }
        let status = text(&before, "Status").unwrap_or_default();
        let paused = status == "pause";
        if !matches!(status.as_str(), "running" | "pause" | "pending") {
            return Ok(Outcome::Skipped(format!("it is {status} on the old side")));
        }
        let (job, notes) = self.translated(&before);
        if self.plan.dry_run {
            let fault = self.fault(&job).await?;
            return Ok(match fault {
                Some(fault) => Outcome::Skipped(fault),
                None => Outcome::Planned(describe(&before, &notes)),
            });
        }
        if !paused {
            let pause = format!("{path}/pause");
            if let Err(error) = self.old.send(Method::POST, &pause, None).await {
                if error.says_not_made() {
                    return Err(error);
                }
                // It may be paused all the same.
                let reason = error.to_string();
                return Ok(Outcome::Failed(
                    self.undo(&path, paused, false, reason).await,
                ));
            }
        }
        let mut created = false;
        match self.carry_over(&path, paused, &mut created).await {
            Ok(gtid) => Ok(Outcome::Moved(describe_moved(&gtid, paused, &notes))),
            Err(reason) => Ok(Outcome::Failed(
                self.undo(&path, paused, created, reason).await,
            )),
        }
    }

    /// From the pause on the old side to both tasks running on the new one. An
    /// error is a reason to undo; `created` says whether there may be a new job.
    async fn carry_over(
        &self,
        path: &str,
        paused: bool,
        created: &mut bool,
    ) -> Result<String, String> {
        let said = |error: MigrateError| error.to_string();
        let last = self.stopped(path).await?;
        let (job, _) = self.translated(&last);
        let gtid = gtid_of(&last);
        if self.plan.forget {
            let forget = format!("{path}?forget=true");
            self.new
                .send(Method::DELETE, &forget, None)
                .await
                .map_err(said)?;
        }
        match self
            .new
            .send(Method::POST, "v1/jobs?fresh=true", Some(&job))
            .await
        {
            Ok(_) => *created = true,
            // The new side does not know Consul, so it cannot tell.
            Err(MigrateError::Refused { text, .. }) if text.contains("CONSUL_HTTP_ADDR") => {
                return Err(format!(
                    "{text}; without it stored progress could override the Gtid unnoticed"
                ));
            }
            Err(error) => {
                // A job that may be there must not run beside the old one.
                *created = !error.says_not_made();
                return Err(said(error));
            }
        }
        self.runs(path).await?;
        if paused {
            self.new
                .send(Method::POST, &format!("{path}/pause"), None)
                .await
                .map_err(said)?;
        }
        Ok(gtid)
    }

    /// The old job once both of its tasks have stopped and its Gtid stands still.
    async fn stopped(&self, path: &str) -> Result<Value, String> {
        let until = Instant::now() + STOPPING;
        let mut seen: Option<String> = None;
        loop {
            let job = self
                .old
                .get(path)
                .await
                .map_err(|error| error.to_string())?;
            let allocations = self.old.get(&format!("{path}/allocations")).await;
            let allocations = allocations.map_err(|error| error.to_string())?;
            let busy = items(&allocations).iter().any(|allocation| {
                states(allocation).any(|state| matches!(state, "running" | "pending"))
            });
            let gtid = gtid_of(&job);
            if !busy && seen.as_ref() == Some(&gtid) {
                return Ok(job);
            }
            seen = (!busy).then_some(gtid);
            if Instant::now() > until {
                return Err("its tasks did not stop on the old side".to_owned());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What would keep a job from being made on the new side, as far as that can
    /// be told beforehand.
    async fn fault(&self, job: &Value) -> Result<Option<String>, MigrateError> {
        let path = if self.plan.forget {
            "v1/validate/job"
        } else {
            "v1/validate/job?fresh=true"
        };
        let report = self.new.send(Method::POST, path, Some(job)).await?;
        Ok(text(&report, "Error").filter(|error| !error.is_empty()))
    }

    /// Waits until both tasks have been running for a while on the new side.
    async fn runs(&self, path: &str) -> Result<(), String> {
        let until = Instant::now() + self.plan.patience;
        let mut steady = 0;
        loop {
            let job = self
                .new
                .get(path)
                .await
                .map_err(|error| error.to_string())?;
            let status = text(&job, "Status").unwrap_or_default();
            let why = text(&job, "StatusDescription").unwrap_or_default();
            if status == "dead" {
                return Err(format!("it failed on the new side: {why}"));
            }
            let allocations = self.new.get(&format!("{path}/allocations")).await;
            let allocations = allocations.map_err(|error| error.to_string())?;
            let running = items(&allocations)
                .iter()
                .flat_map(states)
                .filter(|state| *state == "running")
                .count();
            steady = if status == "running" && running >= 2 {
                steady + 1
            } else {
                0
            };
            if steady == STEADY {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("it does not run on the new side: {status} {why}"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Removes the new job and lets the old one go on. Says how that went.
    async fn undo(&self, path: &str, paused: bool, created: bool, reason: String) -> String {
        if created && let Err(error) = self.remove(path).await {
            return format!(
                "{reason}; the new job could not be removed ({error}), so the old one was left paused"
            );
        }
        if paused {
            return format!("{reason}; still paused on the old side");
        }
        match self
            .old
            .send(Method::POST, &format!("{path}/resume"), None)
            .await
        {
            Ok(_) => format!("{reason}; resumed on the old side"),
            Err(error) => format!("{reason}; NOT resumed on the old side: {error}"),
        }
    }

    /// Removes a job that was made here, its progress too: the next attempt would
    /// go on from it.
    async fn remove(&self, path: &str) -> Result<(), MigrateError> {
        let forget = format!("{path}?forget=true");
        if self.new.send(Method::DELETE, &forget, None).await.is_err() {
            self.new.send(Method::DELETE, path, None).await?;
        }
        Ok(())
    }

    /// The job for the new side, and what the operator should know about it.
    fn translated(&self, job: &Value) -> (Value, Vec<String>) {
        let mut notes = Vec::new();
        let mut tasks = Vec::new();
        for task in job.get("Tasks").map(items).unwrap_or_default() {
            let side = text(task, "Type").unwrap_or_default();
            let config = task.get("Config").and_then(Value::as_object);
            let config = config_of(&side, config.cloned().unwrap_or_default());
            let driver = text(task, "Driver").unwrap_or_default();
            let mut node = String::new();
            if text(task, "NodeID").is_some_and(|id| !id.is_empty()) {
                notes.push(format!(
                    "{side} was bound to a node by its ID, which the new side does not have"
                ));
            }
            if let Some(name) = text(task, "NodeName").filter(|name| !name.is_empty()) {
                if self.nodes.contains(&name) {
                    node = name;
                } else {
                    notes.push(format!(
                        "{side} was bound to the node {name}, which the new side does not have"
                    ));
                }
            }
            tasks.push(json!({
                "Type": side, "Driver": driver, "NodeName": node, "Config": config
            }));
        }
        let of = |key: &str| job.get(key).cloned().unwrap_or(Value::Null);
        let moved = json!({
            "ID": of("ID"), "Name": of("Name"), "Datacenters": of("Datacenters"),
            "Failover": of("Failover"), "Tasks": tasks,
            // Only if it is new: never somebody else's job of that ID.
            "EnforceIndex": true, "JobModifyIndex": 0
        });
        (moved, notes)
    }
}

/// A Config without what the old side's servers had put there.
fn config_of(side: &str, mut config: Map<String, Value>) -> Map<String, Value> {
    config.remove("NatsAddr");
    if config.get("TrafficAgainstLimits") == Some(&json!(0)) {
        config.remove("TrafficAgainstLimits");
    }
    let has_gtid = config
        .get("Gtid")
        .and_then(Value::as_str)
        .is_some_and(|gtid| !gtid.is_empty());
    if side == "Dest" {
        config.remove("Gtid");
    }
    // With a Gtid the position says nothing more; without one it is all there is.
    if side == "Dest" || has_gtid {
        config.remove("BinlogFile");
        config.remove("BinlogPos");
    }
    config
}

fn gtid_of(job: &Value) -> String {
    let tasks = job.get("Tasks").map(items).unwrap_or_default();
    let src = tasks
        .iter()
        .find(|task| text(task, "Type").as_deref() == Some("Src"));
    src.and_then(|task| task.get("Config"))
        .and_then(|config| text(config, "Gtid"))
        .unwrap_or_default()
}

fn describe(job: &Value, notes: &[String]) -> String {
    let gtid = gtid_of(job);
    let gtid = if gtid.is_empty() {
        "from the beginning"
    } else {
        &gtid
    };
    let status = text(job, "Status").unwrap_or_default();
    with_notes(format!("{status}, {gtid}"), notes)
}

fn describe_moved(gtid: &str, paused: bool, notes: &[String]) -> String {
    let from = if gtid.is_empty() {
        "from the beginning".to_owned()
    } else {
        format!("on from {gtid}")
    };
    let state = if paused {
        "paused as before"
    } else {
        "running"
    };
    with_notes(format!("{state}, {from}; paused on the old side"), notes)
}

fn with_notes(line: String, notes: &[String]) -> String {
    std::iter::once(line)
        .chain(notes.iter().cloned())
        .collect::<Vec<_>>()
        .join("; ")
}

fn job_path(id: &str) -> String {
    format!("v1/job/{}", utf8_percent_encode(id, NON_ALPHANUMERIC))
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn states(allocation: &Value) -> impl Iterator<Item = &str> {
    let states = allocation.get("TaskStates").and_then(Value::as_object);
    states
        .into_iter()
        .flat_map(Map::values)
        .filter_map(|state| state.get("State").and_then(Value::as_str))
}

impl Api {
    fn new(base: &Url) -> Result<Self, MigrateError> {
        let http = dtle_outbound::Client::new(&Profile {
            connect: CONNECT,
            total: CALL,
            idle: 2,
            idle_for: CALL,
            largest: LARGEST_ANSWER,
            trust: match base.scheme() {
                "https" => Trust::System,
                _ => Trust::Nobody,
            },
            identity: None,
        });
        let http = http.map_err(|error| MigrateError::Unreachable {
            method: Method::GET,
            url: shown(base),
            cause: error.to_string(),
        })?;
        Ok(Self {
            http,
            base: base.clone(),
        })
    }

    async fn get(&self, path: &str) -> Result<Value, MigrateError> {
        self.send(Method::GET, path, None).await
    }

    /// What is there; `None` for a 404.
    async fn find(&self, path: &str) -> Result<Option<Value>, MigrateError> {
        match self.get(path).await {
            Ok(value) => Ok(Some(value)),
            Err(MigrateError::Refused {
                status: StatusCode::NOT_FOUND,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, MigrateError> {
        let unreachable = |cause: String| MigrateError::Unreachable {
            method: method.clone(),
            url: shown(&self.base),
            cause,
        };
        let url = self
            .base
            .join(path)
            .map_err(|error| unreachable(error.to_string()))?;
        let request = self.http.request(method.clone(), url.as_str());
        let mut request = request.map_err(|fault| unreachable(fault.to_string()))?;
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert("Content-Type", json);
            *request.body_mut() = Some(body.to_string().into());
        }
        let answer = self.http.send(request).await;
        let answer = answer.map_err(|fault| unreachable(fault.to_string()))?;
        let (status, text) = (answer.status, String::from_utf8_lossy(&answer.body));
        if !status.is_success() {
            return Err(MigrateError::Refused {
                method,
                url: shown(&url),
                status,
                text: text.trim().chars().take(300).collect(),
            });
        }
        // An empty 200 is as good as null.
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_freed_of_what_the_old_servers_put_there() {
        let config = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let src = config_of(
            "Src",
            config(
                r#"{"Gtid":"a:1-5","NatsAddr":"x:1","BinlogFile":"f","BinlogPos":4,"TrafficAgainstLimits":0,"ChunkSize":"1"}"#,
            ),
        );
        assert_eq!(
            Value::Object(src),
            json!({"Gtid": "a:1-5", "ChunkSize": "1"})
        );
        let without_gtid = config_of(
            "Src",
            config(r#"{"Gtid":"","BinlogFile":"f","BinlogPos":4}"#),
        );
        assert_eq!(
            Value::Object(without_gtid),
            json!({"Gtid": "", "BinlogFile": "f", "BinlogPos": 4})
        );
        let dest = config_of(
            "Dest",
            config(r#"{"Gtid":"a:1-5","BinlogFile":"f","ParallelWorkers":2}"#),
        );
        assert_eq!(Value::Object(dest), json!({"ParallelWorkers": 2}));
    }

    #[test]
    fn credentials_of_a_url_are_not_shown() {
        let url = Url::parse("https://user:hush@host/v1").unwrap();
        assert_eq!(shown(&url), "https://host/v1");
    }
}
