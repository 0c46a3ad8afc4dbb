//! The objects that the servers keep: jobs, allocations with their tasks, evaluations.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::json::{extend, text};

/// How many allocations of a group are in which state. `Complete`, `Failed`
/// and `Lost` only ever grow, as in Nomad.
#[derive(Debug, Default, Clone, Copy, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Counts {
    pub(crate) queued: i64,
    pub(crate) starting: i64,
    pub(crate) running: i64,
    pub(crate) complete: i64,
    pub(crate) failed: i64,
    pub(crate) lost: i64,
}

impl Counts {
    /// The count of a client status.
    pub(crate) fn of(&mut self, status: &str) -> &mut i64 {
        match status {
            "pending" => &mut self.starting,
            "running" => &mut self.running,
            "failed" => &mut self.failed,
            "lost" => &mut self.lost,
            _ => &mut self.complete,
        }
    }
}

/// What names a job: an ID means one in each namespace. Ordered by namespace,
/// then ID, so that one namespace's IDs with a common beginning stand together.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct JobKey(String);

impl JobKey {
    /// Neither part may hold a NUL: Nomad refuses IDs with one.
    pub(crate) fn new(namespace: &str, id: &str) -> Self {
        Self(format!("{namespace}\0{id}"))
    }

    /// The key of a job's document.
    pub(crate) fn of(doc: &Value) -> Self {
        Self::new(text(doc, "Namespace"), text(doc, "ID"))
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once('\0').unwrap_or_default()
    }

    pub(crate) fn namespace(&self) -> &str {
        self.parts().0
    }

    pub(crate) fn id(&self) -> &str {
        self.parts().1
    }
}

impl std::borrow::Borrow<str> for JobKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A registered job.
#[derive(Debug, Default)]
pub(crate) struct Job {
    /// The full form, bookkeeping fields included.
    pub(crate) doc: Arc<Value>,
    /// Earlier versions, the newest first.
    pub(crate) earlier: Vec<Arc<Value>>,
    pub(crate) version: u64,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
    pub(crate) job_modify_index: u64,
    pub(crate) status: &'static str,
    pub(crate) stopped: bool,
    pub(crate) summary: BTreeMap<String, Counts>,
    pub(crate) summary_index: u64,
    /// The encoded job and list stub, until something changes.
    pub(crate) body: Option<Bytes>,
    pub(crate) stub: Option<Bytes>,
}

/// What belongs to a job ID, oldest first. It outlives a purge of the job, as
/// in Nomad, and a job made anew under the ID finds it.
#[derive(Debug, Default)]
pub(crate) struct Links {
    pub(crate) allocs: Vec<String>,
    pub(crate) evals: Vec<String>,
}

/// A task of an allocation, as its client reports it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) driver: String,
    /// `pending`, `running` or `dead`.
    pub(crate) state: &'static str,
    pub(crate) failed: bool,
    pub(crate) restarts: u64,
    pub(crate) last_restart: Option<i64>,
    pub(crate) started: Option<i64>,
    pub(crate) finished: Option<i64>,
    pub(crate) events: VecDeque<Value>,
    /// When it was restarted, for the restart policy's interval.
    pub(crate) attempts: Vec<Instant>,
    /// Told the stage `full` since it started (Dest only).
    pub(crate) staged: bool,
    /// What the plugin got as Config: templates rendered.
    pub(crate) config: Option<Value>,
}

impl Task {
    /// Adds an event. Nomad keeps ten of them, and drops the oldest.
    pub(crate) fn tell(&mut self, event: Value) {
        while self.events.len() >= 10 {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

/// An allocation.
#[derive(Debug, Default)]
pub(crate) struct Alloc {
    pub(crate) id: String,
    pub(crate) eval: String,
    pub(crate) job_id: JobKey,
    /// The job as it was when this was placed or updated in place.
    pub(crate) job: Arc<Value>,
    pub(crate) version: u64,
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
    /// Moves with the servers' own changes only.
    pub(crate) alloc_modify_index: u64,
    pub(crate) create_time: i64,
    pub(crate) modify_time: i64,
    pub(crate) desired: &'static str,
    pub(crate) desired_description: &'static str,
    pub(crate) client: &'static str,
    pub(crate) client_description: &'static str,
    pub(crate) followup: String,
    pub(crate) previous: String,
    pub(crate) next: String,
    pub(crate) tracker: Vec<Value>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) stub: Option<Bytes>,
}

impl Alloc {
    /// Nomad's `TerminalStatus`: told to stop, or done by itself.
    pub(crate) fn terminal(&self) -> bool {
        self.desired == "stop" || matches!(self.client, "complete" | "failed" | "lost")
    }

    /// The CreateIndex of the job that this was made for.
    pub(crate) fn job_create_index(&self) -> Option<u64> {
        self.job.get("CreateIndex")?.as_u64()
    }
}

/// An evaluation. Its document has the fields that are not empty.
#[derive(Debug, Default, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Eval {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    #[serde(skip)]
    pub(crate) job_id: JobKey,
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    pub(crate) priority: i64,
    pub(crate) triggered_by: &'static str,
    pub(crate) status: &'static str,
    pub(crate) status_description: String,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
    pub(crate) create_time: i64,
    pub(crate) modify_time: i64,
    pub(crate) job_modify_index: u64,
    pub(crate) snapshot_index: u64,
    pub(crate) previous_eval: String,
    pub(crate) blocked_eval: String,
    pub(crate) queued_allocations: BTreeMap<String, i64>,
    #[serde(rename = "FailedTGAllocs")]
    pub(crate) failed: BTreeMap<String, Value>,
    /// As Go prints a time; empty for one that does not wait.
    pub(crate) wait_until: String,
    #[serde(rename = "NodeID")]
    pub(crate) node: String,
    pub(crate) node_modify_index: u64,
    pub(crate) escaped_computed_class: bool,
}

impl Eval {
    pub(crate) fn terminal(&self) -> bool {
        matches!(self.status, "complete" | "failed" | "canceled")
    }
}

impl Job {
    /// Copies the bookkeeping into the document and forgets the encodings.
    pub(crate) fn sync(&mut self) {
        let fields = json!({
            "Version": self.version,
            "CreateIndex": self.create_index,
            "ModifyIndex": self.modify_index,
            "JobModifyIndex": self.job_modify_index,
            "Status": self.status,
            "Stop": self.stopped,
        });
        extend(Arc::make_mut(&mut self.doc), fields);
        self.body = None;
        self.stub = None;
    }
}

/// A random ID in the form Nomad gives its objects.
pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
