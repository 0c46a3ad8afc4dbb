//! What a set of recorded answers has in common, and whether another answer has
//! it too: keys, nulls, JSON types and the formats of texts, at every depth.
//!
//! A shape is learnt from recordings alone. What it has seen is allowed, and
//! nothing else: a field that every recording has must be there, one that none
//! has must not, `null` is only where it was seen.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Objects whose keys are data: all values have one shape.
const MAPS: &[&str] = &[
    "ClassEligibility",
    "ClassExhausted",
    "ClassFiltered",
    "ConstraintFiltered",
    "DimensionExhausted",
    "FailedTGAllocs",
    "NodesAvailable",
    "QueuedAllocations",
    "Scores",
    "TaskStates",
    "Attributes",
];

/// Objects of which every key is optional, and that may have others.
const BAGS: &[&str] = &["Config", "ConnectionConfig", "Tags"];

/// What is known of the texts in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    /// `""`
    Empty,
    /// RFC 3339 in UTC, as Go prints it.
    Time,
    /// A UUID.
    Uuid,
    /// `ip:port`
    Address,
    /// Any other.
    Free,
}

/// What recorded values of one place have in common.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    null: bool,
    boolean: bool,
    integer: bool,
    float: bool,
    texts: BTreeSet<Format>,
    items: Option<Box<Shape>>,
    fields: Option<BTreeMap<String, Shape>>,
    /// Fields that were always there.
    required: BTreeSet<String>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Struct,
    Map,
    Bag,
}

impl Shape {
    /// Of several recorded values.
    #[must_use]
    pub fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut shape = Self::default();
        for value in values {
            shape.learn(value, "");
        }
        shape
    }

    /// Learns one more value.
    pub fn learn(&mut self, value: &Value, name: &str) {
        match value {
            Value::Null => self.null = true,
            Value::Bool(_) => self.boolean = true,
            Value::Number(number) if number.is_f64() => self.float = true,
            Value::Number(_) => self.integer = true,
            Value::String(text) => {
                self.texts.insert(format_of(text));
            }
            Value::Array(items) => {
                let shape = self.items.get_or_insert_default();
                for item in items {
                    shape.learn(item, name);
                }
            }
            Value::Object(fields) => self.learn_object(fields, name),
        }
    }

    fn learn_object(&mut self, fields: &serde_json::Map<String, Value>, name: &str) {
        self.kind = if MAPS.contains(&name) {
            Kind::Map
        } else if BAGS.contains(&name) {
            Kind::Bag
        } else {
            Kind::Struct
        };
        let names: BTreeSet<String> = fields.keys().cloned().collect();
        let first = self.fields.is_none();
        let known = self.fields.get_or_insert_default();
        for (key, value) in fields {
            match self.kind {
                Kind::Map => known.entry("*".to_owned()).or_default().learn(value, "*"),
                _ => known.entry(key.clone()).or_default().learn(value, key),
            }
        }
        self.required = match (self.kind, first) {
            (Kind::Struct, true) => names,
            (Kind::Struct, false) => self.required.intersection(&names).cloned().collect(),
            _ => BTreeSet::new(),
        };
    }

    /// The shape of a field, to teach it what the contract has beyond the
    /// recordings; `[]` goes into an array, `*` into a map.
    ///
    /// # Panics
    /// When there is none.
    pub fn at(&mut self, path: &[&str]) -> &mut Self {
        path.iter().fold(self, |shape, name| match *name {
            "[]" => shape.items.as_deref_mut().expect("an array"),
            name => shape
                .fields
                .as_mut()
                .and_then(|fields| fields.get_mut(name))
                .unwrap_or_else(|| panic!("no {name} in {path:?}")),
        })
    }

    /// What is different about a value.
    #[must_use]
    pub fn faults(&self, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(value, "$", &mut faults);
        faults
    }

    fn check(&self, value: &Value, place: &str, faults: &mut Vec<String>) {
        let fits = match value {
            Value::Null => self.null,
            Value::Bool(_) => self.boolean,
            // In a Config 2.x prints `2.0`, here it is `2`.
            Value::Number(_) if place.contains(".Config.") => self.integer || self.float,
            Value::Number(number) if number.is_f64() => self.float,
            Value::Number(_) => self.integer,
            Value::String(text) => self.takes(text),
            Value::Array(items) => {
                if let Some(shape) = &self.items {
                    for (position, item) in items.iter().enumerate() {
                        shape.check(item, &format!("{place}[{position}]"), faults);
                    }
                }
                self.items.is_some()
            }
            Value::Object(fields) => {
                if let Some(known) = &self.fields {
                    self.check_object(known, fields, place, faults);
                }
                self.fields.is_some()
            }
        };
        if !fits {
            let mut shown = value.to_string();
            if let Some((end, _)) = shown.char_indices().nth(80) {
                shown.truncate(end);
            }
            faults.push(format!("{place}: 2.x never has {shown} here"));
        }
    }

    fn check_object(
        &self,
        known: &BTreeMap<String, Shape>,
        fields: &serde_json::Map<String, Value>,
        place: &str,
        faults: &mut Vec<String>,
    ) {
        for key in self
            .required
            .iter()
            .filter(|key| !fields.contains_key(*key))
        {
            faults.push(format!("{place}: lacks {key:?}"));
        }
        for (key, value) in fields {
            let inner = format!("{place}.{key}");
            let shape = match self.kind {
                Kind::Map => known.get("*"),
                _ => known.get(key),
            };
            match (shape, self.kind) {
                (Some(shape), _) => shape.check(value, &inner, faults),
                (None, Kind::Struct) => faults.push(format!("{place}: 2.x has no {key:?}")),
                (None, _) => {}
            }
        }
    }

    fn takes(&self, text: &str) -> bool {
        let format = format_of(text);
        // Texts that were only ever empty say nothing about what they can be.
        let only_empty = self.texts.iter().all(|seen| *seen == Format::Empty);
        self.texts.contains(&format)
            || self.texts.contains(&Format::Free)
            || (only_empty && !self.texts.is_empty())
    }
}

fn format_of(text: &str) -> Format {
    if text.is_empty() {
        Format::Empty
    } else if is_time(text) {
        Format::Time
    } else if is_uuid(text) {
        Format::Uuid
    } else if text.parse::<std::net::SocketAddr>().is_ok() {
        Format::Address
    } else {
        Format::Free
    }
}

/// `2026-11-23T08:36:08.893639231Z`: at most nine decimals, no trailing zeros,
/// no fraction at all on a whole second.
#[must_use]
pub fn is_time(text: &str) -> bool {
    let Some(text) = text.strip_suffix('Z') else {
        return false;
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "1"));
    whole.len() == 19
        && whole
            .bytes()
            .enumerate()
            .all(|(position, byte)| match position {
                4 | 7 => byte == b'-',
                10 => byte == b'T',
                13 | 16 => byte == b':',
                _ => byte.is_ascii_digit(),
            })
        && (1..=9).contains(&fraction.len())
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && !fraction.ends_with('0')
}

/// Eight, four, four, four and twelve hexadecimal digits.
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shape_takes_what_was_seen_and_nothing_else() {
        let one = json!({"A": null, "Time": "2026-11-23T08:36:08.89Z", "N": 1, "Config": {"x": 1}});
        let two = json!({"A": "", "Time": "2026-11-23T08:36:08Z", "N": 2, "B": [], "Config": {}});
        let shape = Shape::of([&one, &two]);
        assert_eq!(shape.faults(&one), Vec::<String>::new());
        let other = json!({"A": 5, "Time": "2026-11-23T08:36:08.890Z", "N": null, "C": 1, "Config": {"y": 1}});
        assert_eq!(
            shape.faults(&other),
            [
                "$.A: 2.x never has 5 here",
                "$: 2.x has no \"C\"",
                "$.N: 2.x never has null here",
                "$.Time: 2.x never has \"2026-11-23T08:36:08.890Z\" here",
            ]
        );
        assert_eq!(
            shape
                .faults(&json!({"A": "x", "N": 1, "Config": null}))
                .len(),
            2
        );
    }

    #[test]
    fn times_are_as_go_prints_them() {
        for (text, is) in [
            ("2026-11-23T08:36:08Z", true),
            ("2026-11-23T08:36:08.893639231Z", true),
            ("2026-11-23T08:36:08.89Z", true),
            ("2026-11-23T08:36:08.890Z", false),
            ("2026-11-23T08:36:08.Z", false),
            ("2026-11-23T08:36:08.8936392310Z", false),
            ("2026-11-23T16:36:08+08:00", false),
            ("2026-11-23 08:36:08Z", false),
        ] {
            assert_eq!(is_time(text), is, "{text}");
        }
    }
}
