//! What is not code: documents that real programs sent, forms and schemas.

use std::sync::LazyLock;

use serde_json::Value;

/// A file of `data/`. All of them are valid JSON: the tests would tell.
macro_rules! file {
    ($name:literal) => {
        LazyLock::new(|| {
            let text = include_str!(concat!("../data/", $name, ".json"));
            serde_json::from_str(text).unwrap_or_default()
        })
    };
}

/// A real agent and a real node, as they reported themselves (recordings 001 and 013).
pub(crate) static AGENT: LazyLock<Value> = file!("agent_self");
pub(crate) static NODE: LazyLock<Value> = file!("node");
/// The metrics of a placement on a free node.
pub(crate) static METRICS: LazyLock<Value> = file!("metrics");
/// The use of the machine that the plugin reports: none (recording 042).
pub(crate) static USAGE: LazyLock<Value> = file!("usage");
/// The fields of a job, a group and a task, with Nomad's defaults.
pub(crate) static FORMS: LazyLock<Value> = file!("forms");
/// The plugin's settings with its defaults, as 4.x writes them to Consul (recording 200).
pub(crate) static PLUGIN_CONFIG: LazyLock<Value> = file!("plugin_config");
/// The Config keys that each generation of the plugin knows.
pub(crate) static SCHEMA_3: LazyLock<Value> = file!("schema-3");
pub(crate) static SCHEMA_4: LazyLock<Value> = file!("schema-4");
