//! Nomad's jobs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{is_default, nullable};
use crate::config::TaskConfig;

/// A job as `GET /v1/jobs` lists it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct JobStub {
    /// The job's ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its name, which is what the dtle plugin keeps progress under.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Index of its last change by a register or deregister.
    pub job_modify_index: u64,
    /// Index of its last change of any kind.
    pub modify_index: u64,
    /// `pending`, `running` or `dead`.
    pub status: String,
    /// When this version of it was registered, in Unix nanoseconds.
    pub submit_time: i64,
    /// How many allocations of each group are in which state.
    pub job_summary: Option<JobSummary>,
}

/// What tells one version of a job from all others under its ID. The index alone does
/// only within one cluster: a cluster that was made anew counts from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobVersionKey {
    /// Index of its registration.
    pub job_modify_index: u64,
    /// When that was, in Unix nanoseconds.
    pub submit_time: i64,
}

impl JobStub {
    /// The version that is listed.
    #[must_use]
    pub fn version(&self) -> JobVersionKey {
        JobVersionKey {
            job_modify_index: self.job_modify_index,
            submit_time: self.submit_time,
        }
    }
}

/// How many allocations of each group are in which state.
#[derive(Clone, Debug, Default, Hash, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct JobSummary {
    /// By group.
    #[serde(deserialize_with = "nullable")]
    pub summary: BTreeMap<String, GroupSummary>,
    /// Index of the last change of a count.
    pub modify_index: u64,
}

/// Counts of a group's allocations. The stopped ones stay counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GroupSummary {
    /// Allocations that wait for a node.
    pub queued: u64,
    /// Allocations that ended without a failure.
    pub complete: u64,
    /// Allocations that failed.
    pub failed: u64,
    /// Allocations that run.
    pub running: u64,
    /// Allocations that were placed and do not run yet.
    pub starting: u64,
    /// Allocations on a node that is gone.
    pub lost: u64,
    /// Allocations on a node that is disconnected (from Nomad 1.3 on).
    pub unknown: u64,
}

/// A job with all fields that the translation reads. Written, it leaves out what reads
/// the same when it is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Job {
    /// The job's ID.
    #[serde(rename = "ID", skip_serializing_if = "is_default")]
    pub id: String,
    /// Its name, which is what the dtle plugin keeps progress under.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// The region it was registered in.
    #[serde(skip_serializing_if = "is_default")]
    pub region: String,
    /// Where its tasks may run.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub datacenters: Vec<String>,
    /// Texts under free names, which Nomad returns unchanged.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub meta: BTreeMap<String, String>,
    /// `pending`, `running` or `dead`.
    #[serde(skip_serializing_if = "is_default")]
    pub status: String,
    /// Nomad's sentence about the status, mostly empty.
    #[serde(skip_serializing_if = "is_default")]
    pub status_description: String,
    /// Whether it was deregistered without purging.
    #[serde(skip_serializing_if = "is_default")]
    pub stop: bool,
    /// When this version of it was registered, in Unix nanoseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub submit_time: i64,
    /// Index of its creation.
    #[serde(skip_serializing_if = "is_default")]
    pub create_index: u64,
    /// Index of its last change of any kind.
    #[serde(skip_serializing_if = "is_default")]
    pub modify_index: u64,
    /// Index of its last change by a register or deregister.
    #[serde(skip_serializing_if = "is_default")]
    pub job_modify_index: u64,
    /// Constraints of all its groups.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub constraints: Vec<Constraint>,
    /// Its groups.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub task_groups: Vec<TaskGroup>,
}

/// A group of tasks that run on one node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskGroup {
    /// Its name.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// How many allocations there should be.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub count: u64,
    /// Constraints of its tasks.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub constraints: Vec<Constraint>,
    /// Preferences of its tasks.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub affinities: Vec<Constraint>,
    /// What happens to a task that failed.
    #[serde(skip_serializing_if = "is_default")]
    pub restart_policy: Option<RestartPolicy>,
    /// What happens to an allocation that failed.
    #[serde(skip_serializing_if = "is_default")]
    pub reschedule_policy: Option<ReschedulePolicy>,
    /// Its tasks.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub tasks: Vec<Task>,
}

/// What happens to a task that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestartPolicy {
    /// How often it is started again within the interval.
    #[serde(skip_serializing_if = "is_default")]
    pub attempts: i64,
    /// `fail`: then it has failed for good; `delay`: then it waits for the next
    /// interval.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: String,
}

/// What happens to an allocation that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReschedulePolicy {
    /// How many times it is replaced.
    #[serde(skip_serializing_if = "is_default")]
    pub attempts: i64,
    /// Whether it is replaced for ever.
    #[serde(skip_serializing_if = "is_default")]
    pub unlimited: bool,
}

/// A constraint, or an affinity, which reads alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Constraint {
    /// The property that is compared, such as `${node.unique.name}`.
    #[serde(rename = "LTarget", skip_serializing_if = "is_default")]
    pub left: String,
    /// The value that it is compared with.
    #[serde(rename = "RTarget", skip_serializing_if = "is_default")]
    pub right: String,
    /// The comparison, such as `=`.
    #[serde(rename = "Operand", skip_serializing_if = "is_default")]
    pub operand: String,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Task {
    /// Its name.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Its driver: `dtle` for those this API knows.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: String,
    /// The Config, which the driver receives.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub config: TaskConfig,
    /// Whether the group ends with it.
    #[serde(skip_serializing_if = "is_default")]
    pub leader: bool,
    /// Constraints of its own.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub constraints: Vec<Constraint>,
    /// Preferences of its own.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "is_default")]
    pub affinities: Vec<Constraint>,
}

impl Job {
    /// The version that this is.
    #[must_use]
    pub fn version(&self) -> JobVersionKey {
        JobVersionKey {
            job_modify_index: self.job_modify_index,
            submit_time: self.submit_time,
        }
    }

    /// Whether this is a dtle job: one whose every task has the driver `dtle`.
    /// Others belong to other tenants and do not exist for a caller.
    #[must_use]
    pub fn is_dtle(&self) -> bool {
        let mut tasks = self.task_groups.iter().flat_map(|group| &group.tasks);
        tasks.clone().next().is_some() && tasks.all(|task| task.driver == "dtle")
    }
}
