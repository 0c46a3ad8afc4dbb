//! The bodies of requests. `translate::body` reads them by hand, without regard
//! to case and with faults collected, so there is no type to take a schema from;
//! Config's keys come from the table that reads them.

use dtle_translate::keys::{DATABASE, KAFKA, Key, Kind};
use serde_json::{Map, Value, json};

const NO_CASE: &str = "Names of fields match without regard to case, which a schema cannot say: `name` is as good as `Name`. `null` is as good as absent. Unknown fields are ignored, and named in X-Dtle-Warning.";

/// The schemas, by name.
pub(super) fn schemas() -> Map<String, Value> {
    let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let index = json!({"type": ["integer", "null"], "minimum": 0, "maximum": u64::MAX, "description": "With EnforceIndex: the JobModifyIndex that the job must have, 0 for \"only if new\"."});
    let enforce = json!({"type": ["boolean", "null"], "description": "Makes the write a compare-and-set: it is refused with 500 when JobModifyIndex is not the job's."});
    let text = |description: &str| json!({"type": ["string", "null"], "description": description});
    let schemas = json!({
        "AnyJobBody": {
            "description": "A job in one of the forms that people send.",
            "anyOf": [reference("JobBody"), reference("WrappedJobBody"), reference("NomadJobBody")],
        },
        "JobBody": {
            "description": format!("A 2.x job. {NO_CASE}"),
            "type": "object",
            "required": ["Name", "Tasks"],
            "properties": {
                "ID": {
                    "type": ["string", "null"], "minLength": 1, "maxLength": 64, "pattern": r"^(?!\.{1,2}$)[A-Za-z0-9._:-]+$",
                    "description": "A UUID is made when it is not sent. Letters, digits and `. _ : -`, at most 64.",
                },
                "Name": {"type": "string", "pattern": r"\S", "description": "Need not be unique."},
                "Region": text("The gateway's own when not sent, and for `global`; or one that the gateway is set to serve."),
                "Datacenters": {"type": ["array", "null"], "items": {"type": "string"}, "description": "When not sent, the registered ones; of a new job `[\"dc1\"]`, or what the gateway is set to."},
                "Failover": {"type": ["boolean", "null"], "description": "Whether a failed task moves to another node."},
                "Orders": {"type": ["array", "null"], "items": {"type": "string"}, "description": "Empty, or 404 `order not found`."},
                "EnforceIndex": enforce,
                "JobModifyIndex": index,
                "Tasks": {
                    "type": "array", "minItems": 2, "maxItems": 2, "items": reference("TaskBody"),
                    "description": "One of Type Src and one of Type Dest, in any order.",
                },
            },
        },
        "TaskBody": {
            "description": format!("A task of a 2.x job. {NO_CASE}"),
            "type": "object",
            "required": ["Type", "Config"],
            "properties": {
                "Type": {"type": "string", "enum": ["Src", "Dest"]},
                "Driver": {
                    "type": ["string", "null"], "enum": ["MySQL", "Kafka", "Oracle", "", null],
                    "description": "`MySQL` when not sent. `Kafka` is for Dest only; `Oracle` needs the dtle plugin 4.22.11 or later.",
                },
                "NodeID": text("The node it must run on."),
                "NodeName": text("The name of the node it must run on."),
                "Leader": {"type": ["boolean", "null"], "description": "Answers say true on Dest, whatever was sent."},
                "Config": {"anyOf": [reference("DatabaseConfig"), reference("KafkaConfig")], "type": "object"},
            },
        },
        "DatabaseConfig": config("What the driver is told about a database.", DATABASE),
        "KafkaConfig": config("What the driver is told about Kafka.", KAFKA),
        "WrappedJobBody": {
            "description": format!("A 2.x job as the command line's `dtle start` wraps it. {NO_CASE}"),
            "type": "object",
            "required": ["Job"],
            "properties": {"Job": reference("JobBody"), "EnforceIndex": enforce, "JobModifyIndex": index},
        },
        "NomadJobBody": {
            "description": "A Nomad job all of whose tasks have the driver `dtle`; it is handed to Nomad as it is. The wrapper's fields match without regard to case, the job's exactly, as Nomad has them.",
            "type": "object",
            "required": ["Job"],
            "properties": {
                "Job": {
                    "type": "object",
                    "required": ["TaskGroups"],
                    "properties": {
                        "ID": {"type": "string"},
                        "Name": {"type": "string", "maxLength": 64},
                        "TaskGroups": {"type": "array", "items": {"type": "object"}, "minItems": 1},
                    },
                },
                "EnforceIndex": enforce,
                "JobModifyIndex": index,
            },
        },
        "GatewayMessage": {
            "description": "What API Gateway says itself.",
            "type": "object",
            "required": ["message"],
            "properties": {"message": {"type": "string"}},
        },
    });
    match schemas {
        Value::Object(schemas) => schemas,
        _ => Map::new(),
    }
}

fn config(description: &str, keys: &'static [Key]) -> Value {
    let mut schema = object(keys);
    schema["description"] = json!(format!(
        "{description} Keys match without regard to case at every depth; answers have this spelling. Numbers may be sent as numbers or as texts, and a read gives back what was sent. A key that is not here is kept and given back, too, and named in X-Dtle-Warning; in ReplicateDoDb and its Tables it is refused."
    ));
    schema
}

fn object(keys: &'static [Key]) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    json!({"type": "object", "properties": properties})
}

fn property(key: &'static Key) -> Value {
    let mut schema = match key.below() {
        None => match key.kind() {
            // What the plugin does not take is not looked at.
            None => json!({}),
            Some(Kind::Text) => json!({"type": ["string", "number", "boolean", "null"]}),
            Some(Kind::Number) => json!({"type": ["integer", "string", "null"]}),
            Some(Kind::Flag) => json!({"type": ["boolean", "string", "null"]}),
            Some(Kind::Texts) => json!({"type": ["array", "null"]}),
        },
        Some((keys, false)) => {
            let mut schema = object(keys);
            schema["type"] = json!(["object", "null"]);
            if key.name == "ConnectionConfig" {
                schema["required"] = json!(["Host", "Port", "User", "Password"]);
            }
            schema
        }
        Some((keys, true)) => json!({"type": ["array", "null"], "items": object(keys)}),
    };
    schema["description"] = json!(key.taken_by());
    schema
}

/// Examples of bodies, by name.
pub(super) fn examples() -> Value {
    let job = json!({
        "ID": "8ce4b408-8c64-41b9-04d7-baf451348e89",
        "Name": "test1-2",
        "Failover": false,
        "Orders": [],
        "Type": "synchronous",
        "Tasks": [
            {"Type": "Src", "Driver": "MySQL", "Config": {
                "Gtid": "",
                "ReplicateDoDb": [{"TableSchema": "db1", "Tables": [{"TableName": "tb1"}]}],
                "ConnectionConfig": {"Host": "172.100.9.3", "Port": "3306", "User": "lx1", "Password": "111111"},
            }},
            {"Type": "Dest", "Driver": "MySQL", "Config": {
                "ConnectionConfig": {"Host": "172.100.9.6", "Port": "3306", "User": "test1", "Password": "111111"},
            }},
        ],
    });
    let mut inner = job.clone();
    inner["ID"] = json!("wrapped-1");
    let nomad = json!({"Job": {
        "ID": "nomad-1", "Name": "nomad-1", "Type": "service", "Region": "global", "Datacenters": ["dc1"],
        "TaskGroups": [
            {"Name": "src", "Count": 1, "Tasks": [{"Name": "src", "Driver": "dtle", "Config": {
                "ReplicateDoDb": [{"TableSchema": "db1"}],
                "SrcConnectionConfig": {"Host": "172.100.9.3", "Port": 3306, "User": "lx1", "Password": "111111"},
                "DestConnectionConfig": {"Host": "172.100.9.6", "Port": 3306, "User": "test1", "Password": "111111"},
            }}]},
            {"Name": "dest", "Count": 1, "Tasks": [{"Name": "dest", "Driver": "dtle", "Config": {"DestType": "mysql"}}]},
        ],
    }});
    json!({
        "job": {"summary": "A 2.x job", "value": job},
        "wrapped": {
            "summary": "A 2.x job, wrapped",
            "value": {"Job": inner, "EnforceIndex": false, "JobModifyIndex": 0},
        },
        "nomad": {"summary": "A Nomad job", "value": nomad},
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use dtle_translate::body::{NAMES, parse};

    use super::*;

    #[test]
    fn the_fields_of_bodies_are_those_that_are_read() {
        let schemas = schemas();
        let documented: BTreeSet<_> = ["JobBody", "TaskBody", "WrappedJobBody"]
            .iter()
            .flat_map(|name| schemas[*name]["properties"].as_object().unwrap().keys())
            .map(String::as_str)
            .collect();
        assert_eq!(documented, NAMES.iter().copied().collect());
    }

    #[test]
    fn the_examples_are_jobs() {
        for (name, example) in examples().as_object().unwrap() {
            let body = example["value"].to_string();
            assert!(parse(body.as_bytes()).is_ok(), "{name}");
        }
    }
}
