//! The record that this API writes into a Nomad job's Meta: what a 2.x job says and
//! a Nomad job has no field for.
//!
//! The record is one JSON text under one Meta key. Nomad leaves Meta values as they
//! are, template characters included, so the text comes back unchanged. A job that
//! somebody else registered has no record. A record that is absent or damaged reads
//! as an empty one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Driver, Side};

/// The Meta key.
const KEY: &str = "dtle2";

/// What the record says of a job.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MetaRecord {
    /// The 2.x Name. Nomad's Name is the ID: the plugin keeps a job's progress
    /// under it, and 2.x Names may repeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The 2.x Failover.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failover: bool,
    /// Whether an empty Orders was sent, which 2.x gives back as `[]`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub orders: bool,
    /// What the record says of each task, by its side.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<Side, TaskRecord>,
    /// The write that made this version of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// Changed to start a dead job again: Nomad restarts tasks whose Meta changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
}

/// A write through this API. Nomad before 2.0.1 can accept two writes of the same
/// version; the marks of the two then tell which of them stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mark {
    /// The JobModifyIndex of the version that was changed, 0 for a new job.
    pub base: u64,
    /// A name that no other write has. It identifies a write whose answer was lost,
    /// and tells it from a version that others registered with a copied Meta.
    pub name: String,
}

/// What the record says of a task.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskRecord {
    /// The 2.x NodeID.
    #[serde(rename = "NodeID", skip_serializing_if = "String::is_empty")]
    pub node_id: String,
    /// The 2.x NodeName.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_name: String,
    /// The 2.x Driver.
    pub driver: Driver,
    /// Config values that the plugin refuses or Nomad would change: JSON
    /// pointers and values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<(String, Value)>,
    /// Keys that the merged layout holds in Src's Config and that Dest sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<String>,
}

impl std::fmt::Debug for MetaRecord {
    /// Leaves out the Config values of the record, which can be passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetaRecord")
            .field("name", &self.name)
            .field("mark", &self.mark)
            .finish_non_exhaustive()
    }
}

impl MetaRecord {
    /// What a job's Meta holds.
    #[must_use]
    pub fn of_meta(meta: &BTreeMap<String, String>) -> Self {
        meta.get(KEY)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// The text that the Meta of a job document holds.
    #[must_use]
    pub fn text(document: &Map<String, Value>) -> Option<&str> {
        document.get("Meta")?.get(KEY)?.as_str()
    }

    /// What the Meta of a job document holds.
    #[must_use]
    pub fn of_document(document: &Map<String, Value>) -> Self {
        Self::text(document)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// Puts this into the Meta of a job document, beside what others keep there.
    pub fn put_into(&self, document: &mut Map<String, Value>) {
        let text = serde_json::to_string(self).unwrap_or_default();
        let meta = document.entry("Meta").or_insert(Value::Null);
        if !meta.is_object() {
            *meta = Value::Object(Map::new());
        }
        if let Some(fields) = meta.as_object_mut() {
            fields.insert(KEY.to_owned(), Value::String(text));
        }
    }

    /// What the record says of one side's task.
    #[must_use]
    pub fn task(&self, side: Side) -> Option<&TaskRecord> {
        self.tasks.get(&side)
    }
}

/// Puts the Config values of a record back where they were. A value is left out when
/// somebody has since removed the object or array that it stood in.
pub(super) fn restore(config: &mut Map<String, Value>, kept: &[(String, Value)]) {
    for (pointer, value) in kept {
        let Some((parent, last)) = pointer.rsplit_once('/') else {
            continue;
        };
        let key = last.replace("~1", "/").replace("~0", "~");
        if parent.is_empty() {
            config.insert(key, value.clone());
            continue;
        }
        // The first step is taken here, the rest by serde_json's own pointers.
        let (first, below) = match parent.get(1..).unwrap_or_default().split_once('/') {
            Some((first, below)) => (first, format!("/{below}")),
            None => (parent.get(1..).unwrap_or_default(), String::new()),
        };
        let first = first.replace("~1", "/").replace("~0", "~");
        match config
            .get_mut(&first)
            .and_then(|top| top.pointer_mut(&below))
        {
            Some(Value::Object(fields)) => {
                fields.insert(key, value.clone());
            }
            Some(Value::Array(items)) => {
                if let Some(slot) = key.parse().ok().and_then(|i: usize| items.get_mut(i)) {
                    *slot = value.clone();
                }
            }
            _ => {}
        }
    }
}
