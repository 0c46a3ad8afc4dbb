//! Template characters: what goes to Nomad comes back as it was.
#![no_main]

use dtle_translate::template::{escape_value, unescape_value};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let value = Value::String(text.to_owned());
    let escaped = escape_value(&value);
    assert_eq!(unescape_value(&escaped), value);
    let literal = escaped.as_str().unwrap_or_default();
    let literal = literal.replace("$${", "#").replace("%%{", "#");
    assert!(!literal.contains("${") && !literal.contains("%{"));
});
