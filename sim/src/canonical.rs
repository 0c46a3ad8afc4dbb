//! What Nomad makes of a job that somebody sends.
//!
//! A client sends a few fields; Nomad keeps all of them, with defaults (compare
//! recording 017's request with 024's answer). Two jobs are "the same" when
//! these full forms are, so nothing else in the simulation ever looks at a job
//! as it was sent. Field names are matched without regard to case, unknown
//! ones are dropped, and wrong types are refused in the words of Go's decoder.
//!
//! The forms are the defaults, and say by them what type a field has: a text, a number, a
//! flag, an object, a list of objects or texts. `{}` is a map of texts. Where the default
//! is `null`, anything is kept as it is.

use serde_json::{Map, Value, json};

use crate::data::Document;
use crate::go;
use crate::json::{extend, find, integer, list, text};
use crate::options::Era;

/// A fault in a job's JSON: the text of a 400.
pub(crate) type TypeError = String;

/// The type that Go has for an object in this field.
fn go_type(field: &str) -> &str {
    match field {
        "Affinities" => "Affinity",
        "Constraints" => "Constraint",
        "Migrate" => "MigrateStrategy",
        "TaskGroups" => "TaskGroup",
        "Tasks" => "Task",
        "Update" => "UpdateStrategy",
        other => other,
    }
}

/// The fields of a form, each as it was sent or else by default. `path` leads from the
/// request's root to the object, whose last part decides its Go type; error texts name
/// both.
fn filled(sent: &Value, form: &Value, path: &str) -> Result<Value, TypeError> {
    let of = go_type(path.rsplit('.').next().unwrap_or(path));
    let nothing = Map::new();
    let sent = match sent {
        Value::Null => &nothing,
        Value::Object(map) => map,
        other => {
            let kind = go::kind(other);
            let place = format!("Go struct field {path} of type api.{of}");
            return Err(format!("json: cannot unmarshal {kind} into {place}"));
        }
    };
    let mut full = Map::new();
    for (field, default) in form.as_object().into_iter().flatten() {
        let given = find(sent, field).unwrap_or(&Value::Null);
        let path = format!("{path}.{field}");
        let wrong = |value: &Value, wanted: &str| {
            let kind = go::kind(value);
            let place = format!("Go struct field {of}.{path} of type {wanted}");
            Err(format!("json: cannot unmarshal {kind} into {place}"))
        };
        let value = match (default, given) {
            (Value::Object(form), Value::Null) if form.is_empty() => Value::Null,
            (Value::Object(form), Value::Object(map)) if form.is_empty() => {
                if let Some(other) = map.values().find(|value| !value.is_string()) {
                    return wrong(other, "string");
                }
                some(given)
            }
            (Value::Object(form), other) if form.is_empty() => {
                return wrong(other, "map[string]string");
            }
            (Value::Object(_), given) => filled(given, default, &path)?,
            (Value::Array(_), Value::Null) => Value::Null,
            (Value::Array(form), Value::Array(items)) => {
                let item = form.first().unwrap_or(&Value::Null);
                let each = items.iter().map(|given| match (item, given) {
                    (Value::Object(_), given) => filled(given, item, &path),
                    (Value::String(_), given) if !given.is_string() => wrong(given, "string"),
                    (_, given) => Ok(given.clone()),
                });
                some(&each.collect::<Result<Value, TypeError>>()?)
            }
            (Value::Array(form), other) => {
                let of_text = form.first().is_some_and(Value::is_string);
                let item = format!("[]*api.{}", go_type(field));
                return wrong(other, if of_text { "[]string" } else { &item });
            }
            (Value::Null, given) => some(given),
            (default, Value::Null) => default.clone(),
            (Value::String(_), given) if !given.is_string() => return wrong(given, "string"),
            (Value::Number(_), given) if !given.is_i64() => return wrong(given, "int"),
            (Value::Bool(_), given) if !given.is_boolean() => return wrong(given, "bool"),
            (_, given) => given.clone(),
        };
        full.insert(field.clone(), value);
    }
    Ok(Value::Object(full))
}

/// An empty list or object is `null` to Nomad.
fn some(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Object(map) if map.is_empty() => Value::Null,
        other => other.clone(),
    }
}

/// The form of a job, a group or a task.
fn form(of: &str, era: Era) -> Value {
    let forms = era.document(Document::Forms);
    forms.get(of).cloned().unwrap_or_default()
}

/// The full form of a job that came in a request. What only Nomad sets
/// (indexes, Status, Version, SubmitTime) is zero or empty in it.
pub(crate) fn job(sent: &Value, era: Era) -> Result<Value, TypeError> {
    let given = |field| {
        let sent = sent.as_object().and_then(|sent| find(sent, field));
        sent.filter(|sent| !sent.is_null())
    };
    let kind = given("Type").and_then(Value::as_str).unwrap_or_default();
    let mut form = form("job", era);
    if !matches!(kind, "" | "service") && given("Update").is_none() {
        extend(
            &mut form,
            json!({"Update": {"MaxParallel": 0, "Stagger": 0}}),
        );
    }
    let mut job = filled(sent, &form, "Job")?;
    let name = text(&job, "ID").to_owned();
    for (field, default) in [
        ("Type", "service"),
        ("Region", "global"),
        ("Namespace", "default"),
        ("Name", &name),
    ] {
        if text(&job, field).is_empty() {
            extend(&mut job, json!({ field: default }));
        }
    }
    if integer(&job, "Priority") == Some(0) {
        extend(&mut job, json!({"Priority": 50}));
    }
    let own = json!({
        "CreateIndex": 0, "Dispatched": false, "JobModifyIndex": 0, "ModifyIndex": 0,
        "NomadTokenID": "", "Stable": false, "Status": "", "StatusDescription": "",
        "SubmitTime": 0, "Version": 0,
    });
    extend(&mut job, own);
    if era == Era::First {
        extend(&mut job, json!({"VaultToken": ""}));
    } else if list(&job, "Datacenters").is_empty() {
        extend(&mut job, json!({"Datacenters": ["*"]}));
    }
    // Of a job's own Update Nomad keeps two fields; the rest goes into the groups. A job
    // that was read back carries zeros, which mean that nothing was given.
    let zero = json!({
        "AutoPromote": false, "AutoRevert": false, "Canary": 0, "HealthCheck": "",
        "HealthyDeadline": 0, "MaxParallel": 0, "MinHealthyTime": 0, "ProgressDeadline": 0,
        "Stagger": 0,
    });
    let update = given("Update").unwrap_or(&Value::Null);
    let mut update = filled(update, &zero, "Job.Update")?;
    if let (Some(update), Some(zero)) = (update.as_object_mut(), zero.as_object()) {
        update.retain(|field, value| field != "Canary" && zero.get(field) != Some(&*value));
    }
    if let Some(groups) = job.get_mut("TaskGroups").and_then(Value::as_array_mut) {
        for each in groups {
            *each = group(each, &update, kind == "batch", era)?;
        }
    }
    if let Some(own) = job.get_mut("Update") {
        let kept = std::mem::replace(own, zero);
        extend(own, kept);
    }
    Ok(job)
}

/// A group; `update` is what the job's own Update says, `batch` whether the job is one.
fn group(sent: &Value, update: &Value, batch: bool, era: Era) -> Result<Value, TypeError> {
    let mut form = form("group", era);
    if batch {
        extend(&mut form, self::form("batch_group", era));
    }
    if let Some(defaults) = form.get_mut("Update") {
        extend(defaults, update.clone());
    }
    let mut group = filled(sent, &form, "Job.TaskGroups")?;
    if batch {
        extend(&mut group, json!({"Migrate": null, "Update": null}));
    }
    // A task takes what its policy lacks from its group's.
    let restart = group.get("RestartPolicy").cloned();
    if let Some(tasks) = group.get_mut("Tasks").and_then(Value::as_array_mut) {
        for each in tasks {
            *each = task(each, restart.as_ref(), era)?;
        }
    }
    Ok(group)
}

fn task(sent: &Value, restart: Option<&Value>, era: Era) -> Result<Value, TypeError> {
    let mut form = form("task", era);
    extend(&mut form, json!({ "RestartPolicy": restart }));
    let path = "Job.TaskGroups.Tasks";
    let mut task = filled(sent, &form, path)?;
    if task.get("Identity").is_some_and(Value::is_null) {
        era.add("identity", &mut task);
    }
    match task.get_mut("Config") {
        Some(config @ Value::Object(_)) => go::to_float64(config),
        None | Some(Value::Null) => {}
        Some(other) => {
            let kind = go::kind(other);
            let place = format!("Task.{path}.Config of type map[string]interface {{}}");
            return Err(format!(
                "json: cannot unmarshal {kind} into Go struct field {place}"
            ));
        }
    }
    Ok(task)
}

/// What only Nomad sets. Two jobs that differ in nothing else are the same
/// job to it, and get no new version.
const BOOKKEEPING: &str = "CreateIndex ModifyIndex JobModifyIndex Status StatusDescription \
                           Stable SubmitTime Version";

/// Whether a new full form differs from the registered one in anything that
/// counts.
pub(crate) fn changed(registered: &Value, sent: &Value) -> bool {
    let fields = sent.as_object().into_iter().flatten();
    let own = |field: &str| BOOKKEEPING.split_whitespace().any(|own| own == field);
    let mut counting = fields.filter(|(field, _)| !own(field));
    counting.any(|(field, value)| registered.get(field) != Some(value))
}
