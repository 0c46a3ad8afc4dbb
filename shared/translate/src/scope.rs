//! What a job copies, and where to: which schemas and tables of a source, into which
//! of a destination.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use super::{Driver, Side};
use crate::spec::JobSpec;
use crate::v2;

/// A table of a schema, or all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The schema; `None` for all schemas.
    schema: Option<String>,
    /// The table; `None` for all tables.
    table: Option<String>,
}

impl Place {
    /// Whether both name at least one table in common.
    fn meets(&self, other: &Self) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        same(&self.schema, &other.schema) && same(&self.table, &other.table)
    }

    /// Whether every table of the other one is in this one.
    fn covers(&self, other: &Self) -> bool {
        let within = |a: &Option<String>, b: &Option<String>| a.is_none() || a == b;
        within(&self.schema, &other.schema) && within(&self.table, &other.table)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &Option<String>| name.clone().unwrap_or_else(|| "*".to_owned());
        write!(f, "{}.{}", shown(&self.schema), shown(&self.table))
    }
}

/// What a Src's Config copies. Patterns stand as they were written.
#[must_use]
pub fn copied(src: &Map<String, Value>) -> BTreeSet<Place> {
    let schema = ["TableSchema", "TableSchemaRegex"];
    let table = ["TableName", "TableRegex"];
    places(src, schema, table, |_, _| true)
}

/// Where a Src's Config makes its rows go. What a pattern decides is left out.
fn written(src: &Map<String, Value>) -> BTreeSet<Place> {
    let schema = ["TableSchemaRename", "TableSchema"];
    let table = ["TableRename", "TableName"];
    let is_plain = |fields: &_, pattern: &_| text(fields, pattern).is_none();
    places(src, schema, table, is_plain)
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let text = fields.get(name)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

fn objects<'a>(
    fields: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'a Map<String, Value>> {
    let items = fields.get(name).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_object)
}

/// `schema`, `table`: the keys that name one, the first that is there counts. `counts`:
/// whether an entry does, by the key of its pattern.
fn places(
    src: &Map<String, Value>,
    schema: [&str; 2],
    table: [&str; 2],
    counts: impl Fn(&Map<String, Value>, &str) -> bool,
) -> BTreeSet<Place> {
    let named = |fields: &Map<String, Value>, [first, second]: [&str; 2]| {
        let name = text(fields, first).or_else(|| text(fields, second));
        name.map(str::to_owned)
    };
    let mut dbs = objects(src, "ReplicateDoDb").peekable();
    if dbs.peek().is_none() {
        return BTreeSet::from([Place {
            schema: None,
            table: None,
        }]);
    }
    let mut places = BTreeSet::new();
    for db in dbs.filter(|db| counts(db, "TableSchemaRegex")) {
        let schema = named(db, schema);
        let mut tables = objects(db, "Tables").peekable();
        if tables.peek().is_none() {
            places.insert(Place {
                schema: schema.clone(),
                table: None,
            });
        }
        for one in tables.filter(|one| counts(one, "TableRegex")) {
            places.insert(Place {
                schema: schema.clone(),
                table: named(one, table),
            });
        }
    }
    places
}

/// What the job copies now and did not copy before, in words; none when `before` is no
/// job that copies.
#[must_use]
pub fn added(before: &v2::Job, now: &JobSpec) -> Vec<String> {
    let src = before.tasks.iter().find(|t| t.kind == Side::Src.as_str());
    let (Some(src), Some(new)) = (src, now.task(Side::Src)) else {
        return Vec::new();
    };
    let old = copied(&src.config.0);
    let new = copied(&new.config.0);
    new.iter()
        .filter(|place| !old.iter().any(|known| known.covers(place)))
        .map(ToString::to_string)
        .collect()
}

/// A MySQL destination and what a job writes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    server: String,
    places: BTreeSet<Place>,
}

impl Target {
    /// The target of a 2.x job; `None` when it does not write to MySQL.
    #[must_use]
    pub fn of_job(job: &v2::Job) -> Option<Self> {
        let task = |side: Side| job.tasks.iter().find(|task| task.kind == side.as_str());
        let (src, dest) = (task(Side::Src)?, task(Side::Dest)?);
        (dest.driver == Driver::MySQL.as_str())
            .then(|| Self::of(&src.config.0, &dest.config.0))
            .flatten()
    }

    /// The target of a job that was sent.
    #[must_use]
    pub fn of_spec(spec: &JobSpec) -> Option<Self> {
        let (src, dest) = (spec.task(Side::Src)?, spec.task(Side::Dest)?);
        (dest.driver == Driver::MySQL)
            .then(|| Self::of(&src.config.0, &dest.config.0))
            .flatten()
    }

    fn of(src: &Map<String, Value>, dest: &Map<String, Value>) -> Option<Self> {
        let connection = dest.get("ConnectionConfig")?.as_object()?;
        let host = text(connection, "Host")?.to_ascii_lowercase();
        let port = match connection.get("Port")? {
            Value::String(port) => port.clone(),
            other => other.to_string(),
        };
        Some(Self {
            server: format!("{host}:{port}"),
            places: written(src),
        })
    }

    /// What both write, in words; `None` when they do not meet.
    #[must_use]
    pub fn shared(&self, other: &Self) -> Option<String> {
        if self.server != other.server {
            return None;
        }
        let narrower = |a: &Place, b: &Place| if a.covers(b) { b.clone() } else { a.clone() };
        let shared: BTreeSet<Place> = self
            .places
            .iter()
            .flat_map(|a| other.places.iter().map(move |b| (a, b)))
            .filter(|(a, b)| a.meets(b))
            .map(|(a, b)| narrower(a, b))
            .collect();
        let mut names: Vec<String> = shared.iter().take(3).map(ToString::to_string).collect();
        if shared.len() > names.len() {
            names.push("…".to_owned());
        }
        (!names.is_empty()).then(|| format!("{} on {}", names.join(", "), self.server))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn target(dbs: &Value, port: &Value) -> Target {
        let src = serde_json::from_value(json!({"ReplicateDoDb": dbs})).unwrap();
        let dest = json!({"ConnectionConfig": {"Host": "H", "Port": port}});
        let dest = serde_json::from_value(dest).unwrap();
        Target::of(&src, &dest).unwrap()
    }

    #[test]
    fn two_jobs_meet_where_they_write_and_not_where_they_read() {
        let a_b = target(
            &json!([{"TableSchema": "a", "Tables": [{"TableName": "b"}]}]),
            &json!(1),
        );
        for (dbs, port, met) in [
            (
                json!([{"TableSchema": "a"}]),
                json!("1"),
                Some("a.b on h:1"),
            ),
            (json!([]), json!(1), Some("a.b on h:1")),
            (json!([{"TableSchema": "a"}]), json!(2), None),
            (
                json!([{"TableSchema": "a", "TableSchemaRename": "x"}]),
                json!(1),
                None,
            ),
            (
                json!([{"TableSchema": "x", "TableSchemaRename": "a"}]),
                json!(1),
                Some("a.b on h:1"),
            ),
            (
                json!([{"TableSchema": "a", "Tables": [{"TableName": "c", "TableRename": "b"}]}]),
                json!(1),
                Some("a.b on h:1"),
            ),
            (
                json!([{"TableSchemaRegex": "a.*", "TableSchemaRename": "a"}]),
                json!(1),
                None,
            ),
            (
                json!([{"TableSchema": "a", "Tables": [{"TableRegex": "b", "TableRename": "b"}]}]),
                json!(1),
                None,
            ),
        ] {
            let other = target(&dbs, &port);
            assert_eq!(a_b.shared(&other).as_deref(), met, "{dbs}");
            assert_eq!(other.shared(&a_b).as_deref(), met, "{dbs}");
        }
    }

    #[test]
    fn what_is_added_is_what_nothing_before_covers() {
        let of =
            |dbs: Value| copied(&serde_json::from_value(json!({"ReplicateDoDb": dbs})).unwrap());
        let added = |before: Value, now: Value| -> Vec<String> {
            let (before, now) = (of(before), of(now));
            let new = now.iter().filter(|p| !before.iter().any(|b| b.covers(p)));
            new.map(ToString::to_string).collect()
        };
        let table = |name: &str| json!([{"TableSchema": "a", "Tables": [{"TableName": name}]}]);
        let schema = json!([{"TableSchema": "a"}]);
        assert_eq!(added(table("b"), table("c")), ["a.c"]);
        assert_eq!(added(table("b"), schema.clone()), ["a.*"]);
        assert_eq!(added(table("b"), json!([])), ["*.*"]);
        assert_eq!(added(schema, table("b")), Vec::<String>::new());
        assert_eq!(added(json!([]), table("b")), Vec::<String>::new());
    }
}
