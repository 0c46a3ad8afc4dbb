//! Which Config keys each generation of the dtle plugin knows.
//!
//! The plugin hands Nomad a schema, and Nomad fails a task whose Config has
//! any other key, at any depth, before the plugin sees it (recordings 072 to
//! 074). The two generations' schemas differ in the connections above all: a
//! job in the other's layout fails as a whole.
//!
//! A schema is an object with the keys that a block may have: each is `text`, `number`,
//! `flag` or `texts`, with `!` where it is required, or a block again.

use serde_json::{Map, Value};

use crate::data::{SCHEMA_3, SCHEMA_4};
use crate::options::Plugin;

/// The faults of a task's Config against the plugin's schema, in HCL's words.
pub(crate) fn faults(plugin: Plugin, config: &Value) -> Vec<String> {
    let schema = match plugin {
        Plugin::V3 => &SCHEMA_3,
        Plugin::V4 => &SCHEMA_4,
    };
    let mut faults = Vec::new();
    if let Some(schema) = schema.as_object() {
        block(config, schema, &mut faults);
    }
    faults
}

fn block(value: &Value, schema: &Map<String, Value>, faults: &mut Vec<String>) {
    let Some(map) = value.as_object() else {
        if !value.is_null() {
            faults.push("Incorrect JSON value type: A JSON object is required here.".to_owned());
        }
        return;
    };
    for (name, item) in map {
        match (schema.get(name), item) {
            (None, _) => faults.push(format!(
                "Invalid label: No argument or block type is named {name:?}."
            )),
            // HCL takes a list of blocks for a block, and a block for a list.
            (Some(Value::Object(inner)), Value::Array(items)) => {
                items.iter().for_each(|item| block(item, inner, faults));
            }
            (Some(Value::Object(inner)), item) => block(item, inner, faults),
            (Some(kind), item) => faults.extend(scalar(name, kind, item)),
        }
    }
    for (name, kind) in schema {
        let required = kind.as_str().is_some_and(|kind| kind.ends_with('!'));
        if required && !map.contains_key(name) {
            faults.push(format!(
                "Missing required argument: The argument {name:?} is required, but no definition was found."
            ));
        }
    }
}

/// What is wrong with a value that is no block. HCL converts where it can: `"3306"` is a
/// number, `"true"` a flag.
fn scalar(name: &str, kind: &Value, value: &Value) -> Option<String> {
    let nested = |item: &Value| item.is_object() || item.is_array();
    let text = value.as_str().unwrap_or_default();
    let (fits, wanted) = match kind.as_str().unwrap_or_default().trim_end_matches('!') {
        "number" => {
            let fits = value.is_number() || text.parse::<f64>().is_ok();
            (fits, "a number is required")
        }
        "flag" => {
            let fits = value.is_boolean() || matches!(text, "true" | "false" | "1" | "0");
            (fits, "a bool is required")
        }
        "texts" => {
            let items = value.as_array();
            let fits = items.is_some_and(|items| !items.iter().any(nested));
            (fits, "list of string required")
        }
        _ => (!nested(value), "string required"),
    };
    (!fits && !value.is_null()).then(|| {
        format!(
            "Incorrect attribute value type: Inappropriate value for attribute {name:?}: {wanted}."
        )
    })
}
