//! Answers to writes of jobs, and what a job was before them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{JobVersionKey, nullable};

/// The answer to a register.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Registered {
    /// Raft index of the write.
    pub index: u64,
    /// The index at which the job changed; not the job's own for an unchanged one.
    pub job_modify_index: u64,
}

/// The answer to a deregister.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Deregistered {
    /// Raft index of the write.
    pub index: u64,
}

/// `GET /v1/job/{id}/versions`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound = "T: Deserialize<'de>")]
pub struct Versions<T> {
    /// The versions that Nomad still keeps.
    #[serde(default = "Vec::new", deserialize_with = "nullable")]
    pub versions: Vec<T>,
}

/// As much of a version of a job as tells whose change it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct JobVersion {
    /// Its number. Nomad numbers the versions of a job one by one from 0 on.
    pub version: u64,
    /// When it was registered, in Unix nanoseconds.
    pub submit_time: i64,
    /// The index that the job was made at.
    pub create_index: u64,
    /// The index of this change.
    pub job_modify_index: u64,
    /// As of a job.
    #[serde(deserialize_with = "nullable")]
    pub meta: BTreeMap<String, String>,
}

impl JobVersion {
    /// What tells it from all other versions under the job's ID.
    #[must_use]
    pub fn key(&self) -> JobVersionKey {
        JobVersionKey {
            job_modify_index: self.job_modify_index,
            submit_time: self.submit_time,
        }
    }

    /// Puts its numbers into a job document, where Nomad has them.
    pub fn put_into(&self, document: &mut Map<String, Value>) {
        let numbers = [
            ("Version", Value::from(self.version)),
            ("SubmitTime", Value::from(self.submit_time)),
            ("CreateIndex", Value::from(self.create_index)),
            ("JobModifyIndex", Value::from(self.job_modify_index)),
        ];
        document.extend(numbers.map(|(name, number)| (name.to_owned(), number)));
    }
}

/// The answer to a validation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Validated {
    /// Whether the configuration of the drivers was looked at.
    pub driver_config_validated: bool,
    /// All faults as one text, empty when there are none.
    pub error: String,
    /// The faults, one each.
    #[serde(deserialize_with = "nullable")]
    pub validation_errors: Vec<String>,
}
