//! Which Config keys each generation of the dtle plugin knows.
//!
//! The plugin hands Nomad a schema, and Nomad fails a task whose Config has
//! any other key, at any depth, before the plugin sees it (recordings 072 to
//! 074). The two generations' schemas differ in the connections above all: a
//! job in the other's layout fails as a whole.

use serde_json::Value;

use super::Plugin;

/// What a key holds.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Flag,
    Texts,
    Block(&'static [Key]),
    Blocks(&'static [Key]),
}

#[derive(Clone, Copy)]
struct Key {
    name: &'static str,
    kind: Kind,
    required: bool,
}

const fn key(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        required: false,
    }
}

const fn required(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        required: true,
    }
}

use Kind::{Block, Blocks, Flag, Number, Text, Texts};

const CONNECTION: &[Key] = &[
    required("Host", Text),
    required("Port", Number),
    required("User", Text),
    required("Password", Text),
    key("Charset", Text),
];

const TABLE_3: &[Key] = &[
    key("TableName", Text),
    key("TableRegex", Text),
    key("TableRename", Text),
    key("TableRenameRegex", Text),
    key("TableSchema", Text),
    key("TableSchemaRename", Text),
    key("Where", Text),
    key("ColumnMapFrom", Texts),
];

const TABLE_4: &[Key] = &[
    key("TableName", Text),
    key("TableRegex", Text),
    key("TableRename", Text),
    key("TableRenameRegex", Text),
    key("TableSchema", Text),
    key("TableSchemaRename", Text),
    key("Where", Text),
    key("ColumnMapFrom", Texts),
    key("ColumnMapTo", Texts),
];

const DO_DB_3: &[Key] = &[
    key("TableSchema", Text),
    key("TableSchemaRegex", Text),
    key("TableSchemaRename", Text),
    key("TableSchemaRenameRegex", Text),
    key("TableSchemaScope", Text),
    key("Tables", Blocks(TABLE_3)),
];

const DO_DB_4: &[Key] = &[
    key("TableSchema", Text),
    key("TableSchemaRegex", Text),
    key("TableSchemaRename", Text),
    key("TableSchemaRenameRegex", Text),
    key("TableSchemaScope", Text),
    key("Tables", Blocks(TABLE_4)),
];

const IGNORE_TABLE: &[Key] = &[key("TableName", Text), key("TableSchema", Text)];

const IGNORE_DB: &[Key] = &[
    key("TableSchema", Text),
    key("Tables", Blocks(IGNORE_TABLE)),
];

/// Known to both generations.
const COMMON: &[Key] = &[
    key("ReplicateIgnoreDb", Blocks(IGNORE_DB)),
    key("DropTableIfExists", Flag),
    key("ExpandSyntaxSupport", Flag),
    key("ReplChanBufferSize", Number),
    key("TrafficAgainstLimits", Number),
    key("MaxRetries", Number),
    key("ChunkSize", Number),
    key("SqlFilter", Texts),
    key("GroupMaxSize", Number),
    key("GroupTimeout", Number),
    key("Gtid", Text),
    key("BinlogFile", Text),
    key("BinlogPos", Number),
    key("GtidStart", Text),
    key("AutoGtid", Flag),
    key("BinlogRelay", Flag),
    key("ParallelWorkers", Number),
    key("SkipCreateDbTable", Flag),
    key("SkipPrivilegeCheck", Flag),
    key("SkipIncrementalCopy", Flag),
];

const ONLY_3: &[Key] = &[
    key("ReplicateDoDb", Blocks(DO_DB_3)),
    key("ConnectionConfig", Block(CONNECTION)),
    key(
        "KafkaConfig",
        Block(&[
            required("Brokers", Texts),
            required("Topic", Text),
            key("Converter", Text),
            key("TimeZone", Text),
        ]),
    ),
];

const ONLY_4: &[Key] = &[
    key("ReplicateDoDb", Blocks(DO_DB_4)),
    key("DestType", Text),
    key("SrcConnectionConfig", Block(CONNECTION)),
    key("DestConnectionConfig", Block(CONNECTION)),
    key(
        "KafkaConfig",
        Block(&[
            required("Brokers", Texts),
            required("Topic", Text),
            key("Converter", Text),
            key("DateTimeZone", Text),
            key("MessageGroupMaxSize", Number),
            key("MessageGroupTimeout", Number),
            key("TopicWithSchemaTable", Flag),
            key("SchemaChangeTopic", Text),
            key("User", Text),
            key("Password", Text),
        ]),
    ),
    key(
        "SrcOracleConfig",
        Block(&[
            required("ServiceName", Text),
            required("Host", Text),
            required("Port", Number),
            required("User", Text),
            required("Password", Text),
            key("Scn", Number),
        ]),
    ),
    key("UseMySQLDependency", Flag),
    key("DependencyHistorySize", Number),
    key("ForeignKeyChecks", Flag),
    key("DumpEntryLimit", Number),
    key("SlaveNetWriteTimeout", Number),
    key("BulkInsert1", Number),
    key("BulkInsert2", Number),
    key("BulkInsert3", Number),
    key("SetGtidNext", Flag),
    key("TwoWaySync", Flag),
    key("TwoWaySyncGtid", Text),
    key("RetryTxLimit", Number),
    key("BigTxSrcQueue", Number),
    key("WaitOnJob", Text),
];

/// The faults of a task's Config against the plugin's schema, in HCL's words.
pub(crate) fn faults(plugin: Plugin, config: &Value) -> Vec<String> {
    let own = match plugin {
        Plugin::V3 => ONLY_3,
        Plugin::V4 => ONLY_4,
    };
    let keys: Vec<Key> = COMMON.iter().chain(own).copied().collect();
    let mut faults = Vec::new();
    block(config, &keys, &mut faults);
    faults
}

fn block(value: &Value, keys: &[Key], faults: &mut Vec<String>) {
    let Some(map) = value.as_object() else {
        if !value.is_null() {
            faults.push("Incorrect JSON value type: A JSON object is required here.".to_owned());
        }
        return;
    };
    let mut names: Vec<&String> = map.keys().collect();
    names.sort();
    for name in names {
        let Some(item) = map.get(name) else { continue };
        let Some(known) = keys.iter().find(|key| key.name == name) else {
            faults.push(format!(
                "Invalid label: No argument or block type is named {name:?}."
            ));
            continue;
        };
        match known.kind {
            Kind::Block(inner) => match item {
                // HCL takes a list of one block for a block.
                Value::Array(items) => items.iter().for_each(|item| block(item, inner, faults)),
                other => block(other, inner, faults),
            },
            Blocks(inner) => match item {
                Value::Array(items) => items.iter().for_each(|item| block(item, inner, faults)),
                other => block(other, inner, faults),
            },
            Text | Number | Flag | Texts => scalar(known, item, faults),
        }
    }
    for key in keys
        .iter()
        .filter(|key| key.required && !map.contains_key(key.name))
    {
        faults.push(format!(
            "Missing required argument: The argument {:?} is required, but no definition was found.",
            key.name
        ));
    }
}

/// HCL converts where it can: `"3306"` is a number, `"true"` a flag.
fn scalar(key: &Key, value: &Value, faults: &mut Vec<String>) {
    let fits = match (key.kind, value) {
        (_, Value::Null) => true,
        (Number, Value::Number(_)) => true,
        (Number, Value::String(text)) => text.parse::<f64>().is_ok(),
        (Flag, Value::Bool(_)) => true,
        (Flag, Value::String(text)) => matches!(text.as_str(), "true" | "false" | "1" | "0"),
        (Text, Value::String(_) | Value::Number(_) | Value::Bool(_)) => true,
        (Texts, Value::Array(items)) => items
            .iter()
            .all(|item| !item.is_object() && !item.is_array()),
        _ => false,
    };
    if !fits {
        let wanted = match key.kind {
            Number => "a number is required",
            Flag => "a bool is required",
            Texts => "list of string required",
            _ => "string required",
        };
        faults.push(format!(
            "Incorrect attribute value type: Inappropriate value for attribute {:?}: {wanted}.",
            key.name
        ));
    }
}
