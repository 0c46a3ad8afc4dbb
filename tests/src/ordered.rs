//! JSON whose keys keep the order they came in, twice the same key included.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// A JSON value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object, its fields in their order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a whole text.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes)
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(bytes)))
    }

    /// The same without its order.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(value) => Value::Number(value.clone()),
            Self::Text(value) => Value::String(value.clone()),
            Self::Array(items) => items.iter().map(Self::value).collect(),
            Self::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(key, item)| (key.clone(), item.value()))
                    .collect(),
            ),
        }
    }

    /// Where keys do not come sorted by name, or come twice.
    #[must_use]
    pub fn disorder(&self) -> Vec<String> {
        let mut faults = Vec::new();
        self.collect_disorder("$", &mut faults);
        faults
    }

    fn collect_disorder(&self, place: &str, faults: &mut Vec<String>) {
        match self {
            Self::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    item.collect_disorder(&format!("{place}[{position}]"), faults);
                }
            }
            Self::Object(fields) => {
                for pair in fields.windows(2) {
                    if pair[0].0 >= pair[1].0 {
                        faults.push(format!(
                            "{place}: {:?} comes before {:?}",
                            pair[0].0, pair[1].0
                        ));
                    }
                }
                for (key, item) in fields {
                    item.collect_disorder(&format!("{place}.{key}"), faults);
                }
            }
            _ => {}
        }
    }

    /// Written without any space, as Go's `json.Marshal` writes.
    #[must_use]
    pub fn compact(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, None);
        text
    }

    /// Written as 2.x's `pretty` writes: four spaces a level, a final newline.
    #[must_use]
    pub fn pretty(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, Some(0));
        text.push('\n');
        text
    }

    fn write(&self, text: &mut String, depth: Option<usize>) {
        let items: Vec<(Option<&str>, &Self)> = match self {
            Self::Null => return text.push_str("null"),
            Self::Bool(value) => return text.push_str(&value.to_string()),
            Self::Number(value) => return text.push_str(&value.to_string()),
            Self::Text(value) => return text.push_str(&quoted(value)),
            Self::Array(items) => items.iter().map(|item| (None, item)).collect(),
            Self::Object(fields) => fields
                .iter()
                .map(|(key, item)| (Some(key.as_str()), item))
                .collect(),
        };
        let (open, close) = if matches!(self, Self::Array(_)) {
            ('[', ']')
        } else {
            ('{', '}')
        };
        let inner = depth.map(|depth| depth + 1);
        let line = |text: &mut String, depth: Option<usize>| {
            if let Some(depth) = depth {
                text.push('\n');
                text.push_str(&"    ".repeat(depth));
            }
        };
        text.push(open);
        for (position, (key, item)) in items.iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            line(text, inner);
            if let Some(key) = key {
                text.push_str(&quoted(key));
                text.push_str(if depth.is_some() { ": " } else { ":" });
            }
            item.write(text, inner);
        }
        if !items.is_empty() {
            line(text, depth);
        }
        text.push(close);
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AsItCame)
    }
}

struct AsItCame;

impl<'de> Visitor<'de> for AsItCame {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value)
            .map(Json::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(field) = fields.next_entry()? {
            list.push(field);
        }
        Ok(Json::Object(list))
    }
}

#[cfg(test)]
mod tests {
    use crate::recording::{DTLE_2, all};

    use super::*;

    #[test]
    fn disorder_is_found_at_every_depth() {
        let json = Json::parse(br#"{"a":[{"c":1,"b":2}],"d":{"e":1,"e":2}}"#);
        assert_eq!(
            json.disorder(),
            [
                r#"$.a[0]: "c" comes before "b""#,
                r#"$.d: "e" comes before "e""#
            ]
        );
        assert_eq!(json.compact(), r#"{"a":[{"c":1,"b":2}],"d":{"e":1,"e":2}}"#);
    }

    // --- the recordings themselves ---

    /// The printers that the other tests compare with print what 2.x printed: the
    /// recorded lengths are those of 2.x's bytes.
    #[test]
    fn recorded_bodies_have_their_recorded_lengths() {
        let mut compared = 0;
        for recording in all(DTLE_2).iter() {
            let Some(length) = recording.header("content-length") else {
                continue;
            };
            if recording.header("content-encoding").is_some() {
                continue;
            }
            let body = match &recording.json {
                Some(json) if recording.target.contains("pretty") => {
                    Json::parse(json.to_string().as_bytes()).pretty()
                }
                Some(json) => Json::parse(json.to_string().as_bytes()).compact(),
                None => recording.text.clone(),
            };
            assert_eq!(length, body.len().to_string(), "{}", recording.name);
            compared += 1;
        }
        assert!(compared > 90, "{compared}");
    }
}
