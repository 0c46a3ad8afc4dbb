//! A job as the 2.x side tells it, and what of it goes to the new side.

use std::collections::BTreeSet;
use std::fmt;

use dtle_outbound::Secret;
use dtle_translate::{Layout, keys, numbers};
use serde_json::{Map, Value, json};

use crate::gtid::{GtidError, GtidSet};
use crate::mysql::Address;

/// One of the two tasks of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Reads the source.
    Src,
    /// Writes the destination.
    Dest,
}

impl Side {
    fn as_str(self) -> &'static str {
        match self {
            Self::Src => "Src",
            Self::Dest => "Dest",
        }
    }
}

/// A MySQL server with the access to it that a job has.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Where, and as whom.
    pub address: Address,
    /// The password.
    pub password: Secret,
}

/// What a task talks to.
#[derive(Clone, Debug, PartialEq)]
pub enum Endpoint {
    /// A MySQL server.
    MySql(Connection),
    /// Kafka: its brokers and the topic.
    Kafka(String),
    /// Something that cannot be moved; the text says why.
    Other(String),
}

/// A place in a source's binlogs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The binlog file.
    pub file: String,
    /// Bytes from its beginning.
    pub position: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.position)
    }
}

/// A job of the old side. The document holds passwords, so `Debug` leaves it out.
#[derive(Clone)]
pub struct OldJob {
    document: Value,
    /// Its ID.
    pub id: String,
    /// `running`, `pause`, `pending`, `dead` or `complete`.
    pub status: String,
    /// Why it is dead.
    pub description: String,
}

impl fmt::Debug for OldJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OldJob")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl OldJob {
    /// Reads an answer of `GET /v1/job/{id}`; `None` for something else.
    #[must_use]
    pub fn of(document: Value) -> Option<Self> {
        let text = |key: &str| Some(document.get(key)?.as_str()?.to_owned());
        Some(Self {
            id: text("ID")?,
            status: text("Status")?,
            description: text("StatusDescription").unwrap_or_default(),
            document,
        })
    }

    fn task(&self, side: Side) -> Option<&Value> {
        let tasks = self.document.get("Tasks")?.as_array()?;
        let is_side =
            |task: &&Value| task.get("Type").and_then(Value::as_str) == Some(side.as_str());
        tasks.iter().find(is_side)
    }

    /// The Config of one side, as 2.x gives it.
    #[must_use]
    pub fn config(&self, side: Side) -> Option<&Map<String, Value>> {
        self.task(side)?.get("Config")?.as_object()
    }

    /// The set of transactions that 2.x calls applied; empty when it names none.
    ///
    /// # Errors
    /// When what it names is no set.
    pub fn gtid(&self) -> Result<GtidSet, GtidError> {
        let text = self
            .config(Side::Src)
            .and_then(|config| field(config, "Gtid"));
        text.and_then(Value::as_str).unwrap_or_default().parse()
    }

    /// The place up to which 2.x says that everything is applied.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        let config = self.config(Side::Src)?;
        let file = field(config, "BinlogFile")?.as_str()?;
        let position = number(field(config, "BinlogPos")?)?;
        (!file.is_empty()).then(|| Position {
            file: file.to_owned(),
            position,
        })
    }

    /// What it reports, as a text to be compared.
    #[must_use]
    pub fn report(&self) -> String {
        let gtid = self.gtid().map(|set| set.to_string()).unwrap_or_default();
        let place = self.position().map(|place| place.to_string());
        format!("{gtid} at {}", place.unwrap_or_default())
    }

    /// What one of its tasks talks to.
    #[must_use]
    pub fn endpoint(&self, side: Side) -> Endpoint {
        let side_name = side.as_str();
        let Some(config) = self.config(side) else {
            return Endpoint::Other(format!("it has no {side_name}"));
        };
        let driver = self.task(side).and_then(|task| task.get("Driver"));
        match driver.and_then(Value::as_str).unwrap_or("MySQL") {
            "MySQL" | "" => connection(config).map_or_else(
                || Endpoint::Other(format!("{side_name} has no whole ConnectionConfig")),
                Endpoint::MySql,
            ),
            "Kafka" => {
                let part =
                    |key| field(config, key).map(|v| v.to_string().replace(['"', '[', ']'], ""));
                Endpoint::Kafka(format!(
                    "kafka {} topic {}",
                    part("Brokers").unwrap_or_default(),
                    part("Topic").unwrap_or_default()
                ))
            }
            driver => Endpoint::Other(format!("{side_name} has the driver {driver}")),
        }
    }

    /// How many workers apply transactions.
    #[must_use]
    pub fn workers(&self) -> u64 {
        let config = self.config(Side::Dest);
        let workers = config.and_then(|config| field(config, "ParallelWorkers"));
        workers.and_then(number).unwrap_or(1)
    }

    /// The rules that say which tables it replicates.
    #[must_use]
    pub fn rules(&self) -> (Vec<Value>, Vec<Value>) {
        let list = |key: &str| {
            let config = self.config(Side::Src);
            let list = config.and_then(|config| field(config, key));
            list.and_then(Value::as_array).cloned().unwrap_or_default()
        };
        (list("ReplicateDoDb"), list("ReplicateIgnoreDb"))
    }

    /// The body that makes it on the new side, only if it is new there, to go on
    /// from that set.
    #[must_use]
    pub fn for_the_new_side(&self, from: &GtidSet, nodes: &BTreeSet<String>) -> Value {
        let tasks: Vec<Value> = [Side::Src, Side::Dest]
            .into_iter()
            .filter_map(|side| {
                let task = self.task(side)?;
                let of = |key: &str| task.get(key).cloned().unwrap_or(Value::Null);
                let mut config = self.config(side)?.clone();
                remove(&mut config, "NatsAddr");
                if field(&config, "TrafficAgainstLimits") == Some(&json!(0)) {
                    remove(&mut config, "TrafficAgainstLimits");
                }
                start_from(&mut config, side, from);
                let node = of("NodeName");
                let known = node.as_str().is_some_and(|name| nodes.contains(name));
                Some(json!({
                    "Type": side.as_str(),
                    "Driver": of("Driver"),
                    "NodeName": if known { node } else { json!("") },
                    "Config": config,
                }))
            })
            .collect();
        let of = |key: &str| self.document.get(key).cloned().unwrap_or(Value::Null);
        json!({
            "ID": self.id, "Name": of("Name"), "Datacenters": of("Datacenters"),
            "Failover": of("Failover"), "Tasks": tasks,
            // Never somebody else's job of that ID.
            "EnforceIndex": true, "JobModifyIndex": 0,
        })
    }

    /// The body that gives it another set on the old side. 2.x starts a paused job
    /// whose update it takes; the index makes it take none of a job that was
    /// changed since it was read.
    #[must_use]
    pub fn for_the_old_side(&self, from: &GtidSet) -> Value {
        let mut document = self.document.clone();
        let index = document.get("JobModifyIndex").cloned();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("EnforceIndex".to_owned(), json!(true));
            fields.insert("JobModifyIndex".to_owned(), index.unwrap_or(json!(0)));
        }
        let tasks = document.get_mut("Tasks").and_then(Value::as_array_mut);
        for task in tasks.into_iter().flatten() {
            let side = match task.get("Type").and_then(Value::as_str) {
                Some("Src") => Side::Src,
                _ => Side::Dest,
            };
            if let Some(config) = task.get_mut("Config").and_then(Value::as_object_mut) {
                remove(config, "NatsAddr");
                start_from(config, side, from);
                if side == Side::Dest {
                    config.insert("Gtid".to_owned(), json!(from.to_string()));
                }
            }
        }
        document
    }

    /// What an operator should know before it is moved.
    #[must_use]
    pub fn notes(&self, nodes: &BTreeSet<String>) -> Vec<String> {
        let mut notes = Vec::new();
        for side in [Side::Src, Side::Dest] {
            let Some(task) = self.task(side) else {
                continue;
            };
            let text = |key: &str| task.get(key).and_then(Value::as_str).unwrap_or_default();
            let name = side.as_str();
            if !text("NodeID").is_empty() {
                notes.push(format!(
                    "{name} is bound to a node by its ID, which the new side does not have: it may run anywhere there"
                ));
            }
            let node = text("NodeName");
            if !node.is_empty() && !nodes.contains(node) {
                notes.push(format!(
                    "{name} is bound to the node {node}, which the new side does not have: it may run anywhere there"
                ));
            }
            let left = self.keys_left(side);
            if !left.is_empty() {
                notes.push(format!(
                    "the plugin does not know of {name}'s {}",
                    left.join(", ")
                ));
            }
        }
        notes
    }

    /// Keys of a Config that no plugin takes.
    fn keys_left(&self, side: Side) -> Vec<String> {
        let Some(config) = self.config(side) else {
            return Vec::new();
        };
        let kafka = matches!(self.endpoint(side), Endpoint::Kafka(_));
        let known = if kafka { keys::KAFKA } else { keys::DATABASE };
        let mut left = Vec::new();
        let taken = keys::project(config, known, Layout::Merged, &mut left);
        // What is there too was only kept as well, for it comes back in another form.
        let taken = Value::Object(taken);
        left.retain(|(pointer, _)| taken.pointer(pointer).is_none());
        // What 2.x itself adds, and what is as good as not there.
        let added = [
            "/NatsAddr",
            "/TrafficAgainstLimits",
            "/Gtid",
            "/BinlogFile",
            "/BinlogPos",
        ];
        left.into_iter()
            .filter(|(pointer, value)| {
                let empty =
                    matches!(value, Value::Null) || value == &json!("") || value == &json!([]);
                !added.contains(&pointer.as_str()) && !empty
            })
            .map(|(pointer, _)| pointer.trim_start_matches('/').replace('/', "."))
            .collect()
    }
}

/// Sets where a Config starts from. With a set the position says nothing more,
/// but 2.x and the plugin want it for a relay.
fn start_from(config: &mut Map<String, Value>, side: Side, from: &GtidSet) {
    let relay = field(config, "BinlogRelay").is_some_and(|relay| relay == &json!(true));
    remove(config, "Gtid");
    // Either would make another start of it.
    remove(config, "GtidStart");
    remove(config, "AutoGtid");
    if side == Side::Dest || !relay {
        remove(config, "BinlogFile");
        remove(config, "BinlogPos");
    }
    if side == Side::Src {
        config.insert("Gtid".to_owned(), json!(from.to_string()));
    }
}

/// A field by its name; 2.x does not tell capital letters from small ones.
pub(super) fn field<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.get(name).or_else(|| {
        map.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

fn remove(map: &mut Map<String, Value>, name: &str) {
    map.retain(|key, _| !key.eq_ignore_ascii_case(name));
}

/// Numbers come as texts, or as numbers, of which 2.x makes `3307.0`.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other
            .as_u64()
            .or_else(|| numbers::tidy(other.clone()).as_u64()),
    }
}

fn connection(config: &Map<String, Value>) -> Option<Connection> {
    let connection = field(config, "ConnectionConfig")?.as_object()?;
    let text = |key: &str| Some(field(connection, key)?.as_str()?.to_owned());
    Some(Connection {
        address: Address {
            host: text("Host").filter(|host| !host.is_empty())?,
            port: field(connection, "Port")
                .and_then(number)?
                .try_into()
                .ok()?,
            user: text("User")?,
        },
        password: Secret::new(text("Password")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const U: &str = "65004ba0-e716-11f1-b069-02fc8b4e3157";

    /// As 2.19.11.1 answers for a paused job.
    fn paused() -> OldJob {
        let connection =
            |host: &str| json!({"Host": host, "Port": "3306", "User": "dtle", "Password": "hush"});
        let answer = json!({
            "ID": "8ce4b408-8c64-41b9-04d7-baf451348e89", "Name": "orders", "Status": "pause",
            "StatusDescription": "", "Datacenters": ["dc1"], "Failover": false,
            "JobModifyIndex": 77, "EnforceIndex": false,
            "Tasks": [
                {"Type": "Src", "Driver": "MySQL", "NodeName": "n1", "NodeID": "", "Config": {
                    "Gtid": format!("{U}:18888-19487"), "BinlogFile": "bin.000003", "BinlogPos": 4711,
                    "NatsAddr": "10.0.0.1:8193", "TrafficAgainstLimits": 0, "MsgsLimit": 5,
                    "ReplicateDoDb": [{"TableSchema": "shop"}],
                    "ConnectionConfig": connection("10.0.0.11"),
                }},
                {"Type": "Dest", "Driver": "MySQL", "NodeName": "", "NodeID": "", "Config": {
                    "Gtid": format!("{U}:18888-19487"), "BinlogFile": "bin.000003", "BinlogPos": 4711,
                    "NatsAddr": "10.0.0.1:8193", "ParallelWorkers": 2,
                    "ConnectionConfig": {"Host": "10.0.0.12", "Port": 3306.0, "User": "dtle", "Password": "hush"},
                }},
            ],
        });
        OldJob::of(answer).unwrap()
    }

    #[test]
    fn the_new_side_gets_the_whole_set_and_nothing_of_the_old_servers() {
        let whole = format!("{U}:1-19487").parse().unwrap();
        let nodes = BTreeSet::from(["n1".to_owned()]);
        let body = paused().for_the_new_side(&whole, &nodes);
        assert_eq!(body["EnforceIndex"], true);
        assert_eq!(body["JobModifyIndex"], 0);
        let src = &body["Tasks"][0];
        assert_eq!(src["NodeName"], "n1");
        assert_eq!(
            src["Config"],
            json!({
                "Gtid": format!("{U}:1-19487"), "MsgsLimit": 5,
                "ReplicateDoDb": [{"TableSchema": "shop"}],
                "ConnectionConfig": {"Host": "10.0.0.11", "Port": "3306", "User": "dtle", "Password": "hush"},
            })
        );
        let dest = body["Tasks"][1]["Config"].as_object().unwrap();
        assert_eq!(
            dest.keys().collect::<Vec<_>>(),
            ["ConnectionConfig", "ParallelWorkers"]
        );
        let elsewhere = paused().for_the_new_side(&whole, &BTreeSet::new());
        assert_eq!(elsewhere["Tasks"][0]["NodeName"], "");
    }

    #[test]
    fn the_old_side_gets_the_whole_set_for_the_job_that_was_read() {
        let whole = format!("{U}:1-19487").parse().unwrap();
        let body = paused().for_the_old_side(&whole);
        assert_eq!(body["EnforceIndex"], true);
        assert_eq!(body["JobModifyIndex"], 77);
        for task in body["Tasks"].as_array().unwrap() {
            let config = task["Config"].as_object().unwrap();
            assert_eq!(config["Gtid"], format!("{U}:1-19487"));
            assert!(!config.contains_key("BinlogFile"), "{task}");
        }
        assert_eq!(body["Tasks"][1]["Config"]["ParallelWorkers"], 2);
    }

    #[test]
    fn a_relay_keeps_its_position() {
        let mut job = paused();
        job.document["Tasks"][0]["Config"]["BinlogRelay"] = json!(true);
        let body = job.for_the_new_side(&GtidSet::default(), &BTreeSet::new());
        assert_eq!(body["Tasks"][0]["Config"]["BinlogFile"], "bin.000003");
        assert_eq!(body["Tasks"][1]["Config"].get("BinlogFile"), None);
    }

    #[test]
    fn what_will_not_travel_is_named() {
        let notes = paused().notes(&BTreeSet::new());
        assert_eq!(
            notes,
            [
                "Src is bound to the node n1, which the new side does not have: it may run anywhere there",
                "the plugin does not know of Src's MsgsLimit",
            ]
        );
    }

    #[test]
    fn endpoints_and_positions_are_read_in_2xs_spellings() {
        let job = paused();
        assert_eq!(job.position().unwrap().to_string(), "bin.000003:4711");
        let Endpoint::MySql(dest) = job.endpoint(Side::Dest) else {
            panic!("no MySQL");
        };
        assert_eq!(dest.address.to_string(), "10.0.0.12:3306");
        assert!(!format!("{job:?} {dest:?}").contains("hush"));

        let mut kafka = paused();
        kafka.document["Tasks"][1] = json!({"Type": "Dest", "Driver": "Kafka", "Config": {
            "brokers": ["b1:9092", "b2:9092"], "Topic": "t"}});
        assert_eq!(
            kafka.endpoint(Side::Dest),
            Endpoint::Kafka("kafka b1:9092,b2:9092 topic t".to_owned())
        );
        kafka.document["Tasks"][0]["Driver"] = json!("Oracle");
        assert!(matches!(kafka.endpoint(Side::Src), Endpoint::Other(_)));
    }
}
