//! Masked passwords: lists hide passwords, and updates may send the mask back.

use serde_json::{Map, Value};

use super::spec::JobSpec;
use crate::v2;

/// What 2.x shows instead of a password in a list [005].
pub const MASK: &str = "*";

/// The blocks of a Config that hold a password; a Kafka task has one at the top.
const BLOCKS: &[&str] = &["ConnectionConfig", "SrcOracleConfig"];
const KEY: &str = "Password";

/// Masks the passwords of a job.
pub fn mask(job: &mut v2::Job) {
    for task in &mut job.tasks {
        for password in passwords(&mut task.config.0) {
            *password = Value::String(MASK.to_owned());
        }
    }
}

/// Whether a job to be written holds a masked password, and where.
#[must_use]
pub fn masked(spec: &JobSpec) -> Vec<String> {
    let mut places = Vec::new();
    for task in &spec.tasks {
        for block in BLOCKS {
            let password = task.config.0.get(*block).and_then(|block| block.get(KEY));
            if password.and_then(Value::as_str) == Some(MASK) {
                places.push(format!("{}.{block}.{KEY}", task.side));
            }
        }
        if task.config.0.get(KEY).and_then(Value::as_str) == Some(MASK) {
            places.push(format!("{}.{KEY}", task.side));
        }
    }
    places
}

/// Puts the registered passwords where an update has masked ones, each for its own
/// side. A mask stays where no password is registered.
pub fn unmask(spec: &mut JobSpec, registered: &v2::Job) {
    for task in &mut spec.tasks {
        let Some(before) = registered
            .tasks
            .iter()
            .find(|before| before.kind == task.side.as_str())
        else {
            continue;
        };
        for block in BLOCKS {
            let known = before.config.0.get(*block).and_then(|block| block.get(KEY));
            let place = task
                .config
                .0
                .get_mut(*block)
                .and_then(|block| block.get_mut(KEY));
            replace(place, known);
        }
        replace(task.config.0.get_mut(KEY), before.config.0.get(KEY));
    }
}

/// A text without the passwords that stand in a request's body, at whatever depth.
/// No message of this program quotes a password, but the text can be Nomad's.
#[must_use]
pub fn without(mut text: String, body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return text;
    };
    let mut found = Vec::new();
    collect(&body, &mut found);
    for password in found.into_iter().filter(|it| !it.is_empty() && it != MASK) {
        let quoted = format!("{password:?}");
        text = text.replace(quoted.trim_matches('"'), MASK);
        text = text.replace(&password, MASK);
    }
    text
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if key.eq_ignore_ascii_case(KEY) => {
                        found.push(text.clone());
                    }
                    Value::Number(number) if key.eq_ignore_ascii_case(KEY) => {
                        found.push(number.to_string());
                    }
                    other => collect(other, found),
                }
            }
        }
        _ => {}
    }
}

fn replace(place: Option<&mut Value>, known: Option<&Value>) {
    if let (Some(place), Some(known)) = (place, known)
        && place.as_str() == Some(MASK)
    {
        *place = known.clone();
    }
}

/// Whatever their case: a key that a driver does not know is not made canonical.
fn passwords(config: &mut Map<String, Value>) -> Vec<&mut Value> {
    let is_key = |key: &str| key.eq_ignore_ascii_case(KEY);
    let is_block = |key: &str| BLOCKS.iter().any(|block| key.eq_ignore_ascii_case(block));
    let mut found = Vec::new();
    for (key, value) in config.iter_mut() {
        if is_key(key) {
            found.push(value);
        } else if is_block(key)
            && let Some(block) = value.as_object_mut()
        {
            let inner = block.iter_mut().filter(|(key, _)| is_key(key));
            found.extend(inner.map(|(_, value)| value));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_freed_of_the_passwords_of_a_body() {
        let body = br#"{"Job": {"Tasks": [{"Config": {"ConnectionConfig": {"password": "hu\"sh"}}},
            {"Config": {"Password": 1234567}}, {"Config": {"Password": "*"}}, {"Password": ""}]}}"#;
        let text = |text: &str| without(text.to_owned(), body);
        assert_eq!(text(r#"is hu"sh, not 1234567"#), "is *, not *");
        assert_eq!(text(r#"is "hu\"sh" * x"#), r#"is "*" * x"#);
        assert_eq!(without("hush".to_owned(), b"{hush"), "hush");
    }

    #[test]
    fn a_password_is_found_in_any_case() {
        let mut config = json!({
            "connectionconfig": {"Host": "h", "password": "p"},
            "ConnectionConfig": {"Password": "p", "PASSWORD": "p"},
            "PassWord": "p",
            "User": "u",
        });
        for password in passwords(config.as_object_mut().unwrap()) {
            *password = json!("*");
        }
        let masked = json!({
            "connectionconfig": {"Host": "h", "password": "*"},
            "ConnectionConfig": {"Password": "*", "PASSWORD": "*"},
            "PassWord": "*",
            "User": "u",
        });
        assert_eq!(config, masked);
    }
}
