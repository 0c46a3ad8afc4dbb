//! Template characters in a Config. Nomad reads every string of it as an HCL
//! template: `${1}` silently becomes `1`, and `%{x}` fails the validation. `$${` and
//! `%%{` are the literal forms; everything else passes unchanged.

use std::borrow::Cow;

use serde_json::Value;

/// The string that Nomad's template engine turns back into `text`.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains("${") && !text.contains("%{") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("${", "$${").replace("%{", "%%{"))
}

/// The opposite of [`escape`].
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains("$${") && !text.contains("%%{") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("$${", "${").replace("%%{", "%{"))
}

/// [`escape`] in every string of a value, keys included.
#[must_use]
pub fn escape_value(value: &Value) -> Value {
    map_strings(value, &escape)
}

/// [`unescape`] in every string of a value, keys included.
#[must_use]
pub fn unescape_value(value: &Value) -> Value {
    map_strings(value, &unescape)
}

fn map_strings(value: &Value, change: &dyn Fn(&str) -> Cow<'_, str>) -> Value {
    match value {
        Value::String(text) => Value::String(change(text).into_owned()),
        Value::Array(items) => items.iter().map(|item| map_strings(item, change)).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, item)| (change(key).into_owned(), map_strings(item, change)))
                .collect(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_template_openings_change() {
        for (plain, sent) in [
            ("${1}", "$${1}"),
            ("$1 100% \\ {x}", "$1 100% \\ {x}"),
            ("%{if}", "%%{if}"),
            ("$${x}", "$$${x}"),
            ("$%{x}", "$%%{x}"),
        ] {
            assert_eq!(escape(plain), sent);
            assert_eq!(unescape(sent), plain);
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(text in r"([$%{}]|\PC){0,40}") {
            let sent = escape(&text);
            prop_assert_eq!(unescape(&sent), text.as_str());
        }
    }
}
