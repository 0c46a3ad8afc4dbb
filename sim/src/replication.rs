//! A replication as the plugin sees it: two sides under one job Name.
//!
//! Progress lives in Consul, under the job's **Name**, outlives the job, and a job made
//! anew under that Name goes on from it, whatever `Gtid` its Config asks for.

use serde_json::Value;

use crate::driver::{self, Side};
use crate::events;
use crate::json::{number, text};
use crate::objects::{JobKey, Task};
use crate::options::Plugin;
use crate::pair::{self, End, FILE, Progress};
use crate::state::State;
use crate::timers::{Action, TaskId};

impl State {
    /// Writes one of the keys of a job's Name in Consul.
    fn put(&mut self, name: &str, key: &str, value: &str) {
        let key = format!("dtle/{name}/{key}");
        self.consul.put(&key, value.as_bytes());
    }

    /// Reads one; `None` when there is no key.
    fn stored(&self, name: &str, key: &str) -> Option<String> {
        self.consul.text(&format!("dtle/{name}/{key}"))
    }

    /// A side has started; `connected` says whether it reached its database.
    pub(crate) fn join_pair(&mut self, name: &str, side: Side, task: &TaskId, connected: bool) {
        let config = self.task(task).and_then(|task| task.config.clone());
        let config = config.unwrap_or_default();
        let unknown = self.stored(name, "NatsAddr").is_none();
        let pair = self.pairs.entry(name.to_owned()).or_default();
        let task = task.clone();
        *pair.side(side) = Some(End { task, connected });
        match (side, self.plugin) {
            (Side::Src, plugin) => {
                pair.met = true;
                let buffer = config.get("ReplChanBufferSize").and_then(number);
                pair.buffer = buffer.unwrap_or(120);
                let buffer = pair.buffer.to_string();
                if plugin == Plugin::V4 {
                    let whole = pair::stored_config(&config).to_string();
                    self.put(name, "Config", &whole);
                    self.put(name, "NatsAddr", &self.agent.nats.clone());
                } else {
                    self.put(name, "ReplChanBufferSize", &buffer);
                    if unknown {
                        self.put(name, "NatsAddr", "wait");
                    }
                }
            }
            (Side::Dest, Plugin::V4) if !pair.met && unknown => {
                self.put(name, "NatsAddr", "waitdst");
            }
            (Side::Dest, _) => {}
        }
        self.meet(name);
    }

    /// When both sides are there, the Dest enters the full copy, and later,
    /// if both reach their databases, the increment.
    fn meet(&mut self, name: &str) {
        let Some(pair) = self.pairs.get(name).filter(|pair| pair.met) else {
            return;
        };
        let Some(dest) = pair.dest.clone().filter(|dest| dest.connected) else {
            return;
        };
        let both = pair.is_connected();
        let Some(task) = self.task_mut(&dest.task) else {
            return;
        };
        let restarts = task.restarts;
        if !std::mem::replace(&mut task.staged, true) {
            self.tell_task(&dest.task, events::driver("job_stage_full"));
            self.put(name, "NatsAddr", &self.agent.nats.clone());
            if self.plugin == Plugin::V4 {
                self.put(name, "DumpProgress", "[0,0]");
                self.put(name, "JobStage", "job_stage_full");
            }
        }
        if both {
            let action = Action::Incremental(dest.task, restarts);
            self.later(self.pace.stage, action);
        }
    }

    /// The full copy is over: from here on transactions flow.
    pub(crate) fn enter_incremental(&mut self, task: &TaskId, restarts: u64) {
        let runs = |task: &Task| task.state == "running" && task.restarts == restarts;
        let runs = self.task(task).is_some_and(runs);
        let alloc = self.allocs.get(&task.alloc);
        let Some(entry) = alloc.filter(|alloc| runs && alloc.desired == "run") else {
            return;
        };
        let name = text(&entry.job, "Name").to_owned();
        let base = self.beginning(&name, &entry.job_id);
        let pair = self.pairs.get_mut(&name);
        let Some(pair) = pair.filter(|pair| pair.is_connected() && !pair.is_flowing()) else {
            return;
        };
        pair.begin(base);
        self.tell_task(task, events::driver("job_stage_incr"));
        if self.plugin == Plugin::V4 {
            self.put(&name, "DumpProgress", "[3,3]");
            self.put(&name, "JobStage", "job_stage_incr");
        }
        self.report(&name);
    }

    /// Where a replication begins: what Consul has, else what Config asks for,
    /// else after a full copy.
    fn beginning(&self, name: &str, job: &JobKey) -> Progress {
        let stored = self.stored(name, "Gtid");
        if let Some(mut progress) = stored.and_then(|gtid| Progress::parse(&gtid)) {
            let position = self.stored(name, "BinlogFilePos").unwrap_or_default();
            let position = position.rsplit("//").next().and_then(|it| it.parse().ok());
            progress.position = position.unwrap_or(progress.position);
            return progress;
        }
        let job = self.jobs.get(job);
        let config = job.and_then(|job| driver::source_config(self.plugin, &job.doc));
        let config = config.unwrap_or(&Value::Null);
        Progress::parse(text(config, "Gtid")).unwrap_or_else(|| {
            let connection = ["ConnectionConfig", "SrcConnectionConfig", "SrcOracleConfig"]
                .iter()
                .find_map(|key| config.get(key));
            let connection = connection.unwrap_or(&Value::Null);
            let port = connection.get("Port").and_then(number);
            Progress::fresh(text(connection, "Host"), port.unwrap_or_default())
        })
    }

    /// A side has stopped, failed, or is being restarted.
    pub(crate) fn leave_pair(&mut self, name: &str, side: Option<Side>, alloc: &str) {
        self.report(name);
        let (Some(pair), Some(side)) = (self.pairs.get_mut(name), side) else {
            return;
        };
        // A replaced allocation may stop after its successor has started.
        let end = pair.side(side);
        if end.take_if(|end| end.task.alloc == alloc).is_some() && pair.is_flowing() {
            pair.end(&self.pace);
        }
    }

    /// A Src has failed for good while its Dest idles: an empty position is
    /// stored (recording 200: `failing-1`), unless there is a real one.
    pub(crate) fn source_lost(&mut self, name: &str) {
        let address = self.stored(name, "NatsAddr").unwrap_or_default();
        let staged = !(address.is_empty() || address.starts_with("wait"))
            && (self.plugin == Plugin::V3 || self.stored(name, "JobStage").is_some());
        if staged && self.stored(name, "Gtid").is_none() {
            self.put(name, "Gtid", "");
            self.put(name, "BinlogFilePos", "//dtle//0");
        }
    }

    /// Writes a replication's progress to Consul, if it has moved.
    fn report(&mut self, name: &str) {
        let pair = self.pairs.get(name).filter(|pair| pair.is_flowing());
        let Some(progress) = pair.map(|pair| pair.progress(&self.pace)) else {
            return;
        };
        self.put(name, "Gtid", &progress.gtid());
        let position = format!("{FILE}//dtle//{}", progress.position);
        self.put(name, "BinlogFilePos", &position);
    }

    /// Brings Consul up to date before somebody reads it: the jobs whose keys
    /// begin with the prefix, or hold it.
    pub(crate) fn report_below(&mut self, prefix: &str) {
        let rest = prefix.strip_prefix("dtle/");
        let names: Vec<String> = match rest.and_then(|rest| rest.split_once('/')) {
            Some((name, _)) => vec![name.to_owned()],
            None => {
                let below = |name: &&String| format!("dtle/{name}/").starts_with(prefix);
                self.pairs.keys().filter(below).cloned().collect()
            }
        };
        for name in names {
            self.report(&name);
        }
    }
}
