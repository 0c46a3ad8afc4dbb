//! The OpenAPI 3.1 document of the whole surface.
//!
//! Two goals pull against each other: the document must not say what the code
//! does not do, and it must say more than code can. So paths and methods come
//! from the table of routes and shapes from the wire types, while the words stand in
//! each route's file, beside its row. The text is committed as `openapi.json`, where changes of it are seen in review.
//!
//! The route of the console serves it at `/openapi.json`, and the page at `/docs`.

#![expect(
    clippy::indexing_slicing,
    reason = "of JSON values that are made here and nowhere else; a test makes them all"
)]

mod bodies;
mod operation;

use std::sync::LazyLock;

use dtle_api::routes::TABLE;
use operation::{all_headers, all_parameters, all_responses, operation};
use schemars::generate::{Contract, SchemaSettings};
use serde_json::{Map, Value, json};

static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));

/// The document as a text, as it is committed.
#[must_use]
pub fn text() -> &'static str {
    &TEXT
}

/// The document.
#[must_use]
pub fn document() -> Value {
    // Of 3.1 on, a schema is JSON Schema 2020-12. What is described is what is
    // written: a field that is always sent is required, `null` or not.
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.contract = Contract::Serialize;
    });
    let mut types = settings.into_generator();
    let mut paths = Map::new();
    for route in TABLE {
        for path in route.paths {
            let item = paths.entry(*path).or_insert_with(|| json!({}));
            for method in route.methods {
                item[method.to_ascii_lowercase()] = operation(route, method, path, &mut types);
            }
        }
    }
    let mut schemas = types.take_definitions(true);
    for schema in schemas.values_mut() {
        without_recordings(schema);
    }
    schemas.append(&mut bodies::schemas());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "dtle 2.x HTTP API",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The HTTP API of dtle 2.x, served from a Nomad cluster that runs the dtle plugin (3.x or 4.x).",
            "description": DESCRIPTION,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this document comes from"}],
        "security": [{}, {"bearer": []}, {"basic": []}],
        "tags": TAGS.iter().map(|(name, text)| json!({"name": name, "description": text})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": all_parameters(),
            "headers": all_headers(),
            "responses": all_responses(),
            "examples": bodies::examples(),
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer",
                    "description": "A caller's token, where callers need one.",
                },
                "basic": {
                    "type": "http", "scheme": "basic",
                    "description": "Any user, and the token as the password, for clients that can only do that.",
                },
            },
        },
    })
}

const DESCRIPTION: &str = "\
The API that dtle 2.x served by itself, as its last release answers.

A listed path with another method is 405 `Invalid method`; any other path is 404 `404 page not found`. Errors are `text/plain`, the message alone. JSON comes with its fields sorted by name; no field is left out, `null` and empty ones included. Times are RFC 3339 in UTC, or numbers whose unit is named.

An answer of 1,400 bytes or more comes as gzip when that is asked for.

The deployed API wants a token of its callers; a gateway of one's own need not. The latter answers 403 to a write by a page of another site (`Origin`), and 421 to a `Host` that is not its own, whatever the path; `--allow-host` and `--cors-origin` name exceptions.

What differs from 2.x, and why, is in the README.";

const TAGS: &[(&str, &str)] = &[
    ("Console", "Pages for people."),
    ("Jobs", "Replications: a Src task and a Dest task."),
    ("Allocations", "Tasks of jobs, placed on nodes."),
    ("Evaluations", "The scheduler looking at a job."),
    ("Nodes", "Machines that run tasks."),
    ("Servers", "The servers of the cluster."),
    (
        "Billing",
        "What 2.x had and a Nomad cluster has no counterpart for.",
    ),
];

/// Descriptions name the recordings that show a shape (` [011, 012]`), for those
/// who have the repository.
fn without_recordings(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = without_brackets(text);
            }
            fields.values_mut().for_each(without_recordings);
        }
        Value::Array(items) => items.iter_mut().for_each(without_recordings),
        _ => {}
    }
}

fn without_brackets(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" [") {
        result.push_str(before);
        match after.split_once(']') {
            Some((inside, behind))
                if inside
                    .chars()
                    .all(|c| c.is_ascii_digit() || c == ',' || c == ' ') =>
            {
                rest = behind;
            }
            _ => {
                result.push_str(" [");
                rest = after;
            }
        }
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_has_a_heading_that_there_is_and_a_headline() {
        for route in TABLE {
            let heading = TAGS.iter().any(|(tag, _)| *tag == route.doc.tag);
            assert!(
                heading && !route.doc.summary.is_empty(),
                "{}",
                route.function
            );
        }
    }

    #[test]
    fn paths_and_methods_are_those_of_the_routes() {
        let document = document();
        let found: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(move |method| (path.clone(), method.to_ascii_uppercase()))
            })
            .collect();
        let expected = TABLE.iter().flat_map(|route| {
            let paths = route.paths.iter();
            paths.flat_map(|path| {
                let methods = route.methods.iter();
                methods.map(move |method| ((*path).to_owned(), (*method).to_owned()))
            })
        });
        assert_eq!(found, expected.collect());
    }

    #[test]
    fn what_is_in_a_path_is_a_parameter_and_the_other_way_round() {
        for route in TABLE {
            let has_id = route.paths.iter().any(|path| path.contains("{id}"));
            assert_eq!(route.doc.id.is_some(), has_id, "{}", route.function);
        }
    }

    #[test]
    fn operation_ids_are_unique_and_tags_are_listed() {
        let document = document();
        let mut ids = BTreeSet::new();
        for item in document["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap().to_owned();
                assert!(ids.insert(id.clone()), "{id}");
                let tag = operation["tags"][0].as_str().unwrap();
                assert!(TAGS.iter().any(|(name, _)| *name == tag), "{id}: {tag}");
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn check(document: &Value, value: &Value) {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(reference)) = fields.get("$ref") {
                        let pointer = reference.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                    }
                    fields.values().for_each(|value| check(document, value));
                }
                Value::Array(items) => items.iter().for_each(|value| check(document, value)),
                _ => {}
            }
        }
        let document = document();
        check(&document, &document);
    }

    #[test]
    fn fields_that_are_always_sent_are_required_and_recordings_are_not_named() {
        let schemas = &document()["components"]["schemas"];
        let stub = &schemas["AllocationStub"];
        let required = stub["required"].as_array().unwrap();
        assert!(required.contains(&json!("TaskStates")), "{stub}");
        assert_eq!(stub["description"], "An allocation in a list.");
        assert_eq!(without_brackets("a [0, 1]b [x] ["), "ab [x] [");
    }
}
