//! Reading JSON documents. A field that is absent, or of another type, reads as empty.

use serde_json::{Map, Value};

/// A text field.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A field that is a whole number.
pub(crate) fn integer(value: &Value, field: &str) -> Option<i64> {
    value.get(field)?.as_i64()
}

/// A field that is true or false.
pub(crate) fn flag(value: &Value, field: &str) -> bool {
    value.get(field).and_then(Value::as_bool).unwrap_or(false)
}

/// An array field.
pub(crate) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The item of an array field whose Name is this one.
pub(crate) fn named<'a>(value: &'a Value, field: &str, name: &str) -> Option<&'a Value> {
    let mut items = list(value, field).iter();
    items.find(|item| text(item, "Name") == name)
}

/// All tasks of a job, each with its group.
pub(crate) fn tasks(job: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let groups = list(job, "TaskGroups").iter();
    groups.flat_map(|group| list(group, "Tasks").iter().map(move |task| (group, task)))
}

/// A field of a JSON object, whatever the case of its name; the exact spelling
/// wins, as in Go.
pub(crate) fn find<'a>(map: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    map.get(field).or_else(|| {
        map.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(field))
            .map(|(_, value)| value)
    })
}

/// A whole number that may have been sent as text.
pub(crate) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            // Ports and sizes are small.
            #[allow(clippy::cast_possible_truncation)]
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
        }),
        _ => None,
    }
}

/// Sets the fields of one object in another, and so of the objects in them.
pub(crate) fn extend(document: &mut Value, changes: Value) {
    match (document, changes) {
        (Value::Object(document), Value::Object(changes)) => {
            for (field, change) in changes {
                extend(document.entry(field).or_insert(Value::Null), change);
            }
        }
        (place, change) => *place = change,
    }
}
