//! What is not code: documents that real programs sent, forms and schemas.
//!
//! `later-1.10.json` and `later-2.0.json` are what those releases of Nomad say
//! differently: documents in place of those of 1.1.2 (`agent_self`, `node`, `metrics`,
//! `usage`, `forms`), and fields that they add to others, by the document's name.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::json::extend;
use crate::options::Era;

/// A file of `data/`. All of them are valid JSON: the tests would tell.
macro_rules! file {
    ($name:literal) => {
        LazyLock::new(|| {
            let text = include_str!(concat!("../data/", $name, ".json"));
            serde_json::from_str(text).unwrap_or_default()
        })
    };
}

static AGENT: LazyLock<Value> = file!("agent_self");
static NODE: LazyLock<Value> = file!("node");
static METRICS: LazyLock<Value> = file!("metrics");
static USAGE: LazyLock<Value> = file!("usage");
static FORMS: LazyLock<Value> = file!("forms");
static LATER_1_10: LazyLock<Value> = file!("later-1.10");
static LATER_2_0: LazyLock<Value> = file!("later-2.0");

/// A document that an era has in place of an older one's.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Document {
    /// A real agent, as it reported itself (recording 001).
    Agent,
    /// A real node (recording 013).
    Node,
    /// The metrics of a placement on a free node.
    Metrics,
    /// The use of the machine that the plugin reports: none (recording 042).
    Usage,
    /// The fields of a job, a group and a task, with Nomad's defaults.
    Forms,
}

impl Era {
    fn later(self) -> Option<&'static Value> {
        match self {
            Self::First => None,
            Self::V1_10 => Some(&LATER_1_10),
            Self::V2_0 => Some(&LATER_2_0),
        }
    }

    /// A document of this era's.
    pub(crate) fn document(self, document: Document) -> &'static Value {
        let (name, first): (&str, &'static Value) = match document {
            Document::Agent => ("agent_self", &AGENT),
            Document::Node => ("node", &NODE),
            Document::Metrics => ("metrics", &METRICS),
            Document::Usage => ("usage", &USAGE),
            Document::Forms => ("forms", &FORMS),
        };
        self.later()
            .and_then(|later| later.get(name))
            .unwrap_or(first)
    }

    /// Adds to a document of that name what is new in this era.
    pub(crate) fn add(self, name: &str, document: &mut Value) {
        let new = self.later().and_then(|later| later.get(name));
        extend(document, new.cloned().unwrap_or_else(|| json!({})));
    }
}
/// The plugin's settings with its defaults, as 4.x writes them to Consul (recording 200).
pub(crate) static PLUGIN_CONFIG: LazyLock<Value> = file!("plugin_config");
/// The Config keys that each generation of the plugin knows.
pub(crate) static SCHEMA_3: LazyLock<Value> = file!("schema-3");
pub(crate) static SCHEMA_4: LazyLock<Value> = file!("schema-4");
