//! Jobs, their tasks, and the reply to a write.

use serde::Serialize;

use crate::config::TaskConfig;

/// A job [011].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct Job {
    /// Always `null`.
    pub constraints: (),
    /// Index of its creation.
    pub create_index: u64,
    /// Where its tasks may run.
    pub datacenters: Vec<String>,
    /// Always false: it belongs to a write.
    pub enforce_index: bool,
    /// Whether a failed task moves to another node.
    pub failover: bool,
    /// Its ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Index of its last change by a client.
    pub job_modify_index: u64,
    /// Index of its last change.
    pub modify_index: u64,
    /// Its name, which need not be unique.
    pub name: String,
    /// `null`, or an empty array if one was sent.
    pub orders: Option<Vec<String>>,
    /// How far it is, where that was asked for. 2.x has no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Its region.
    pub region: String,
    /// `pending`, `running`, `pause`, `dead` or `complete`.
    pub status: String,
    /// Why, in words, when something went wrong.
    pub status_description: String,
    /// Its tasks, Src and Dest, in the order they were sent.
    pub tasks: Vec<Task>,
    /// Always `synchronous`.
    #[serde(rename = "Type")]
    pub kind: &'static str,
}

/// How far a job is, as the plugin stores it in Consul; empty and 0 where it stores
/// nothing. Plugins before 4.x store the GTIDs only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct Progress {
    /// The GTIDs that were applied.
    pub gtid: String,
    /// `job_stage_full` while rows are copied, then `job_stage_incr`.
    pub job_stage: String,
    /// How many rows were copied.
    pub rows_copied: u64,
    /// How many rows there were to copy, estimated when the copy began.
    pub rows_total: u64,
}

/// A task of a job [011].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct Task {
    /// What the driver is told.
    pub config: TaskConfig,
    /// Always `{}`.
    pub config_lock: Empty,
    /// Always `null`.
    pub constraints: (),
    /// `MySQL`, `Kafka` or `Oracle`.
    pub driver: &'static str,
    /// True on Dest.
    pub leader: bool,
    /// The node it must run on, empty for any.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// The name of the node it must run on, empty for any.
    pub node_name: String,
    /// `Src` or `Dest`.
    #[serde(rename = "Type")]
    pub kind: &'static str,
}

/// An object without fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Empty {}

/// A job in a list [005].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct JobStub {
    /// Index of its creation.
    pub create_index: u64,
    /// Its ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Index of its last change by a client.
    pub job_modify_index: u64,
    /// The whole job, its passwords masked.
    pub job_summary: Job,
    /// Index of its last change.
    pub modify_index: u64,
    /// Its name.
    pub name: String,
    /// As the job's.
    pub status: String,
    /// As the job's.
    pub status_description: String,
    /// Always `synchronous`.
    #[serde(rename = "Type")]
    pub kind: &'static str,
}

/// The reply to a write of a job [002, 065].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct WriteReply {
    /// Raft index of the write, 0 when nothing was written.
    pub index: u64,
    /// Always false.
    pub known_leader: bool,
    /// Always 0.
    pub last_contact: u64,
    /// Whether something was written.
    pub success: bool,
}

impl WriteReply {
    /// The write was made, at that Raft index.
    #[must_use]
    pub fn written(index: u64) -> Self {
        Self {
            index,
            known_leader: false,
            last_contact: 0,
            success: true,
        }
    }

    /// There was nothing to write: a paused job was to be paused [060].
    #[must_use]
    pub fn unchanged() -> Self {
        Self {
            index: 0,
            success: false,
            ..Self::written(0)
        }
    }
}
