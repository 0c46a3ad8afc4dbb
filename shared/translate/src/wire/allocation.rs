//! Nomad's allocations, their tasks, and the events of tasks.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Job, nullable};

/// An allocation as lists show it: without its job.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AllocationStub {
    /// The allocation's ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// The evaluation that placed it.
    #[serde(rename = "EvalID")]
    pub eval_id: String,
    /// The ID of its job.
    #[serde(rename = "JobID")]
    pub job_id: String,
    /// The ID of the node that it runs on.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// Its namespace; a list of an older Nomad may lack it.
    pub namespace: String,
    /// The version of the job that it was made for.
    pub job_version: u64,
    /// The name of the job's group that it is an allocation of.
    pub task_group: String,
    /// `run`, `stop` or `evict`.
    pub desired_status: String,
    /// Why Nomad wants that.
    pub desired_description: String,
    /// `pending`, `running`, `complete`, `failed`, `lost`, `unknown`.
    pub client_status: String,
    /// Nomad's sentence about the client's status.
    pub client_description: String,
    /// The ID of an evaluation that will replace it later.
    #[serde(rename = "FollowupEvalID")]
    pub followup_eval_id: String,
    /// The state of each task; absent before the node has reported it.
    #[serde(deserialize_with = "nullable")]
    pub task_states: BTreeMap<String, TaskState>,
    /// Index of its creation.
    pub create_index: u64,
    /// Index of its last change.
    pub modify_index: u64,
    /// Unix nanoseconds of its creation.
    pub create_time: i64,
    /// Unix nanoseconds of its last change.
    pub modify_time: i64,
}

impl AllocationStub {
    /// Whether a task runs.
    #[must_use]
    pub fn runs(&self, task: &str) -> bool {
        self.client_status == "running"
            && self
                .task_states
                .get(task)
                .is_some_and(|state| state.state == "running")
    }
}

/// An allocation, whole, with the job it was made for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Allocation {
    /// The fields that a list shows too.
    pub stub: AllocationStub,
    /// The fields that a list leaves out.
    pub rest: AllocationRest,
}

/// The fields that only a whole allocation has.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AllocationRest {
    /// The job as it was when the allocation was made.
    pub job: Option<Job>,
    /// The allocation it replaced.
    pub previous_allocation: String,
    /// Index of the scheduler's last change.
    pub alloc_modify_index: u64,
    /// How it was placed.
    pub metrics: Option<Metrics>,
}

impl<'de> Deserialize<'de> for Allocation {
    /// Reads the same text twice, once for each part. `#[serde(flatten)]` would
    /// build the whole document in memory first, most of which nobody reads.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        Ok(Self {
            stub: serde_json::from_str(text).map_err(D::Error::custom)?,
            rest: serde_json::from_str(text).map_err(D::Error::custom)?,
        })
    }
}

/// How an allocation was placed, or why it was not.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Metrics {
    /// How many nodes the scheduler looked at.
    pub nodes_evaluated: u64,
    /// How many nodes did not qualify.
    pub nodes_filtered: u64,
    /// How many nodes had no room.
    pub nodes_exhausted: u64,
    /// Nodes per datacenter.
    #[serde(deserialize_with = "nullable")]
    pub nodes_available: Option<BTreeMap<String, u64>>,
    /// Nodes filtered, by class.
    #[serde(deserialize_with = "nullable")]
    pub class_filtered: Option<BTreeMap<String, u64>>,
    /// Nodes filtered, by constraint.
    #[serde(deserialize_with = "nullable")]
    pub constraint_filtered: Option<BTreeMap<String, u64>>,
    /// Nodes without room, by class.
    #[serde(deserialize_with = "nullable")]
    pub class_exhausted: Option<BTreeMap<String, u64>>,
    /// Nodes without room, by resource.
    #[serde(deserialize_with = "nullable")]
    pub dimension_exhausted: Option<BTreeMap<String, u64>>,
    /// Scores, by node.
    #[serde(deserialize_with = "nullable")]
    pub scores: Option<BTreeMap<String, f64>>,
    /// Nanoseconds the placement took.
    pub allocation_time: u64,
    /// Failures of the same kind that are not listed.
    pub coalesced_failures: u64,
}

/// The state of a task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskState {
    /// `pending`, `running` or `dead`.
    pub state: String,
    /// Whether it failed for good.
    pub failed: bool,
    /// How often it was started again.
    pub restarts: u64,
    /// When Nomad last decided to start it again, RFC 3339; `null` or year 1 when it
    /// never did.
    pub last_restart: Option<String>,
    /// RFC 3339; `null` or year 1 when it has not started.
    pub started_at: Option<String>,
    /// RFC 3339; `null` or year 1 when it has not finished.
    pub finished_at: Option<String>,
    /// The last ten things that happened to it, oldest first.
    #[serde(deserialize_with = "nullable")]
    pub events: Vec<Event>,
}

/// Something that happened to a task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Event {
    /// `Started`, `Terminated` and so on.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Unix nanoseconds.
    pub time: i64,
    /// Nomad's sentence about it.
    pub display_message: String,
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
    /// Nomad's message about it.
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
    /// Why its configuration was refused.
    pub validation_error: String,
}
