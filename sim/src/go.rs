//! How Go prints things.
//!
//! Nomad's answers come out of Go's codecs, and clients see the marks of it:
//! a number of a driver's Config comes back as `2.0`, a delay reads
//! `2.277714749s`, a body that is no JSON is refused in the words of Go's
//! scanner. Everything of that kind is here, so that the rest of the
//! simulation can think in values.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// Compact JSON with floats as Nomad's codec prints them: every float carries
/// a `.0` or an exponent (recording 024: `"ParallelWorkers": 2.0`).
struct Compact(CompactFormatter);

impl Formatter for Compact {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(float(value).as_bytes())
    }
}

/// Compact JSON of a value, as Nomad sends it.
pub(crate) fn encode(value: &Value) -> Bytes {
    let mut out = Vec::with_capacity(512);
    let mut serializer = Serializer::with_formatter(&mut out, Compact(CompactFormatter));
    // Writing a `Value` into a `Vec` cannot fail: there is no I/O in it, and
    // every key is a string.
    let _infallible = value.serialize(&mut serializer);
    Bytes::from(out)
}

/// The same body, as `?pretty` shows it: four spaces an indent, and a final
/// newline. Floats beyond 1e16 read as Rust prints them.
pub(crate) fn pretty(body: &Bytes) -> Bytes {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return body.clone();
    };
    let mut out = Vec::with_capacity(body.len() * 2);
    let indented = PrettyFormatter::with_indent(b"    ");
    let _infallible = value.serialize(&mut Serializer::with_formatter(&mut out, indented));
    out.push(b'\n');
    Bytes::from(out)
}

/// A float as Nomad's codec prints it: `2.0`, `0.5`, `1e+21`, `1e-07`.
pub(crate) fn float(value: f64) -> String {
    let (abs, text) = (value.abs(), format!("{value:e}"));
    match text.split_once('e') {
        Some((mantissa, exponent)) if abs != 0.0 && !(1e-6..1e21).contains(&abs) => {
            let sign = if abs < 1.0 { '-' } else { '+' };
            let digits = exponent.trim_start_matches('-');
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        _ if value.fract() == 0.0 => format!("{value:.1}"),
        _ => format!("{value}"),
    }
}

/// Turns every number of a value into a float, as Go does with JSON that
/// it decodes into `interface{}`. An integer above 2^53 loses digits here.
pub(crate) fn to_float64(value: &mut Value) {
    match value {
        Value::Number(number) => *value = number.as_f64().into(),
        Value::Array(items) => items.iter_mut().for_each(to_float64),
        Value::Object(map) => map.values_mut().for_each(to_float64),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// A duration in nanoseconds as Go's `Duration.String` prints it: `5s`,
/// `10m0s`, `2.277714749s`, `1.5ms`. A negative one reads as none.
pub(crate) fn duration(nanoseconds: i64) -> String {
    let total = nanoseconds.max(0);
    let (unit, size, digits) = match total {
        0 => return "0s".to_owned(),
        1..1_000 => ("ns", 1, 0),
        1_000..1_000_000 => ("µs", 1_000, 3),
        1_000_000..1_000_000_000 => ("ms", 1_000_000, 6),
        _ => ("s", 1_000_000_000, 9),
    };
    let (whole, fraction) = (total / size, total % size);
    let fraction = format!(".{fraction:0digits$}");
    let fraction = fraction.trim_end_matches(['0', '.']);
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        _ if unit != "s" => format!("{whole}{fraction}{unit}"),
        (0, 0, seconds) => format!("{seconds}{fraction}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}{fraction}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

/// Go's `time.ParseDuration`. `None` is its error; a negative duration is
/// zero here, which Nomad treats as "not given".
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    if matches!(text, "0" | "+0" | "-0") {
        return Some(Duration::ZERO);
    }
    // The library knows more units than Go, and forms with words and spaces.
    let of_go = |c: char| c.is_ascii_digit() || "+-.nuµμmsh".contains(c);
    if !text.chars().all(of_go) {
        return None;
    }
    let parsed: SignedDuration = text.parse().ok()?;
    Some(Duration::try_from(parsed).unwrap_or(Duration::ZERO))
}

/// What Go's JSON decoder says about a body that is no JSON (recording 082).
pub(crate) fn syntax_error(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected EOF".to_owned();
    }
    // The column counts the bytes of the line, from 1.
    let mut lines = body.split(|byte| *byte == b'\n');
    let line = lines
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default();
    let culprit = line.get(error.column().clamp(1, line.len().max(1)) - 1);
    let shown = match culprit.map_or(' ', |byte| char::from(*byte)) {
        '\'' => "'\\''".to_owned(),
        other => format!("'{other}'"),
    };
    let message = error.to_string();
    let context = [
        (
            "key must be a string",
            "looking for beginning of object key string",
        ),
        ("`,` or `}`", "after object key:value pair"),
        ("`,` or `]`", "after array element"),
        ("expected `:`", "after object key"),
        ("trailing characters", "after top-level value"),
    ];
    let context = context.iter().find(|(ours, _)| message.contains(ours));
    let context = context.map_or("looking for beginning of value", |(_, go)| go);
    format!("invalid character {shown} {context}")
}

/// Go's name for a JSON value, as its type errors use it.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Several messages as HashiCorp's multierror prints them.
pub(crate) fn multierror<S: AsRef<str>>(messages: &[S]) -> String {
    let mut text = match messages.len() {
        1 => "1 error occurred:".to_owned(),
        count => format!("{count} errors occurred:"),
    };
    for message in messages {
        text.push_str("\n\t* ");
        text.push_str(message.as_ref());
    }
    text.push_str("\n\n");
    text
}

/// The items of a list, encoded, as one body.
pub(crate) fn array(items: impl IntoIterator<Item = Bytes>) -> Bytes {
    let mut body = vec![b'['];
    for item in items {
        if body.len() > 1 {
            body.push(b',');
        }
        body.extend_from_slice(&item);
    }
    body.push(b']');
    body.into()
}

/// Now, in nanoseconds since 1970, as Nomad's CreateTime and Event.Time.
pub(crate) fn now_nanoseconds() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

/// A point in time as Go's JSON prints it: RFC 3339 in UTC, nanoseconds with
/// trailing zeros dropped.
pub(crate) fn rfc3339(nanoseconds: i64) -> String {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).map_or_else(
        |_| "0001-01-01T00:00:00Z".to_owned(),
        |time| time.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_carry_a_point_or_an_exponent() {
        for (value, text) in [
            (2.0, "2.0"),
            (0.0, "0.0"),
            (-1.0, "-1.0"),
            (0.5, "0.5"),
            (3319.0, "3319.0"),
            (1e20, "100000000000000000000.0"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-07"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn durations_read_as_in_go() {
        for (value, text) in [
            (2_277_714_749, "2.277714749s"),
            (600_000_000_000, "10m0s"),
            (5_000_000_000, "5s"),
            (3_600_000_000_000, "1h0m0s"),
            (1_500_000, "1.5ms"),
            (0, "0s"),
        ] {
            assert_eq!(duration(value), text);
        }
    }

    #[test]
    fn durations_are_parsed_as_in_go() {
        assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        for bad in ["xx", "", "5", "1x", "s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
