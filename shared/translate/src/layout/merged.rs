//! The layout from 4.22.11 on: the Src task's Config has everything, and the Dest
//! task's Config only says what kind of destination it is. The plugin decides the
//! side by the task's name.

use serde_json::{Value, json};

use super::{Config, Configs, Found, Rules, block, keep_whole};
use crate::keys;
use crate::meta::MetaRecord;
use crate::spec::JobSpec;
use crate::wire::{Task, TaskGroup};
use crate::{Driver, Side};

pub(super) const RULES: Rules = Rules {
    name: "merged",
    since: (4, 22, 11),
    marks: &[
        "SrcConnectionConfig",
        "DestConnectionConfig",
        "SrcOracleConfig",
        "DestType",
    ],
    drivers: &[Driver::MySQL, Driver::Kafka, Driver::Oracle],
    decides,
    write,
    read,
};

fn decides(group: &TaskGroup, task: &Task) -> [String; 2] {
    [task.name.clone(), group.name.clone()]
}

/// Moves everything into the Src task's Config. Of the keys that Dest sent, those
/// that a Dest acts upon move too, unless Src has another value under the same name.
/// The other keys go into the record.
fn write(configs: &mut Configs, spec: &JobSpec, record: &mut MetaRecord) {
    let src = &mut configs.src;
    if let Some(connection) = src.remove("ConnectionConfig") {
        src.insert("SrcConnectionConfig".to_owned(), connection);
    }
    let mut dest = std::mem::take(&mut configs.dest);
    let sent = spec.task(Side::Dest);
    let kept = record.tasks.entry(Side::Dest).or_default();
    let kafka = sent.is_some_and(|task| task.driver == Driver::Kafka);
    if kafka {
        if let Some(zone) = dest.remove("TimeZone") {
            dest.insert("DateTimeZone".to_owned(), zone);
        }
        src.insert("KafkaConfig".to_owned(), Value::Object(dest));
    } else {
        if let Some(connection) = dest.remove("ConnectionConfig") {
            src.insert("DestConnectionConfig".to_owned(), connection);
        }
        for (key, value) in dest {
            if keys::OF_DEST.contains(&key.as_str()) && !src.contains_key(&key) {
                src.insert(key.clone(), value);
                kept.merged.push(key);
            } else if let Some(task) = sent {
                keep_whole(&mut kept.config, task, &key);
            }
        }
    }
    let kind = if kafka { "kafka" } else { "mysql" };
    configs.dest.insert("DestType".to_owned(), json!(kind));
}

fn read(found: &Found<'_>, side: Side) -> (Config, Driver) {
    let empty = Config::new();
    let all = found.src.unwrap_or(&empty);
    // Which keys are Dest's: those that it sent; of other people's jobs, those that
    // it acts upon.
    let ours = found.record.name.is_some();
    let sent = found.record.task(Side::Dest).map(|kept| &kept.merged);
    let is_dest = |key: &str| match (ours, sent) {
        (true, Some(sent)) => sent.iter().any(|name| name == key),
        _ => keys::OF_DEST.contains(&key) && key != "SkipPrivilegeCheck",
    };
    let mut config = Config::new();
    let mut driver = Driver::MySQL;
    // This API never sends a list there, so none has to be given back.
    let kafka = all.get("KafkaConfig").cloned().map(block);
    let kafka = kafka.as_ref().and_then(Value::as_object);
    for (key, value) in all {
        match (side, key.as_str()) {
            (Side::Src, "SrcConnectionConfig") | (Side::Dest, "DestConnectionConfig") => {
                config.insert("ConnectionConfig".to_owned(), value.clone());
            }
            (Side::Dest, "KafkaConfig") if kafka.is_some() => {
                driver = Driver::Kafka;
                for (key, value) in kafka.into_iter().flatten() {
                    let key = match key.as_str() {
                        "DateTimeZone" => "TimeZone",
                        other => other,
                    };
                    config.insert(key.to_owned(), value.clone());
                }
            }
            (_, "SrcConnectionConfig" | "DestConnectionConfig" | "KafkaConfig" | "DestType") => {}
            (Side::Src, _) if !is_dest(key) => {
                if key == "SrcOracleConfig" {
                    driver = Driver::Oracle;
                }
                config.insert(key.clone(), value.clone());
            }
            (Side::Dest, _) if is_dest(key) => {
                config.insert(key.clone(), value.clone());
            }
            _ => {}
        }
    }
    (config, driver)
}
