//! The dtle plugin as a driver of tasks: what it makes of a Config.
//!
//! What a task does is decided by its Config alone, so that a test can choose an
//! outcome by writing it down:
//!
//! - a MySQL connection to **port 1** is refused, any other works;
//! - Kafka is unreachable when **every broker is on this machine** (`127.*`,
//!   `localhost`, `::1`) or on port 1 (recording 069), reachable otherwise
//!   (`kafka:9092`);
//! - a Config the plugin's schema does not know fails before it starts.

use serde_json::Value;

use crate::json::{list, number, tasks, text};
use crate::options::Plugin;
use crate::plugin_schema;

/// The end of a replication that a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Src,
    Dest,
}

impl Side {
    /// The side of a task of dtle's: the group's name decides it in 3.x, its own in 4.x,
    /// in any case.
    pub(crate) fn of(plugin: Plugin, group: &str, task: &str) -> Option<Self> {
        let name = match plugin {
            Plugin::V3 => group,
            Plugin::V4 => task,
        };
        match name.to_ascii_lowercase().as_str() {
            "src" | "source" => Some(Self::Src),
            "dst" | "dest" | "destination" => Some(Self::Dest),
            _ => None,
        }
    }
}

/// Whether the node has a driver of this name.
pub(crate) fn known(driver: &str) -> bool {
    matches!(driver, "dtle" | "mock_driver")
}

/// The Config of a job's Src task.
pub(crate) fn source_config(plugin: Plugin, job: &Value) -> Option<&Value> {
    let is_source = |(group, task): &(&Value, &Value)| {
        Side::of(plugin, text(group, "Name"), text(task, "Name")) == Some(Side::Src)
    };
    tasks(job).find(is_source)?.1.get("Config")
}

/// What the plugin itself refuses at the start. These texts are not
/// recorded: only that it refuses is known.
pub(crate) fn refusal(
    plugin: Plugin,
    job_name: &str,
    side: Option<Side>,
    task: &Value,
) -> Option<String> {
    let without = |item: &Value, has: &str, lacks: &str| {
        !text(item, has).is_empty() && text(item, lacks).is_empty()
    };
    let nothing = Value::Null;
    let mut databases = list(task.get("Config").unwrap_or(&nothing), "ReplicateDoDb").iter();
    let mut tables = databases.clone().flat_map(|db| list(db, "Tables"));
    let why = if side.is_none() {
        format!("unknown task type: {}", text(task, "Name"))
    } else if job_name.len() > 64 {
        format!("job name too long: {}", job_name.len())
    } else if plugin == Plugin::V3 {
        return None;
    } else if databases.any(|db| without(db, "TableSchemaRegex", "TableSchemaRename")) {
        "TableSchemaRegex needs TableSchemaRename".to_owned()
    } else if tables.any(|table| without(table, "TableRegex", "TableRename")) {
        "TableRegex needs TableRename".to_owned()
    } else {
        return None;
    };
    Some(format!("rpc error: code = Unknown desc = {why}"))
}

/// Why a started task will give up, if it will.
pub(crate) fn failure(plugin: Plugin, job: &Value, side: Side, task: &Value) -> Option<String> {
    let own = task.get("Config");
    let reached = |config: &Value, keys: &[&str]| {
        keys.iter().find_map(|key| match *key {
            "KafkaConfig" => unreachable_brokers(config.get(*key)?),
            _ => refused(config.get(*key)?),
        })
    };
    if plugin == Plugin::V3 {
        return reached(own?, &["ConnectionConfig", "KafkaConfig"]);
    }
    let target = ["DestConnectionConfig", "KafkaConfig"];
    match side {
        Side::Src => reached(own?, &["SrcConnectionConfig", "SrcOracleConfig"]).or_else(|| {
            let message = reached(own?, &target)?;
            Some(format!("applier error: {message}"))
        }),
        // The Dest reads what the Src has put into Consul, if that passed validation.
        Side::Dest => source_config(plugin, job)
            .filter(|config| plugin_schema::faults(plugin, config).is_empty())
            .and_then(|config| reached(config, &target)),
    }
}

/// The dial error of a MySQL (or Oracle) connection, if it would be refused.
fn refused(connection: &Value) -> Option<String> {
    let port = number(connection.get("Port")?)?;
    let host = text(connection, "Host");
    (port == 1).then(|| format!("dial tcp {host}:{port}: connect: connection refused"))
}

fn unreachable_brokers(kafka: &Value) -> Option<String> {
    let mut brokers = list(kafka, "Brokers").iter().filter_map(Value::as_str);
    let unreachable = |broker: &str| {
        let (host, port) = broker.rsplit_once(':').unwrap_or((broker, ""));
        port == "1" || host.starts_with("127.") || matches!(host, "localhost" | "::1" | "[::1]")
    };
    let text =
        "kafka: client has run out of available brokers to talk to (Is your cluster reachable?)";
    brokers.all(unreachable).then(|| text.to_owned())
}
