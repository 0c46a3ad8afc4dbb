//! Which Config keys each generation of the dtle plugin knows.
//!
//! The plugin hands Nomad a schema, and Nomad fails a task whose Config has
//! any other key, at any depth, before the plugin sees it (recordings 072 to
//! 074). The two generations' schemas differ in the connections above all: a
//! job in the other's layout fails as a whole.

use serde_json::Value;

use crate::options::Plugin;

/// What a key holds.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Flag,
    Texts,
    /// One block or a list of them: HCL takes either for the other.
    Block(&'static [Keys]),
}

use Kind::{Block, Flag, Number, Text, Texts};

/// Keys of one kind: their names, of which those with `!` are required.
type Keys = (Kind, &'static str);

const CONNECTION: &[Keys] = &[(Text, "Host! User! Password! Charset"), (Number, "Port!")];

const TABLE: &str =
    "TableName TableRegex TableRename TableRenameRegex TableSchema TableSchemaRename Where";
const TABLE_3: &[Keys] = &[(Text, TABLE), (Texts, "ColumnMapFrom")];
const TABLE_4: &[Keys] = &[(Text, TABLE), (Texts, "ColumnMapFrom ColumnMapTo")];

const DATABASE: &str =
    "TableSchema TableSchemaRegex TableSchemaRename TableSchemaRenameRegex TableSchemaScope";
const DATABASE_3: &[Keys] = &[(Text, DATABASE), (Block(TABLE_3), "Tables")];
const DATABASE_4: &[Keys] = &[(Text, DATABASE), (Block(TABLE_4), "Tables")];

const IGNORED_TABLE: &[Keys] = &[(Text, "TableName TableSchema")];
const IGNORED: &[Keys] = &[(Text, "TableSchema"), (Block(IGNORED_TABLE), "Tables")];

const KAFKA_3: &[Keys] = &[(Texts, "Brokers!"), (Text, "Topic! Converter TimeZone")];
const KAFKA_4: &[Keys] = &[
    (Texts, "Brokers!"),
    (
        Text,
        "Topic! Converter DateTimeZone SchemaChangeTopic User Password",
    ),
    (Number, "MessageGroupMaxSize MessageGroupTimeout"),
    (Flag, "TopicWithSchemaTable"),
];

const ORACLE: &[Keys] = &[
    (Text, "ServiceName! Host! User! Password!"),
    (Number, "Port! Scn"),
];

/// Known to both generations.
const COMMON: &[Keys] = &[
    (Block(IGNORED), "ReplicateIgnoreDb"),
    (
        Flag,
        "DropTableIfExists ExpandSyntaxSupport AutoGtid BinlogRelay SkipCreateDbTable \
         SkipPrivilegeCheck SkipIncrementalCopy",
    ),
    (
        Number,
        "ReplChanBufferSize TrafficAgainstLimits MaxRetries ChunkSize GroupMaxSize \
         GroupTimeout BinlogPos ParallelWorkers",
    ),
    (Texts, "SqlFilter"),
    (Text, "Gtid BinlogFile GtidStart"),
];

const ONLY_3: &[Keys] = &[
    (Block(DATABASE_3), "ReplicateDoDb"),
    (Block(CONNECTION), "ConnectionConfig"),
    (Block(KAFKA_3), "KafkaConfig"),
];

const ONLY_4: &[Keys] = &[
    (Block(DATABASE_4), "ReplicateDoDb"),
    (
        Block(CONNECTION),
        "SrcConnectionConfig DestConnectionConfig",
    ),
    (Block(KAFKA_4), "KafkaConfig"),
    (Block(ORACLE), "SrcOracleConfig"),
    (Text, "DestType TwoWaySyncGtid WaitOnJob"),
    (
        Flag,
        "UseMySQLDependency ForeignKeyChecks SetGtidNext TwoWaySync",
    ),
    (
        Number,
        "DependencyHistorySize DumpEntryLimit SlaveNetWriteTimeout BulkInsert1 BulkInsert2 \
         BulkInsert3 RetryTxLimit BigTxSrcQueue",
    ),
];

/// The faults of a task's Config against the plugin's schema, in HCL's words.
pub(crate) fn faults(plugin: Plugin, config: &Value) -> Vec<String> {
    let own = match plugin {
        Plugin::V3 => ONLY_3,
        Plugin::V4 => ONLY_4,
    };
    let mut faults = Vec::new();
    block(config, &[COMMON, own].concat(), &mut faults);
    faults
}

fn block(value: &Value, keys: &[Keys], faults: &mut Vec<String>) {
    let Some(map) = value.as_object() else {
        if !value.is_null() {
            faults.push("Incorrect JSON value type: A JSON object is required here.".to_owned());
        }
        return;
    };
    let each = |(kind, names): &Keys| {
        let kind = *kind;
        names.split_whitespace().map(move |name| (kind, name))
    };
    let keys: Vec<(Kind, &str)> = keys.iter().flat_map(each).collect();
    for (name, item) in map {
        let known = keys
            .iter()
            .find(|(_, key)| key.trim_end_matches('!') == name);
        match (known, item) {
            (None, _) => faults.push(format!(
                "Invalid label: No argument or block type is named {name:?}."
            )),
            (Some((Block(inner), _)), Value::Array(items)) => {
                items.iter().for_each(|item| block(item, inner, faults));
            }
            (Some((Block(inner), _)), item) => block(item, inner, faults),
            (Some((kind, _)), item) => faults.extend(scalar(name, *kind, item)),
        }
    }
    let required = keys.iter().filter_map(|(_, key)| key.strip_suffix('!'));
    for name in required.filter(|name| !map.contains_key(*name)) {
        faults.push(format!(
            "Missing required argument: The argument {name:?} is required, but no definition was found."
        ));
    }
}

/// What is wrong with a value that is no block. HCL converts where it can: `"3306"` is a
/// number, `"true"` a flag.
fn scalar(name: &str, kind: Kind, value: &Value) -> Option<String> {
    let nested = |item: &Value| item.is_object() || item.is_array();
    let (fits, wanted) = match kind {
        Number => {
            let text = value.as_str().map(str::parse::<f64>);
            let fits = value.is_number() || matches!(text, Some(Ok(_)));
            (fits, "a number is required")
        }
        Flag => {
            let fits =
                value.is_boolean() || matches!(value.as_str(), Some("true" | "false" | "1" | "0"));
            (fits, "a bool is required")
        }
        Texts => {
            let items = value.as_array();
            let fits = items.is_some_and(|items| !items.iter().any(nested));
            (fits, "list of string required")
        }
        Text | Block(_) => (!nested(value), "string required"),
    };
    (!fits && !value.is_null()).then(|| {
        format!(
            "Incorrect attribute value type: Inappropriate value for attribute {name:?}: {wanted}."
        )
    })
}
