//! Every Config key that 2.x or the plugin knows: its spelling, where it stands,
//! and which generation of the plugin takes it.
//!
//! 2.x reads keys without regard to case; the plugin fails a task outright for a
//! key that it does not know. The tables serve both: [`canonical`] gives keys
//! their spelling, [`project`] keeps what a generation takes and hands the rest
//! to be kept elsewhere. Sources: the 2.19.11.1 driver configuration and the
//! `taskConfigSpec` of the plugin's 3.20 and 4.23 branches.

use serde_json::{Map, Value};

use super::at::At;
use super::{Layout, template};

/// A key: its spelling, what is below it, who takes it.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The canonical spelling.
    pub name: &'static str,
    shape: Shape,
    taken: Taken,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    /// A value that is passed on whole.
    Value(Kind),
    /// An object with known keys.
    Block(&'static [Key]),
    /// An array of objects with known keys.
    List(&'static [Key]),
}

/// What the plugin makes of a value. Nomad converts before it refuses: a number may
/// be sent as a text, a text as a number, and true and false as texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// An array of texts.
    Texts,
}

/// Which generations of the plugin take a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// This one and all later ones.
    From(Layout),
    /// None: it is 2.x's alone.
    Never,
}

impl Key {
    /// The keys below it, and whether they are those of each item of an array.
    #[must_use]
    pub fn below(&self) -> Option<(&'static [Key], bool)> {
        match self.shape {
            Shape::Value(_) => None,
            Shape::Block(keys) => Some((keys, false)),
            Shape::List(keys) => Some((keys, true)),
        }
    }

    /// What its value has to be, if it has no keys below it and the plugin takes it.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match (self.shape, self.taken) {
            (Shape::Value(kind), Taken::From(_)) => Some(kind),
            _ => None,
        }
    }

    const fn number(mut self) -> Self {
        self.shape = Shape::Value(Kind::Number);
        self
    }

    const fn flag(mut self) -> Self {
        self.shape = Shape::Value(Kind::Flag);
        self
    }

    const fn texts(mut self) -> Self {
        self.shape = Shape::Value(Kind::Texts);
        self
    }

    /// Who takes it, in words.
    #[must_use]
    pub fn taken_by(&self) -> String {
        match self.taken {
            Taken::Never => "Kept and given back; the plugin has no counterpart.".to_owned(),
            Taken::From(layout) if Layout::ALL.first() == Some(&layout) => {
                "Taken by the plugin.".to_owned()
            }
            Taken::From(layout) => format!(
                "Taken by the plugin from {} on; with earlier ones kept and given back.",
                layout.since()
            ),
        }
    }
}

const fn both(name: &'static str) -> Key {
    Key {
        name,
        shape: Shape::Value(Kind::Text),
        taken: Taken::From(Layout::Split),
    }
}

const fn merged(name: &'static str) -> Key {
    Key {
        name,
        shape: Shape::Value(Kind::Text),
        taken: Taken::From(Layout::Merged),
    }
}

const fn never(name: &'static str) -> Key {
    Key {
        name,
        shape: Shape::Value(Kind::Text),
        taken: Taken::Never,
    }
}

const fn block(name: &'static str, keys: &'static [Key], taken: Taken) -> Key {
    Key {
        name,
        shape: Shape::Block(keys),
        taken,
    }
}

const fn list(name: &'static str, keys: &'static [Key]) -> Key {
    Key {
        name,
        shape: Shape::List(keys),
        taken: Taken::From(Layout::Split),
    }
}

const CONNECTION: &[Key] = &[
    both("Charset"),
    both("Host"),
    both("Password"),
    both("Port").number(),
    both("User"),
];

const ORACLE: &[Key] = &[
    merged("Host"),
    merged("Password"),
    merged("Port").number(),
    merged("Scn").number(),
    merged("ServiceName"),
    merged("User"),
];

pub(super) const TABLES: &[Key] = &[
    merged("ColumnMapFrom").texts(),
    merged("ColumnMapTo").texts(),
    both("TableName"),
    both("TableRegex"),
    both("TableRename"),
    both("TableRenameRegex"),
    both("TableSchema"),
    both("TableSchemaRename"),
    both("Where"),
];

pub(super) const DO_DB: &[Key] = &[
    both("TableSchema"),
    both("TableSchemaRegex"),
    both("TableSchemaRename"),
    both("TableSchemaRenameRegex"),
    both("TableSchemaScope"),
    list("Tables", TABLES),
];

const IGNORED_TABLES: &[Key] = &[both("TableName"), both("TableSchema")];

const IGNORE_DB: &[Key] = &[both("TableSchema"), list("Tables", IGNORED_TABLES)];

/// Keys of a task that talks to a database.
pub const DATABASE: &[Key] = &[
    never("ApproveHeterogeneous"),
    both("AutoGtid").flag(),
    merged("BigTxSrcQueue").number(),
    both("BinlogFile"),
    never("BinlogFormat"),
    both("BinlogPos").number(),
    both("BinlogRelay").flag(),
    never("BinlogRowImage"),
    merged("BulkInsert1").number(),
    merged("BulkInsert2").number(),
    merged("BulkInsert3").number(),
    never("BytesLimit"),
    both("ChunkSize").number(),
    block("ConnectionConfig", CONNECTION, Taken::From(Layout::Split)),
    merged("DependencyHistorySize").number(),
    both("DropTableIfExists").flag(),
    merged("DumpEntryLimit").number(),
    both("ExpandSyntaxSupport").flag(),
    merged("ForeignKeyChecks").flag(),
    never("GroupCount"),
    both("GroupMaxSize").number(),
    both("GroupTimeout").number(),
    both("Gtid"),
    both("GtidStart"),
    never("HasSuperPrivilege"),
    both("MaxRetries").number(),
    never("MsgBytesLimit"),
    never("MsgsLimit"),
    never("MySQLServerUuid"),
    never("MySQLVersion"),
    never("NatsAddr"),
    both("ParallelWorkers").number(),
    both("ReplChanBufferSize").number(),
    list("ReplicateDoDb", DO_DB),
    list("ReplicateIgnoreDb", IGNORE_DB),
    merged("RetryTxLimit").number(),
    merged("SetGtidNext").flag(),
    both("SkipCreateDbTable").flag(),
    both("SkipIncrementalCopy").flag(),
    both("SkipPrivilegeCheck").flag(),
    merged("SlaveNetWriteTimeout").number(),
    both("SqlFilter").texts(),
    never("SqlMode"),
    block("SrcOracleConfig", ORACLE, Taken::From(Layout::Merged)),
    never("SystemVariables"),
    never("TimeZone"),
    never("TotalTransferredBytes"),
    both("TrafficAgainstLimits").number(),
    merged("TwoWaySync").flag(),
    merged("TwoWaySyncGtid"),
    merged("UseMySQLDependency").flag(),
    merged("WaitOnJob"),
];

/// Keys of a task that talks to Kafka. In the plugin they stand in a block of
/// their own.
pub const KAFKA: &[Key] = &[
    both("Brokers").texts(),
    both("Converter"),
    merged("MessageGroupMaxSize").number(),
    merged("MessageGroupTimeout").number(),
    merged("Password"),
    merged("SchemaChangeTopic"),
    both("TimeZone"),
    both("Topic"),
    merged("TopicWithSchemaTable").flag(),
    merged("User"),
];

/// What Dest acts upon. In the merged layout these stand with everything else
/// in the Src task's Config; no other key of a 2.x Dest moves there, since
/// 2.x's Dest ignores it (`DropTableIfExists` on Dest drops nothing there).
pub const OF_DEST: &[&str] = &[
    "BulkInsert1",
    "BulkInsert2",
    "BulkInsert3",
    "DependencyHistorySize",
    "ForeignKeyChecks",
    "ParallelWorkers",
    "RetryTxLimit",
    "SetGtidNext",
    "SkipPrivilegeCheck",
    "UseMySQLDependency",
];

/// Where a job starts is Src's to say: 2.x overwrites Dest's Gtid with Src's, and
/// a Dest that believed another one could skip what Src sends.
pub const NOT_OF_DEST: &[&str] = &["AutoGtid", "BinlogFile", "BinlogPos", "Gtid", "GtidStart"];

fn find(keys: &'static [Key], name: &str) -> Option<&'static Key> {
    keys.iter()
        .find(|key| key.name == name)
        .or_else(|| keys.iter().find(|key| key.name.eq_ignore_ascii_case(name)))
}

/// Whether a database task's key holds one object with known keys.
pub(super) fn is_block(name: &str) -> bool {
    let key = DATABASE.iter().find(|key| key.name == name);
    key.is_some_and(|key| matches!(key.shape, Shape::Block(_)))
}

/// The same object, known keys in their canonical spelling at every depth.
/// Pushes a fault for a key that is there twice.
pub(super) fn canonical(
    fields: Map<String, Value>,
    keys: &'static [Key],
    at: &At<'_>,
    faults: &mut Vec<String>,
) -> Map<String, Value> {
    let mut result = Map::new();
    for (name, value) in fields {
        let key = find(keys, &name);
        let here = At::Key(at, &name);
        let value = match (key.map(|key| key.shape), value) {
            (Some(Shape::Block(below)), Value::Object(inner)) => {
                Value::Object(canonical(inner, below, &here, faults))
            }
            (Some(Shape::List(below)), Value::Array(items)) => items
                .into_iter()
                .enumerate()
                .map(|(position, item)| match item {
                    Value::Object(inner) => {
                        let here = At::Item(&here, position);
                        Value::Object(canonical(inner, below, &here, faults))
                    }
                    other => other,
                })
                .collect(),
            (_, value) => value,
        };
        let spelling = key.map_or(name.clone(), |key| key.name.to_owned());
        if result.insert(spelling.clone(), value).is_some() {
            faults.push(format!("{at}.{spelling} is given twice, once as `{name}`"));
        }
    }
    result
}

/// What a generation of the plugin takes of an object, its strings escaped.
/// Everything that it would refuse or that Nomad would not give back as it was
/// goes to `rest`, as JSON pointers and values.
pub fn project(
    fields: &Map<String, Value>,
    keys: &'static [Key],
    layout: Layout,
    rest: &mut Vec<(String, Value)>,
) -> Map<String, Value> {
    project_at(fields, keys, layout, &At::Root(""), rest)
}

fn project_at(
    fields: &Map<String, Value>,
    keys: &'static [Key],
    layout: Layout,
    at: &At<'_>,
    rest: &mut Vec<(String, Value)>,
) -> Map<String, Value> {
    let mut result = Map::new();
    for (name, value) in fields {
        let here = At::Key(at, name);
        let key = keys.iter().find(|key| key.name == name);
        let taken = key.is_some_and(|key| match key.taken {
            Taken::From(first) => layout >= first,
            Taken::Never => false,
        });
        let (Some(key), true, false) = (key, taken, value.is_null()) else {
            rest.push((here.pointer(), value.clone()));
            continue;
        };
        let value = match (key.shape, value) {
            (Shape::Block(below), Value::Object(inner)) => {
                Value::Object(project_at(inner, below, layout, &here, rest))
            }
            (Shape::List(below), Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(position, item)| {
                    let here = At::Item(&here, position);
                    match item {
                        Value::Object(inner) => {
                            Value::Object(project_at(inner, below, layout, &here, rest))
                        }
                        other => send(other, &here, rest),
                    }
                })
                .collect(),
            (_, value) => send(value, &here, rest),
        };
        result.insert(name.clone(), value);
    }
    result
}

/// A value on its way out, kept too if it would come back changed.
fn send(value: &Value, at: &At<'_>, rest: &mut Vec<(String, Value)>) -> Value {
    let mut sent = through_go(value);
    if sent != *value {
        rest.push((at.pointer(), value.clone()));
    }
    template::escape_value(&mut sent);
    sent
}

/// The value that comes back from Nomad, which reads every number as a 64-bit
/// float: one that a float cannot hold travels as a text, which the plugin
/// reads just as well. `null` in a list stays.
fn through_go(value: &Value) -> Value {
    /// Two to the power of 53: up to here a float holds every whole number.
    const EXACT: u64 = 1 << 53;
    match value {
        Value::Number(number) => {
            let fits = number.as_u64().is_some_and(|n| n <= EXACT)
                || number.as_i64().is_some_and(|n| n.unsigned_abs() <= EXACT)
                || number
                    .as_f64()
                    .is_some_and(|n| n.fract() != 0.0 && n.abs() < 1e15);
            if fits {
                value.clone()
            } else {
                Value::String(number.to_string())
            }
        }
        Value::Array(items) => items.iter().map(through_go).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, item)| (key.clone(), through_go(item)))
                .collect(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn known_keys_get_their_spelling_at_every_depth_and_others_keep_theirs() {
        let mut faults = Vec::new();
        let given = object(json!({
            "gtid": "g", "CONNECTIONCONFIG": {"host": "h", "extra": 1},
            "replicatedodb": [{"tableschema": "s", "tables": [{"tablename": "t", "where": "w"}]}],
            "systemVariables": {"Sql_Mode": "x"}, "mine": {"host": 1}
        }));
        let expected = object(json!({
            "Gtid": "g", "ConnectionConfig": {"Host": "h", "extra": 1},
            "ReplicateDoDb": [{"TableSchema": "s", "Tables": [{"TableName": "t", "Where": "w"}]}],
            "SystemVariables": {"Sql_Mode": "x"}, "mine": {"host": 1}
        }));
        assert_eq!(
            canonical(given, DATABASE, &At::Root("Config"), &mut faults),
            expected
        );
        assert_eq!(faults, Vec::<String>::new());
    }

    #[test]
    fn a_key_in_two_spellings_is_a_fault() {
        let mut faults = Vec::new();
        canonical(
            object(json!({"Gtid": "a", "gtid": "b"})),
            DATABASE,
            &At::Root("Config"),
            &mut faults,
        );
        assert_eq!(faults, ["Config.Gtid is given twice, once as `gtid`"]);
    }

    #[test]
    fn what_the_plugin_refuses_goes_to_the_rest_with_its_place() {
        let config = object(json!({
            "NatsAddr": "a:1", "ChunkSize": null, "BinlogPos": 9007199254740993u64,
            "ReplicateDoDb": [{"TableSchema": "${s}", "Tables": [{"TableName": "t", "ColumnMapFrom": ["a"]}], "x/y": 1}]
        }));
        let mut rest = Vec::new();
        let sent = project(&config, DATABASE, Layout::Split, &mut rest);
        assert_eq!(
            Value::Object(sent),
            json!({
                "BinlogPos": "9007199254740993",
                "ReplicateDoDb": [{"TableSchema": "$${s}", "Tables": [{"TableName": "t"}]}]
            })
        );
        rest.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(
            rest,
            [
                ("/BinlogPos".to_owned(), json!(9_007_199_254_740_993_u64)),
                ("/ChunkSize".to_owned(), json!(null)),
                ("/NatsAddr".to_owned(), json!("a:1")),
                (
                    "/ReplicateDoDb/0/Tables/0/ColumnMapFrom".to_owned(),
                    json!(["a"])
                ),
                ("/ReplicateDoDb/0/x~1y".to_owned(), json!(1)),
            ]
        );
    }
}
