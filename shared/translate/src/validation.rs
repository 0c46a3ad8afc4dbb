//! The validation of a task, as far as it is possible without its database.

use serde_json::Value;

use super::Driver;
use super::spec::TaskSpec;
use crate::v2::{Check, TaskValidation};

/// The report on one task. A check that was not made reads false and has no
/// error; none reads true, since none was seen to pass.
#[must_use]
pub fn of_task(task: &TaskSpec) -> TaskValidation {
    TaskValidation {
        connection: Check {
            error: fault_of_connection(task).unwrap_or_default(),
            success: false,
        },
        kind: task.side.to_string(),
        ..TaskValidation::default()
    }
}

/// What is certain to keep a task from connecting.
fn fault_of_connection(task: &TaskSpec) -> Option<String> {
    let config = &task.config.0;
    let (place, block, needed): (_, _, &[&str]) = match task.driver {
        Driver::Kafka => ("Config", Some(config), &["Brokers", "Topic"]),
        Driver::Oracle => (
            "SrcOracleConfig",
            config.get("SrcOracleConfig").and_then(Value::as_object),
            &["Host", "Port", "User", "Password", "ServiceName", "Scn"],
        ),
        Driver::MySQL => (
            "ConnectionConfig",
            config.get("ConnectionConfig").and_then(Value::as_object),
            &["Host", "Port", "User", "Password"],
        ),
    };
    let Some(block) = block else {
        return Some(format!("{place} is missing"));
    };
    let missing: Vec<&str> = needed
        .iter()
        .copied()
        .filter(|key| block.get(*key).is_none_or(Value::is_null))
        .collect();
    if !missing.is_empty() {
        return Some(format!("{place} lacks {}", missing.join(", ")));
    }
    let port = block.get("Port")?;
    let number = port.as_u64().or_else(|| port.as_str()?.parse().ok());
    match number {
        Some(1..=65_535) => None,
        _ => Some(format!("{place}.Port is no port")),
    }
}
