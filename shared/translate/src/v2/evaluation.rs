//! Evaluations: the scheduler looking at a job.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Metrics;

/// An evaluation [017, 088].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct Evaluation {
    /// Whether it only made a plan.
    pub annotate_plan: bool,
    /// The one that waits for room.
    pub blocked_eval: String,
    /// Which node classes qualify.
    pub class_eligibility: Option<BTreeMap<String, bool>>,
    /// Index of its creation.
    pub create_index: u64,
    /// Whether constraints are not covered by node classes.
    pub escaped_computed_class: bool,
    /// Why tasks could not be placed, by type.
    #[serde(rename = "FailedTGAllocs")]
    pub failed_tg_allocs: Option<BTreeMap<String, Metrics>>,
    /// Its ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its job.
    #[serde(rename = "JobID")]
    pub job_id: String,
    /// Index of the job it saw.
    pub job_modify_index: u64,
    /// Index of its last change.
    pub modify_index: u64,
    /// The one after it.
    pub next_eval: String,
    /// The node because of which it was made.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// Index of the node it saw.
    pub node_modify_index: u64,
    /// The one before it.
    pub previous_eval: String,
    /// Tasks waiting for a node, by type.
    pub queued_allocations: Option<BTreeMap<String, i64>>,
    /// Index of the state it saw.
    pub snapshot_index: u64,
    /// `pending`, `complete`, `blocked`, `failed`, `canceled`.
    pub status: String,
    /// Words to it.
    pub status_description: String,
    /// `job-register` and so on.
    pub triggered_by: String,
    /// Always `synchronous`.
    #[serde(rename = "Type")]
    pub kind: &'static str,
    /// Nanoseconds it waits.
    pub wait: i64,
}

/// The answer to an evaluation of a node [038].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct NodeEvaluation {
    /// Index of the evaluations.
    pub eval_create_index: u64,
    /// The evaluations made.
    #[serde(rename = "EvalIDs")]
    pub eval_ids: Option<Vec<String>>,
    /// Nanoseconds.
    #[serde(rename = "HeartbeatTTL")]
    pub heartbeat_ttl: i64,
    /// Raft index of the write.
    pub index: u64,
    /// Always false.
    pub known_leader: bool,
    /// Always 0.
    pub last_contact: u64,
    /// `ip:port`.
    #[serde(rename = "LeaderRPCAddr")]
    pub leader_rpc_addr: String,
    /// Index of the node.
    pub node_modify_index: u64,
    /// Nodes in the cluster.
    pub num_nodes: u64,
    /// Servers of the cluster.
    pub servers: Option<Vec<ServerInfo>>,
}

/// A server that a node may talk to [038].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct ServerInfo {
    /// Its datacenter.
    pub datacenter: String,
    /// `ip:port`.
    #[serde(rename = "RPCAdvertiseAddr")]
    pub rpc_advertise_addr: String,
    /// Version of its RPC protocol.
    #[serde(rename = "RPCMajorVersion")]
    pub rpc_major_version: i64,
    /// Version of its RPC protocol.
    #[serde(rename = "RPCMinorVersion")]
    pub rpc_minor_version: i64,
}
