//! Template characters in a Config. Nomad reads every string of it as an HCL
//! template: `${1}` silently becomes `1`, and `%{x}` fails the validation. `$${` and
//! `%%{` are the literal forms; everything else passes unchanged.

use std::borrow::Cow;

use serde_json::Value;

/// The string that Nomad's template engine turns back into `text`.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !has_any(text, ["${", "%{"]) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("${", "$${").replace("%{", "%%{"))
}

/// The opposite of [`escape`].
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !has_any(text, ["$${", "%%{"]) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("$${", "${").replace("%%{", "%{"))
}

/// Whether a text has one of these openings. Hardly any text has a brace at all.
fn has_any(text: &str, openings: [&str; 2]) -> bool {
    text.contains('{') && openings.iter().any(|opening| text.contains(opening))
}

/// [`escape`] in every string of a value, keys included.
pub fn escape_value(value: &mut Value) {
    change_strings(value, &escape);
}

/// [`unescape`] in every string of a value, keys included.
pub fn unescape_value(value: &mut Value) {
    change_strings(value, &unescape);
}

fn change_strings(value: &mut Value, change: &dyn Fn(&str) -> Cow<'_, str>) {
    let changed = |text: &str| match change(text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => Some(changed),
    };
    match value {
        Value::String(text) => {
            if let Some(changed) = changed(text) {
                *text = changed;
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| change_strings(item, change)),
        Value::Object(fields) => {
            if fields.keys().any(|key| changed(key).is_some()) {
                let all = std::mem::take(fields).into_iter();
                *fields = all
                    .map(|(key, item)| (changed(&key).unwrap_or(key), item))
                    .collect();
            }
            fields
                .values_mut()
                .for_each(|item| change_strings(item, change));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

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

    #[test]
    fn keys_and_texts_at_every_depth_change() {
        let plain = json!({"${a}": [{"b": "%{c}", "d": [1, null, true]}], "e": "${f}"});
        let mut value = plain.clone();
        escape_value(&mut value);
        let sent = json!({"$${a}": [{"b": "%%{c}", "d": [1, null, true]}], "e": "$${f}"});
        assert_eq!(value, sent);
        unescape_value(&mut value);
        assert_eq!(value, plain);
    }

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(text in r"([$%{}]|\PC){0,40}") {
            let sent = escape(&text);
            prop_assert_eq!(unescape(&sent), text.as_str());
        }
    }
}
