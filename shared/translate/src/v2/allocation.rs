//! Allocations: a task of a job, placed on a node.

use std::collections::BTreeMap;

use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use super::Job;

/// An allocation in a list [014].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct AllocationStub {
    /// Always empty.
    pub client_description: String,
    /// `pending`, `running`, `complete`, `failed`, `lost`.
    pub client_status: String,
    /// Index of its creation.
    pub create_index: u64,
    /// Unix nanoseconds.
    pub create_time: i64,
    /// Why the task failed, else empty.
    pub desired_description: String,
    /// `run`, `stop`, `evict`, `pause`.
    pub desired_status: String,
    /// The evaluation that placed it.
    #[serde(rename = "EvalID")]
    pub eval_id: String,
    /// Its ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its job.
    #[serde(rename = "JobID")]
    pub job_id: String,
    /// Index of its last change.
    pub modify_index: u64,
    /// `<name of the job>.<type of the task>`.
    pub name: String,
    /// The node it runs on.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// `Src` or `Dest`.
    pub task: String,
    /// By type of the task; `null` until the node has reported.
    pub task_states: Option<BTreeMap<String, TaskState>>,
}

/// An allocation, whole [028]: what a list shows of it, and four fields more.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "openapi", schemars(rename_all = "PascalCase"))]
pub struct Allocation {
    /// What a list shows.
    #[cfg_attr(feature = "openapi", schemars(flatten))]
    pub stub: AllocationStub,
    /// Index of the scheduler's last change.
    pub alloc_modify_index: u64,
    /// The job it was made for, as it was then.
    pub job: Job,
    /// How it was placed.
    pub metrics: Metrics,
    /// The allocation it replaced, else empty.
    pub previous_allocation: String,
}

impl Serialize for Allocation {
    /// All fields on one level, sorted by name as everywhere in 2.x's answers.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Flat<'a> {
            #[serde(flatten)]
            stub: &'a AllocationStub,
            alloc_modify_index: u64,
            job: &'a Job,
            metrics: &'a Metrics,
            previous_allocation: &'a str,
        }
        // A JSON object sorts its fields.
        serde_json::to_value(Flat {
            stub: &self.stub,
            alloc_modify_index: self.alloc_modify_index,
            job: &self.job,
            metrics: &self.metrics,
            previous_allocation: &self.previous_allocation,
        })
        .map_err(S::Error::custom)?
        .serialize(serializer)
    }
}

/// How an allocation was placed [028].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct Metrics {
    /// Nanoseconds the placement took.
    pub allocation_time: u64,
    /// Nodes without room, by class.
    pub class_exhausted: Option<BTreeMap<String, u64>>,
    /// Nodes filtered, by class.
    pub class_filtered: Option<BTreeMap<String, u64>>,
    /// Failures of the same kind that are not listed.
    pub coalesced_failures: u64,
    /// Nodes filtered, by constraint.
    pub constraint_filtered: Option<BTreeMap<String, u64>>,
    /// Nodes without room, by resource.
    pub dimension_exhausted: Option<BTreeMap<String, u64>>,
    /// Nodes per datacenter.
    pub nodes_available: Option<BTreeMap<String, u64>>,
    /// Nodes looked at.
    pub nodes_evaluated: u64,
    /// Nodes without room.
    pub nodes_exhausted: u64,
    /// Nodes that did not qualify.
    pub nodes_filtered: u64,
    /// Scores, by node.
    pub scores: Option<BTreeMap<String, f64>>,
}

/// The state of a task [014, 058].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct TaskState {
    /// What happened to it, oldest first.
    pub events: Vec<Event>,
    /// Whether it failed.
    pub failed: bool,
    /// RFC 3339 in UTC, `null` when it has not finished.
    pub finished_at: Option<String>,
    /// RFC 3339 in UTC, `null` when it has not started.
    pub started_at: Option<String>,
    /// `pending`, `running`, `dead`, `stop`.
    pub state: String,
}

/// Something that happened to a task [014].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// MB.
    pub disk_limit: i64,
    /// What the driver could not do.
    pub driver_error: String,
    /// What the driver says.
    pub driver_message: String,
    /// The task's exit code.
    pub exit_code: i64,
    /// The task because of which this one failed.
    pub failed_sibling: String,
    /// Whether the task failed with it.
    pub fails_task: bool,
    /// Why killing failed.
    pub kill_error: String,
    /// Why it was killed.
    pub kill_reason: String,
    /// Nanoseconds.
    pub kill_timeout: i64,
    /// Words to it.
    pub message: String,
    /// Why it was restarted, or not.
    pub restart_reason: String,
    /// Why it could not be set up.
    pub setup_error: String,
    /// Nanoseconds until it starts.
    pub start_delay: i64,
    /// The signal it was sent.
    pub task_signal: String,
    /// Why it was sent.
    pub task_signal_reason: String,
    /// RFC 3339 in UTC.
    pub time: String,
    /// `Received`, `Started` and so on.
    #[serde(rename = "Type")]
    pub kind: String,
}
