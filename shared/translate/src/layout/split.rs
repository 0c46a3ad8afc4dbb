//! The layout up to 4.22.07: each task has a Config of its own, as in 2.x. The
//! plugin decides the side by the name of the group. The keys of a Kafka task stand
//! in a block.

use serde_json::Value;

use super::{Config, Configs, Found, Rules, block};
use crate::meta::MetaRecord;
use crate::spec::JobSpec;
use crate::wire::{Task, TaskGroup};
use crate::{Driver, Side};

pub(super) const RULES: Rules = Rules {
    name: "split",
    since: (0, 0, 0),
    marks: &[],
    drivers: &[Driver::MySQL, Driver::Kafka],
    decides,
    write,
    read,
};

fn decides(group: &TaskGroup, task: &Task) -> [String; 2] {
    [group.name.clone(), task.name.clone()]
}

fn write(configs: &mut Configs, spec: &JobSpec, _record: &mut MetaRecord) {
    let dest = spec.task(Side::Dest);
    if dest.is_some_and(|task| task.driver == Driver::Kafka) {
        let kafka = std::mem::take(&mut configs.dest);
        let kafka = Value::Object(kafka);
        configs.dest.insert("KafkaConfig".to_owned(), kafka);
    }
}

fn read(found: &Found<'_>, _side: Side) -> (Config, Driver) {
    let mut config = found.own.clone();
    match config.remove("KafkaConfig").map(block) {
        Some(Value::Object(kafka)) => {
            config.extend(kafka);
            (config, Driver::Kafka)
        }
        Some(other) => {
            config.insert("KafkaConfig".to_owned(), other);
            (config, Driver::Kafka)
        }
        None => (config, Driver::MySQL),
    }
}
