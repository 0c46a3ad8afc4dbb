//! The warning to a caller of `?forget=true` about what it cannot remove.
//!
//! A MySQL destination records the transactions that it applied in
//! `dtle.gtid_executed_v4`, for each job under its Nomad Name. When a job starts,
//! the plugin adds them to its Gtid. A job that is created again under the same ID,
//! from an earlier Gtid, therefore skips those transactions silently. This API
//! reaches no database, so it names the command that removes the rows.

use super::spec::is_addressable;
use super::{JobView, Side, job};
use crate::wire::Job;

/// The warning for a job that was deleted. `found` is the job, if it was still
/// there. `None` where there is no such table: for a Kafka destination or an Oracle
/// source.
#[must_use]
pub fn warning(name: &str, found: Option<&Job>) -> Option<String> {
    let mut destination = "mysql://USER@HOST:PORT".to_owned();
    if let Some(found) = found {
        let view = JobView::new(found);
        let job = job::to_v2(&view, &super::status::recorded(found));
        if job.tasks.iter().any(|task| task.driver != "MySQL") {
            return None;
        }
        let dest = job
            .tasks
            .iter()
            .find(|task| task.kind == Side::Dest.as_str());
        if let Some(known) = dest.and_then(|dest| url(&dest.config.0)) {
            destination = known;
        }
    }
    let name = if is_addressable(name) { name } else { "NAME" };
    Some(format!(
        "the destination still holds what it applied of this job, in dtle.gtid_executed_v4, and a job made again under this ID skips those transactions; to remove them: dtle-gateway forget --id {name} --dest {destination}"
    ))
}

/// The destination for a command line; `None` when something about it is unusual
/// enough to need quoting.
fn url(config: &serde_json::Map<String, serde_json::Value>) -> Option<String> {
    let connection = config.get("ConnectionConfig")?;
    let part = |key: &str| {
        let value = connection.get(key)?;
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        (!text.is_empty() && text.chars().all(plain)).then_some(text)
    };
    Some(format!(
        "mysql://{}@{}:{}",
        part("User")?,
        part("Host")?,
        part("Port")?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(src: serde_json::Value, dest: serde_json::Value) -> Job {
        let group = |side: &str, config: serde_json::Value| json!({"Name": side, "Tasks": [{"Name": side, "Driver": "dtle", "Config": config}]});
        serde_json::from_value(json!({
            "ID": "a", "Name": "a", "TaskGroups": [group("Src", src), group("Dest", dest)]
        }))
        .unwrap()
    }

    #[test]
    fn the_command_names_the_destination_and_no_password() {
        let connection =
            json!({"Host": "10.0.0.12", "Port": "3306", "User": "dtle", "Password": "hush"});
        for job in [
            found(json!({}), json!({"ConnectionConfig": connection})),
            found(
                json!({"DestConnectionConfig": connection}),
                json!({"DestType": "mysql"}),
            ),
        ] {
            let text = warning("a", Some(&job)).unwrap();
            assert!(
                text.ends_with("dtle-gateway forget --id a --dest mysql://dtle@10.0.0.12:3306"),
                "{text}"
            );
            assert!(!text.contains("hush"), "{text}");
        }
    }

    #[test]
    fn what_a_shell_could_misread_is_left_for_the_operator_to_fill_in() {
        let connection = json!({"Host": "h", "Port": 1, "User": "a; rm b", "Password": "p"});
        let job = found(json!({}), json!({"ConnectionConfig": connection}));
        let text = warning("$(name)", Some(&job)).unwrap();
        assert!(
            text.ends_with("forget --id NAME --dest mysql://USER@HOST:PORT"),
            "{text}"
        );
        assert!(warning("gone", None).unwrap().contains("--id gone --dest"));
    }

    #[test]
    fn there_is_no_table_for_kafka_nor_from_oracle() {
        let kafka = json!({"KafkaConfig": {"Brokers": ["b:9092"], "Topic": "t"}});
        assert_eq!(warning("a", Some(&found(json!({}), kafka.clone()))), None);
        let merged = found(kafka, json!({"DestType": "kafka"}));
        assert_eq!(warning("a", Some(&merged)), None);
        let oracle = found(
            json!({"SrcOracleConfig": {"Host": "o"}, "DestConnectionConfig": {"Host": "h"}}),
            json!({"DestType": "mysql"}),
        );
        assert_eq!(warning("a", Some(&oracle)), None);
    }
}
