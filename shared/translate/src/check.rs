//! What is checked of a Config before anything runs.
//!
//! The plugin refuses a wrong value only after the job has been placed, and 2.x
//! answers 200 and lets the job die. What is certain to fail is a fault here. A key
//! that nobody knows does nothing, which a warning says; inside ReplicateDoDb and its
//! Tables it is a fault, because there a misspelled key changes what is copied:
//! `Table` for `Tables` copies the whole schema.

use serde_json::{Map, Value};

use super::at::At;
use super::gtid::GtidSet;
use super::keys::{DATABASE, DO_DB, KAFKA, Key, Kind, TABLES};
use super::spec::{JobSpec, TaskSpec};
use super::{Driver, Layout, Side};

/// Keys of a table in which 2.x keeps state of its own (`config.Table` of 2.19).
const STATE_OF_2X: &[&str] = &[
    "ColumnMap",
    "Counter",
    "Iteration",
    "OriginalTableColumns",
    "RowsEstimate",
    "TableEngine",
    "TableType",
    "UseUniqueKey",
];

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What keeps the job from running, or makes it copy something else.
    pub faults: Vec<String>,
    /// What is probably not meant.
    pub warnings: Vec<String>,
}

/// Checks a task's Config, its keys in their canonical spelling, as far as all
/// generations of the plugin agree. `at` is where it stands, for the texts, which
/// never quote a value.
pub(super) fn task(
    side: Side,
    driver: Driver,
    config: &Map<String, Value>,
    at: &At<'_>,
    found: &mut Found,
) {
    let keys = match driver {
        Driver::Kafka => KAFKA,
        Driver::MySQL | Driver::Oracle => DATABASE,
    };
    block(config, keys, at, false, found);
    required(driver, config, at, found);
    for name in ["Gtid", "TwoWaySyncGtid"] {
        if let Some(text) = config.get(name).and_then(Value::as_str)
            && text.parse::<GtidSet>().is_err()
        {
            found.faults.push(format!(
                "{at}.{name} is no GTID set (UUID:1-5, several separated by commas)"
            ));
        }
    }
    if side == Side::Src {
        each(config, "ReplicateDoDb", at, |db, at| {
            if is_blank(db, "TableSchema") && is_blank(db, "TableSchemaRegex") {
                found.faults.push(format!("{at} lacks TableSchema"));
            }
            each(db, "Tables", at, |table, at| {
                if is_blank(table, "TableName") && is_blank(table, "TableRegex") {
                    found.faults.push(format!("{at} lacks TableName"));
                }
            });
        });
        if is_on(config, "SkipCreateDbTable") && is_on(config, "DropTableIfExists") {
            found.faults.push(format!(
                "{at} has both SkipCreateDbTable and DropTableIfExists, which exclude each other"
            ));
        }
    }
}

/// What a generation of the plugin refuses and others do not (`verifyDriverConfig` of
/// the plugin 4.x).
#[must_use]
pub fn of_layout(spec: &JobSpec, layout: Layout) -> Vec<String> {
    let mut faults = Vec::new();
    if layout != Layout::Merged {
        return faults;
    }
    let src = spec.tasks.iter().enumerate();
    for (number, TaskSpec { config, .. }) in src.filter(|(_, task)| task.side == Side::Src) {
        let faults = &mut faults;
        let at = &At::Item(&At::Root("Tasks"), number);
        let at = &At::Key(at, "Config");
        each(&config.0, "ReplicateDoDb", at, |db, at| {
            exclusive(db, "TableSchema", "TableSchemaRegex", at, faults);
            needs(db, "TableSchemaRegex", "TableSchemaRename", at, faults);
            each(db, "Tables", at, |table, at| {
                exclusive(table, "TableName", "TableRegex", at, faults);
                needs(table, "TableRegex", "TableRename", at, faults);
                let count = |name| {
                    table
                        .get(name)
                        .and_then(Value::as_array)
                        .map_or(0, Vec::len)
                };
                let (from, to) = (count("ColumnMapFrom"), count("ColumnMapTo"));
                if to != 0 && to != from {
                    faults.push(format!(
                        "{at} has {to} ColumnMapTo for {from} ColumnMapFrom"
                    ));
                }
            });
        });
        each(&config.0, "ReplicateIgnoreDb", at, |db, at| {
            if is_blank(db, "TableSchema") {
                faults.push(format!("{at} lacks TableSchema"));
            }
            each(db, "Tables", at, |table, at| {
                if is_blank(table, "TableName") {
                    faults.push(format!("{at} lacks TableName"));
                }
            });
        });
    }
    faults
}

fn exclusive(fields: &Map<String, Value>, a: &str, b: &str, at: &At<'_>, faults: &mut Vec<String>) {
    if !is_blank(fields, a) && !is_blank(fields, b) {
        faults.push(format!("{at} has both {a} and {b}: the plugin takes one"));
    }
}

fn needs(fields: &Map<String, Value>, a: &str, b: &str, at: &At<'_>, faults: &mut Vec<String>) {
    if !is_blank(fields, a) && is_blank(fields, b) {
        faults.push(format!("{at} has {a} without {b}"));
    }
}

/// Looks at the objects in an array of an object, each with its place.
fn each(
    fields: &Map<String, Value>,
    name: &str,
    at: &At<'_>,
    mut look: impl FnMut(&Map<String, Value>, &At<'_>),
) {
    let at = At::Key(at, name);
    let items = fields.get(name).and_then(Value::as_array);
    for (number, item) in items.into_iter().flatten().enumerate() {
        if let Some(item) = item.as_object() {
            look(item, &At::Item(&at, number));
        }
    }
}

fn is_blank(fields: &Map<String, Value>, name: &str) -> bool {
    match fields.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}

fn is_on(fields: &Map<String, Value>, name: &str) -> bool {
    match fields.get(name) {
        Some(Value::Bool(on)) => *on,
        Some(Value::String(text)) => matches!(text.as_str(), "true" | "1"),
        _ => false,
    }
}

/// The keys of an object. `strict`: an unknown key is a fault.
fn block(
    fields: &Map<String, Value>,
    keys: &'static [Key],
    at: &At<'_>,
    strict: bool,
    found: &mut Found,
) {
    for (name, value) in fields {
        let Some(key) = keys.iter().find(|key| key.name == name) else {
            unknown(name, keys, at, strict, found);
            continue;
        };
        let at = &At::Key(at, name);
        match (key.below(), value) {
            (_, Value::Null) => {}
            (None, value) => {
                if let Some(fault) = key.kind().and_then(|kind| wrong(kind, value)) {
                    found.faults.push(format!("{at} is {fault}"));
                }
            }
            (Some((below, false)), Value::Object(inner)) => block(inner, below, at, false, found),
            (Some((below, true)), Value::Array(items)) => {
                let copied = std::ptr::eq(below, DO_DB) || std::ptr::eq(below, TABLES);
                for (number, item) in items.iter().enumerate() {
                    let at = &At::Item(at, number);
                    match item {
                        Value::Object(inner) => block(inner, below, at, copied, found),
                        other => found
                            .faults
                            .push(format!("{at} is {}, an object is expected", kind(other))),
                    }
                }
            }
            // The reader of bodies says so of a ConnectionConfig.
            (Some((_, false)), _) if name == "ConnectionConfig" => {}
            (Some((_, is_list)), other) => {
                let wanted = if is_list { "an array" } else { "an object" };
                let what = kind(other);
                found
                    .faults
                    .push(format!("{at} is {what}, {wanted} is expected"));
            }
        }
    }
}

fn unknown(name: &str, keys: &'static [Key], at: &At<'_>, strict: bool, found: &mut Found) {
    // In a list of what is not copied, 2.x reads the keys of the list of what is.
    let elsewhere = [DATABASE, KAFKA, DO_DB, TABLES];
    let known = |keys: &&'static [Key]| keys.iter().any(|key| key.name == name);
    if STATE_OF_2X.contains(&name) || !strict && elsewhere.iter().any(known) {
        return;
    }
    let shown: String = name.chars().take(40).collect();
    let near = nearest(name, keys.iter().map(|key| key.name));
    let hint = near.map_or_else(String::new, |near| format!(": did you mean {near}?"));
    if strict {
        let text = format!("{at}.{shown} is no key of dtle{hint}");
        found.faults.push(text);
    } else {
        let text = format!("{at}.{shown} is no key of dtle and does nothing{hint}");
        found.warnings.push(text);
    }
}

/// The name that was probably meant.
#[must_use]
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given = name.to_ascii_lowercase();
    names
        .map(|known| {
            let lower = known.to_ascii_lowercase();
            (strsim::damerau_levenshtein(&given, &lower), known)
        })
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// What is wrong with a value, if something is.
fn wrong(wanted: Kind, value: &Value) -> Option<String> {
    let words = match (wanted, value) {
        (Kind::Text, Value::String(_) | Value::Number(_) | Value::Bool(_))
        | (Kind::Flag, Value::Bool(_)) => return None,
        (Kind::Flag, Value::String(text))
            if matches!(text.as_str(), "true" | "false" | "1" | "0") =>
        {
            return None;
        }
        (Kind::Number, Value::Number(number)) if !number.is_f64() => return None,
        (Kind::Number, Value::String(text)) if text.trim() == text && is_whole(text) => {
            return None;
        }
        (Kind::Texts, Value::Array(items)) => {
            let fits = |item: &Value| !item.is_object() && !item.is_array() && !item.is_null();
            if items.iter().all(fits) {
                return None;
            }
            "an array of texts"
        }
        (Kind::Text, _) => "a text",
        (Kind::Flag, _) => "true or false",
        (Kind::Number, _) => "a whole number",
        (Kind::Texts, _) => "an array of texts",
    };
    Some(format!("{}, {words} is expected", kind(value)))
}

fn is_whole(text: &str) -> bool {
    text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok()
}

/// What a task cannot do without.
fn required(driver: Driver, config: &Map<String, Value>, at: &At<'_>, found: &mut Found) {
    let (place, needed): (_, &[&str]) = match driver {
        Driver::Kafka => (None, &["Brokers", "Topic"]),
        Driver::Oracle => (
            Some("SrcOracleConfig"),
            &["Host", "Port", "User", "Password", "ServiceName", "Scn"],
        ),
        Driver::MySQL => (
            Some("ConnectionConfig"),
            &["Host", "Port", "User", "Password"],
        ),
    };
    let (fields, at) = match place {
        None => (config, *at),
        Some(place) => match config.get(place) {
            Some(Value::Object(fields)) => (fields, At::Key(at, place)),
            None | Some(Value::Null) => {
                let text = format!("{at}.{place} is missing: {}", needed.join(", "));
                found.faults.push(text);
                return;
            }
            // Said already.
            Some(_) => return,
        },
    };
    // An empty password is one.
    let lacks = |name: &&str| match *name {
        "Password" => matches!(fields.get(*name), None | Some(Value::Null)),
        name => is_blank(fields, name),
    };
    let missing: Vec<&str> = needed.iter().copied().filter(lacks).collect();
    if !missing.is_empty() {
        found
            .faults
            .push(format!("{at} lacks {}", missing.join(", ")));
    }
    if let Some(port) = fields.get("Port").filter(|port| !port.is_null()) {
        let number = port.as_u64().or_else(|| port.as_str()?.parse().ok());
        let is_number = wrong(Kind::Number, port).is_none();
        if is_number && !number.is_some_and(|number| (1..=65_535).contains(&number)) {
            found
                .faults
                .push(format!("{at}.Port is no port (1 to 65535)"));
        }
    }
}

/// What a value is, in words.
#[must_use]
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// What is probably not meant in the fields of an object outside Config: names that
/// nobody knows. `known` are those that are read, and those that 2.x answers with.
pub fn names<'a>(
    given: impl Iterator<Item = &'a str>,
    known: &[&str],
    at: &str,
    warnings: &mut Vec<String>,
) {
    for name in given {
        if known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            continue;
        }
        let shown: String = name.chars().take(40).collect();
        let near = nearest(name, known.iter().copied());
        let hint = near.map_or_else(String::new, |near| format!(": did you mean {near}?"));
        warnings.push(format!(
            "{at}{shown} is no field of dtle and does nothing{hint}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn connection() -> Value {
        json!({"Host": "h", "Port": 3306, "User": "u", "Password": "hush"})
    }

    fn found(config: Value) -> Found {
        let config: Map<String, Value> = serde_json::from_value(config).unwrap();
        let mut found = Found::default();
        let at = &At::Root("Config");
        task(Side::Src, Driver::MySQL, &config, at, &mut found);
        found
    }

    fn with(key: &str, value: &Value) -> Found {
        found(json!({"ConnectionConfig": connection(), key: value}))
    }

    #[test]
    fn what_cannot_run_is_a_fault_and_no_value_is_quoted() {
        for (key, value, words) in [
            (
                "ReplicateDoDb",
                json!("x"),
                "is a text, an array is expected",
            ),
            ("ReplicateDoDb", json!(["x"]), "[0] is a text, an object"),
            ("ReplicateDoDb", json!([{}]), "[0] lacks TableSchema"),
            (
                "ReplicateDoDb",
                json!([{"TableSchema": "a", "Tables": [{"Where": "true"}]}]),
                "Tables[0] lacks TableName",
            ),
            ("Gtid", json!("garbage"), "Gtid is no GTID set"),
            ("ChunkSize", json!("many"), "a whole number is expected"),
            ("ChunkSize", json!(1.5), "a whole number is expected"),
            ("DropTableIfExists", json!(1), "true or false is expected"),
            ("SqlFilter", json!("x"), "an array of texts is expected"),
            ("BinlogFile", json!(["x"]), "a text is expected"),
            (
                "ConnectionConfig",
                json!({"Host": "h"}),
                "lacks Port, User, Password",
            ),
            ("ConnectionConfig", json!(null), "is missing"),
        ] {
            let faults = with(key, &value).faults;
            assert_eq!(faults.len(), 1, "{value}: {faults:?}");
            assert!(faults[0].contains(words), "{value}: {faults:?}");
            assert!(!faults[0].contains("hush") && !faults[0].contains("garbage"));
        }
        for port in [json!("33o6"), json!(0), json!(70_000), json!("")] {
            let mut connection = connection();
            connection["Port"] = port.clone();
            let faults = found(json!({"ConnectionConfig": connection})).faults;
            assert!(!faults.is_empty(), "{port}");
        }
    }

    #[test]
    fn what_nomad_converts_passes() {
        let config = json!({
            "ConnectionConfig": {"Host": "h", "Port": "3306", "User": 7, "Password": ""},
            "ReplicateDoDb": [{"TableSchema": "a", "Tables": [{"TableName": "b"}]}],
            "Gtid": "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:11-18,\n3e11fa47-71ca-11e1-9e33-c80aa9429563:1",
            "ChunkSize": "2000", "DropTableIfExists": "true", "ApproveHeterogeneous": [1],
            "SqlFilter": null,
        });
        assert_eq!(found(config), Found::default());
    }

    #[test]
    fn an_unknown_key_is_a_fault_where_it_decides_what_is_copied_and_else_a_warning() {
        let typed = |db: Value| with("ReplicateDoDb", &json!([db]));
        let one = typed(json!({"TableSchema": "a", "Table": []}));
        assert_eq!(
            one.faults,
            ["Config.ReplicateDoDb[0].Table is no key of dtle: did you mean Tables?"]
        );
        let one = typed(json!({"TableSchema": "a", "Tables": [{"TableName": "b", "Were": "x"}]}));
        assert_eq!(
            one.faults,
            ["Config.ReplicateDoDb[0].Tables[0].Were is no key of dtle: did you mean Where?"]
        );
        // What 2.x itself writes there.
        let one = typed(json!({"TableSchema": "a", "Tables": [{"TableName": "b", "Counter": 1}]}));
        assert_eq!(one, Found::default());
        let one = with("ChunkSzie", &json!(1));
        assert_eq!(
            (one.faults.len(), one.warnings),
            (
                0,
                vec![
                    "Config.ChunkSzie is no key of dtle and does nothing: did you mean ChunkSize?"
                        .to_owned()
                ]
            )
        );
    }
}
