//! Numbers as 2.x prints them. Nomad reads every number of a Config as a float, and
//! prints `3307.0` where `3307` was sent; here a whole number is printed as one.

use serde_json::Value;

/// Two to the power of 53: up to here a float holds every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The same value, whole floats as whole numbers, at every depth.
pub fn tidy(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            Some(n) if n.fract() == 0.0 && n.abs() <= EXACT => Value::from(n as i64),
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(tidy).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, item)| (key, tidy(item)))
                .collect(),
        ),
        other => other,
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
}
