//! An answer against a recording.
//!
//! Two answers are the same when they have the same status, the same header
//! names, the same text, and JSON with the same keys, types and values at
//! every depth. Free are only: what the clock says, raft indexes, random IDs,
//! and ports; and of those the format is held. An integer is not a float:
//! Nomad prints `2.0` and `2` for different things.

use serde_json::Value;

/// Numbers that differ from run to run.
const FREE_NUMBERS: &[&str] = &[
    "AllocModifyIndex",
    "AllocationTime",
    "CreateIndex",
    "CreateTime",
    "EvalCreateIndex",
    "HTTP",
    "Index",
    "JobCreateIndex",
    "JobModifyIndex",
    "JobSpecModifyIndex",
    "ModifyIndex",
    "ModifyTime",
    "NormScore",
    "Port",
    "RPC",
    "Serf",
    "SnapshotIndex",
    "StartDelay",
    "StatusUpdatedAt",
    "SubmitTime",
    "Time",
    "Timestamp",
    "binpack",
    "DiskMB/node",
];

/// Texts that depend on the machine or on when the agent was asked.
const FREE_TEXTS: &[&str] = &[
    "ComputedClass",
    "applied_index",
    "bytesfree",
    "commit_index",
    "consul",
    "goroutines",
    "heartbeat_ttl",
    "last_heartbeat",
    "last_log_index",
    "os.signals",
    "port",
    "start_delay",
    "unique.consul.name",
    "unique.storage.bytesfree",
];

/// The IDs the story itself chooses.
const STORY_IDS: &[&str] = &[
    "8ce4b408-8c64-41b9-04d7-baf451348e89",
    "69f299dc-49ee-a8c3-d95b-60b9afeaf186",
];

/// Adds what differs to `faults`, each with its place.
pub(crate) fn json(recorded: &Value, actual: &Value, place: &str, faults: &mut Vec<String>) {
    match (recorded, actual) {
        (Value::Object(recorded), Value::Object(actual)) => {
            for key in recorded.keys().filter(|key| !actual.contains_key(*key)) {
                faults.push(format!("{place}: lacks {key:?}"));
            }
            for key in actual.keys().filter(|key| !recorded.contains_key(*key)) {
                faults.push(format!("{place}: has {key:?} = {}", actual[key]));
            }
            for (key, value) in recorded {
                if let Some(other) = actual.get(key) {
                    json(value, other, &format!("{place}.{key}"), faults);
                }
            }
        }
        (Value::Array(recorded), Value::Array(actual)) => {
            if recorded.len() != actual.len() {
                let kinds = |items: &[Value]| -> Vec<String> {
                    items
                        .iter()
                        .filter_map(|i| i.get("Type").or(i.get("ID")).map(ToString::to_string))
                        .collect()
                };
                faults.push(format!(
                    "{place}: {} items recorded, {} here: {:?} {:?}",
                    recorded.len(),
                    actual.len(),
                    kinds(recorded),
                    kinds(actual)
                ));
                return;
            }
            let (recorded, actual) = (ordered(recorded), ordered(actual));
            for (position, (one, other)) in recorded.iter().zip(&actual).enumerate() {
                json(one, other, &format!("{place}[{position}]"), faults);
            }
        }
        (Value::Number(one), Value::Number(other)) => {
            let key = place.rsplit('.').next().unwrap_or_default();
            if one.is_f64() != other.is_f64() {
                faults.push(format!(
                    "{place}: {one} recorded, {other} here: integer against float"
                ));
            } else if one != other && !FREE_NUMBERS.contains(&key) {
                faults.push(format!("{place}: {one} recorded, {other} here"));
            }
        }
        (Value::String(one), Value::String(other)) => {
            let free = FREE_TEXTS
                .iter()
                .any(|key| place.ends_with(&format!(".{key}")));
            if !free && !alike(one, other) {
                faults.push(format!("{place}: {one:?} recorded, {other:?} here"));
            }
        }
        (one, other) if one == other => {}
        (one, other) => faults.push(format!("{place}: {one} recorded, {other} here")),
    }
}

/// Lists that Nomad sorts by a random ID are put into an order of their own.
fn ordered(items: &[Value]) -> Vec<&Value> {
    let mut items: Vec<&Value> = items.iter().collect();
    let field =
        |item: &Value, name: &str| item.get(name).map(ToString::to_string).unwrap_or_default();
    items.sort_by_key(|item| {
        if item.get("TaskStates").is_some() || item.get("TriggeredBy").is_some() {
            [
                field(item, "JobID"),
                field(item, "TaskGroup"),
                field(item, "TriggeredBy"),
                format!("{:>5}", field(item, "JobVersion")),
                format!("{:>12}", field(item, "CreateIndex")),
            ]
        } else {
            Default::default()
        }
    });
    items
}

/// Equal, or of one format where the content is free.
fn alike(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    if STORY_IDS.iter().any(|id| one.contains(id)) {
        return false;
    }
    let shape = |text: &str| -> String {
        if uuid(text) {
            return "uuid".to_owned();
        }
        if time(text) {
            return "time".to_owned();
        }
        let mut text = text.to_owned();
        // A server's ID in Raft.
        if let Some((_, rest)) = text.split_once("Voter ID:")
            && let Some(id) = rest.get(..36).filter(|id| uuid(id))
        {
            text = text.replace(id, "uuid");
        }
        for sign in ["127.0.0.1:", "Task restarting in "] {
            if text.contains(sign) {
                text = numbers_hidden(&text);
            }
        }
        text
    };
    shape(one) == shape(other)
}

pub(crate) fn uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit() && !c.is_ascii_uppercase(),
        })
}

/// RFC 3339 in UTC as Go prints it: no trailing zeros in the fraction.
pub(crate) fn time(text: &str) -> bool {
    let Some(text) = text.strip_suffix('Z') else {
        return false;
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "1"));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    whole.len() == 19
        && whole.char_indices().all(|(at, c)| match at {
            4 | 7 => c == '-',
            10 => c == 'T',
            13 | 16 => c == ':',
            _ => c.is_ascii_digit(),
        })
        && digits(fraction)
        && (1..=9).contains(&fraction.len())
        && !fraction.ends_with('0')
}

/// A text with each run of digits (and a fraction) replaced, and GTID sets.
pub(crate) fn numbers_hidden(text: &str) -> String {
    let mut text = text.to_owned();
    let sign = "\"GtidSet\":\"";
    if let Some(at) = text.find(sign) {
        let from = at + sign.len();
        let length = text[from..].find('"').expect("a closing quote");
        let gtid = text[from..from + length].to_owned();
        let (source, last) = gtid.split_once(':').expect("a GTID set");
        assert!(uuid(source), "{gtid}");
        assert!(
            last.chars().all(|c| c.is_ascii_digit() || c == '-'),
            "{gtid}"
        );
        text.replace_range(from..from + length, "gtid");
    }
    let mut out = String::new();
    let mut within = false;
    for c in text.chars() {
        if c.is_ascii_digit() {
            if !within {
                out.push('#');
            }
            within = true;
        } else if !(within && c == '.') {
            within = false;
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as value;

    fn faults(recorded: &Value, actual: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        json(recorded, actual, "", &mut faults);
        faults
    }

    #[test]
    fn the_comparison_sees_every_kind_of_difference() {
        let recorded = value!({"A": {"B": [{"C": null, "D": 1, "E": "x", "F": 2.0}]}, "Time": 5,
            "EvalID": "0d218acc-283d-a5da-17e1-0372a0ffe271", "StartedAt": "2026-11-23T08:41:21.668098372Z"});
        assert_eq!(faults(&recorded, &recorded), Vec::<String>::new());
        let mut other = recorded.clone();
        other["Time"] = value!(6);
        other["EvalID"] = value!("1d218acc-283d-a5da-17e1-0372a0ffe271");
        other["StartedAt"] = value!("2026-11-24T08:41:21.6Z");
        assert_eq!(
            faults(&recorded, &other),
            Vec::<String>::new(),
            "free values are free"
        );
        for (pointer, wrong) in [
            ("/A/B/0/C", value!("")),
            ("/A/B/0/D", value!(2)),
            ("/A/B/0/D", value!(1.0)),
            ("/A/B/0/E", value!("y")),
            ("/A/B/0/F", value!(2)),
            ("/A/B", value!([])),
            ("/A/B/0", value!({"C": null, "D": 1, "E": "x"})),
            (
                "/A/B/0",
                value!({"C": null, "D": 1, "E": "x", "F": 2.0, "G": 1}),
            ),
            ("/Time", value!("5")),
            ("/Time", value!(null)),
            ("/EvalID", value!("")),
            ("/EvalID", value!("0D218ACC-283D-A5DA-17E1-0372A0FFE271")),
            ("/StartedAt", value!("2026-11-23T08:41:21.660Z")),
            ("/StartedAt", value!(null)),
        ] {
            let mut other = recorded.clone();
            *other.pointer_mut(pointer).expect("a place") = wrong.clone();
            assert_ne!(
                faults(&recorded, &other),
                Vec::<String>::new(),
                "{pointer} = {wrong}"
            );
        }
    }
}
