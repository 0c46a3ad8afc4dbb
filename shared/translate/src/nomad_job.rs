//! A body that already is a Nomad job, checked as Nomad will read it.
//!
//! Nomad matches field names without regard to case, and takes the last of two
//! fields with one name. A `taskgroups` beside `TaskGroups`, or a `namespace`, could
//! therefore tell Nomad something that was not checked. So every field that is
//! checked goes to Nomad in its canonical spelling, and once.

use serde_json::{Map, Value};

/// The fields of a job, a group and a task that are checked or set here.
const JOB: &[&str] = &[
    "ID",
    "Name",
    "Namespace",
    "Region",
    "Datacenters",
    "Type",
    "Stop",
    "Meta",
    "Constraints",
    "Multiregion",
    "TaskGroups",
];
const GROUP: &[&str] = &[
    "Name",
    "Count",
    "Meta",
    "Constraints",
    "Affinities",
    "RestartPolicy",
    "ReschedulePolicy",
    "Tasks",
];
const TASK: &[&str] = &[
    "Name",
    "Driver",
    "Config",
    "Leader",
    "Meta",
    "Constraints",
    "Affinities",
    "Resources",
];

/// Whether an object is a Nomad job and none of 2.x's.
#[must_use]
pub fn is_nomad_job(fields: &Map<String, Value>) -> bool {
    fields
        .keys()
        .any(|name| name.eq_ignore_ascii_case("TaskGroups"))
}

/// The job with the names of its fields in canonical spelling. Names that stand
/// twice, or that Nomad might take for another, are faults.
#[must_use]
pub fn canonical(job: Map<String, Value>, faults: &mut Vec<String>) -> Map<String, Value> {
    let mut job = renamed(job, JOB, "", faults);
    each(&mut job, "TaskGroups", "", &mut |group, at| {
        let mut group = renamed(group, GROUP, at, faults);
        each(&mut group, "Tasks", at, &mut |task, at| {
            renamed(task, TASK, at, faults)
        });
        group
    });
    job
}

/// Replaces every object in an array of an object.
fn each(
    fields: &mut Map<String, Value>,
    name: &str,
    at: &str,
    replace: &mut impl FnMut(Map<String, Value>, &str) -> Map<String, Value>,
) {
    let items = fields.get_mut(name).and_then(Value::as_array_mut);
    for (position, item) in items.into_iter().flatten().enumerate() {
        if let Value::Object(fields) = item {
            let replaced = replace(std::mem::take(fields), &format!("{at}{name}[{position}]."));
            *fields = replaced;
        }
    }
}

fn renamed(
    fields: Map<String, Value>,
    known: &[&str],
    at: &str,
    faults: &mut Vec<String>,
) -> Map<String, Value> {
    let mut renamed = Map::new();
    for (name, value) in fields {
        // Go takes the long s for an s, and the sign for kelvin for a k.
        if !name.is_ascii() {
            faults.push(format!("{at}{name:?} is no field of a Nomad job"));
            continue;
        }
        let canonical = known.iter().find(|known| known.eq_ignore_ascii_case(&name));
        let name = canonical.map_or(name, |known| (*known).to_owned());
        if renamed.insert(name.clone(), value).is_some() {
            faults.push(format!("{at}{name} is given twice, in two spellings"));
        }
    }
    renamed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(job: &Value) -> Result<Value, String> {
        let mut faults = Vec::new();
        let job = canonical(job.as_object().unwrap().clone(), &mut faults);
        if faults.is_empty() {
            Ok(Value::Object(job))
        } else {
            Err(faults.join("; "))
        }
    }

    #[test]
    fn what_is_looked_at_goes_on_in_one_spelling() {
        let job = json!({"id": "a", "namespace": "b", "Priority": 1, "taskGroups": [
            {"name": "g", "TASKS": [{"driver": "dtle", "config": {"gtid": "", "Gtid": ""}}]},
        ]});
        let read = read(&job).unwrap();
        let expected = json!({"ID": "a", "Namespace": "b", "Priority": 1, "TaskGroups": [
            {"Name": "g", "Tasks": [{"Driver": "dtle", "Config": {"gtid": "", "Gtid": ""}}]},
        ]});
        assert_eq!(read, expected);
    }

    #[test]
    fn what_could_be_read_two_ways_is_a_fault() {
        for (job, fault) in [
            (json!({"ID": "a", "id": "b"}), "ID is given twice"),
            (
                json!({"TaskGroups": [], "taskgroups": []}),
                "TaskGroups is given twice",
            ),
            (
                json!({"TaskGroups": [{"Tasks": [{"Driver": "dtle", "driver": "raw_exec"}]}]}),
                "TaskGroups[0].Tasks[0].Driver is given twice",
            ),
            (
                json!({"TaskGroups": [], "Ta\u{17f}kGroups": []}),
                "is no field",
            ),
        ] {
            let found = read(&job).unwrap_err();
            assert!(found.contains(fault), "{found}");
        }
    }
}
