//! Nomad's evaluations.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Metrics, nullable};

/// An evaluation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Evaluation {
    /// The evaluation's ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// The ID of its job.
    #[serde(rename = "JobID")]
    pub job_id: String,
    /// The ID of the node because of which it was made.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// Its namespace.
    pub namespace: String,
    /// What it was made for: `job-register` and so on.
    pub triggered_by: String,
    /// `pending`, `complete`, `blocked`, `failed`, `canceled`.
    pub status: String,
    /// Nomad's sentence about the status.
    pub status_description: String,
    /// When the scheduler will run it, RFC 3339.
    pub wait_until: Option<String>,
    /// How long it waits, in nanoseconds.
    pub wait: i64,
    /// The ID of the evaluation that follows it.
    pub next_eval: String,
    /// The ID of the evaluation that it follows.
    pub previous_eval: String,
    /// The ID of the evaluation that waits for room on a node.
    pub blocked_eval: String,
    /// Whether constraints are not covered by node classes.
    pub escaped_computed_class: bool,
    /// Which node classes qualify.
    #[serde(deserialize_with = "nullable")]
    pub class_eligibility: Option<BTreeMap<String, bool>>,
    /// Why groups could not be placed.
    #[serde(rename = "FailedTGAllocs", deserialize_with = "nullable")]
    pub failed_tg_allocs: Option<BTreeMap<String, Metrics>>,
    /// Allocations waiting for a node, by group.
    #[serde(deserialize_with = "nullable")]
    pub queued_allocations: Option<BTreeMap<String, i64>>,
    /// Whether it only made a plan.
    pub annotate_plan: bool,
    /// Index of the job it saw.
    pub job_modify_index: u64,
    /// Index of the node it saw.
    pub node_modify_index: u64,
    /// Index of the state it saw.
    pub snapshot_index: u64,
    /// Index of its creation.
    pub create_index: u64,
    /// Index of its last change.
    pub modify_index: u64,
}
