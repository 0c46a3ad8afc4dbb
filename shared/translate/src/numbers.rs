//! Numbers as 2.x prints them. Nomad reads every number of a Config as a float, and
//! prints `3307.0` where `3307` was sent; here a whole number is printed as one.

use serde_json::{Number, Value};

/// Two to the power of 53: up to here a float holds every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The same value, whole floats as whole numbers, at every depth.
pub fn tidy(mut value: Value) -> Value {
    tidy_in_place(&mut value);
    value
}

/// The same, in its place.
pub fn tidy_in_place(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = whole(number) {
                *number = whole;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy_in_place),
        Value::Object(fields) => fields.values_mut().for_each(tidy_in_place),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// A whole float as a whole number; `None` for every other number.
fn whole(number: &Number) -> Option<Number> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    let is_whole = float.fract() == 0.0 && float.abs() <= EXACT;
    is_whole.then(|| Number::from(float as i64))
}

/// Whether two values are the same once they are tidy.
#[must_use]
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other
                || whole(one).as_ref().unwrap_or(one) == whole(other).as_ref().unwrap_or(other)
        }
        (Value::Array(ones), Value::Array(others)) => {
            ones.len() == others.len()
                && ones.iter().zip(others).all(|(one, other)| same(one, other))
        }
        (Value::Object(ones), Value::Object(others)) => {
            ones.len() == others.len()
                && ones
                    .iter()
                    .all(|(key, one)| others.get(key).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_floats_are_whole_numbers_and_others_stay() {
        let sent: Value =
            serde_json::from_str(r#"[3307.0, -0.0, 1e3, 0.5, 1e300, {"a": [2.0]}]"#).unwrap();
        assert_eq!(
            tidy(sent).to_string(),
            r#"[3307,0,1000,0.5,1e+300,{"a":[2]}]"#
        );
        assert_eq!(tidy(json!("3307.0")), json!("3307.0"));
    }

    #[test]
    fn what_is_the_same_is_what_is_the_same_when_it_is_tidy() {
        let texts = [
            "3307.0",
            "3307",
            "-0.0",
            "0",
            "0.5",
            "1e300",
            r#""3307""#,
            "null",
            "true",
            "[3307.0]",
            "[3307]",
            "[3307, 0]",
            r#"{"a": [2.0]}"#,
            r#"{"a": [2]}"#,
            r#"{"a": [2], "b": null}"#,
            r#"{"b": [2]}"#,
            "18446744073709551615",
        ];
        let values = texts.map(|text| serde_json::from_str::<Value>(text).unwrap());
        let mut found = 0;
        for one in &values {
            for other in &values {
                let expected = tidy(one.clone()) == tidy(other.clone());
                assert_eq!(same(one, other), expected, "{one} {other}");
                found += usize::from(expected);
            }
        }
        // Each is itself, and there are four pairs.
        assert_eq!(found, values.len() + 2 * 4);
    }
}
