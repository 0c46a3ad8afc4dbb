//! What Nomad finds wrong, or odd, in a job's full form.

use serde_json::Value;

use crate::go;
use crate::json::{flag, integer, list, text};
use crate::options::Era;

/// The faults that Nomad's validation finds; empty when there are none.
pub(crate) fn faults(job: &Value) -> Vec<String> {
    let (id, name) = (text(job, "ID"), text(job, "Name"));
    let kind = text(job, "Type");
    let datacenters = list(job, "Datacenters");
    let unnamed = datacenters.iter().any(|dc| dc.as_str() == Some(""));
    let groups = list(job, "TaskGroups");
    let priority = (1..=100).contains(&integer(job, "Priority").unwrap_or(50));
    let known = matches!(kind, "service" | "batch" | "system");
    let mut faults = found([
        (id.is_empty(), "Missing job ID"),
        (id.contains(' '), "Job ID contains a space"),
        (id.contains('\0'), "Job ID contains a null character"),
        (name.contains('\0'), "Job Name contains a null character"),
        (!known, format!("Invalid job type: {kind:?}").as_str()),
        (!priority, "Job priority must be between [1, 100]"),
        (datacenters.is_empty(), "Missing job datacenters"),
        (unnamed, "Job datacenter must be non-empty string"),
        (groups.is_empty(), "Missing job task groups"),
    ]);
    faults.extend(names(groups, "Job task group", "group"));
    faults.extend(groups.iter().filter_map(|group| {
        let what = format!("Task group {}", text(group, "Name"));
        below(&what, &group_faults(group))
    }));
    faults
}

fn group_faults(group: &Value) -> Vec<String> {
    let tasks = list(group, "Tasks");
    let leaders = tasks.iter().filter(|task| flag(task, "Leader")).count();
    let count = integer(group, "Count").unwrap_or(1);
    let mut faults = found([
        (text(group, "Name").is_empty(), "Missing task group name"),
        (count < 0, "Task group count can't be negative"),
        (tasks.is_empty(), "Missing tasks for task group"),
    ]);
    faults.extend(names(tasks, "Task", "task"));
    if leaders > 1 {
        faults.push("Only one task may be marked as leader".to_owned());
    }
    faults.extend(tasks.iter().filter_map(|task| {
        let name = text(task, "Name");
        let (slashes, null) = (name.contains(['/', '\\']), name.contains('\0'));
        let found = found([
            (name.is_empty(), "Missing task name"),
            (slashes, "Task name cannot include slashes"),
            (null, "Task name cannot include null characters"),
            (text(task, "Driver").is_empty(), "Missing task driver"),
        ]);
        below(&format!("Task {name}"), &found)
    }));
    faults
}

/// Those that hold.
fn found<const N: usize>(rules: [(bool, &str); N]) -> Vec<String> {
    let holding = rules.into_iter().filter(|(holds, _)| *holds);
    holding.map(|(_, fault)| fault.to_owned()).collect()
}

/// The faults of something in a job, as one of the job's; `None` when there are none.
fn below(what: &str, faults: &[String]) -> Option<String> {
    let all = go::multierror(faults);
    (!faults.is_empty()).then(|| format!("{what} validation failed: {all}"))
}

/// Items without a name, or with one that an item before them has.
fn names(items: &[Value], what: &str, short: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let (name, number) = (text(item, "Name"), position + 1);
        let first = items.iter().position(|other| text(other, "Name") == name);
        match first {
            _ if name.is_empty() => faults.push(format!("{what} {number} missing name")),
            Some(first) if first < position => faults.push(format!(
                "{what} {number} redefines '{name}' from {short} {}",
                first + 1
            )),
            _ => {}
        }
    }
    faults
}

/// Nomad's Warnings: empty when there are none (recording 053: Count 0 is less than the
/// update's MaxParallel). Later releases do not mind that.
pub(crate) fn warnings(job: &Value, era: Era) -> String {
    if era != Era::First {
        return String::new();
    }
    let points = list(job, "TaskGroups").iter().filter_map(|group| {
        let (count, name) = (integer(group, "Count").unwrap_or(1), text(group, "Name"));
        let parallel = group.pointer("/Update/MaxParallel")?.as_i64()?;
        let warning = go::multierror(&[format!(
            "Update max parallel count is greater than task group count ({parallel} > {count}). \
             A destructive change would result in the simultaneous replacement of all allocations."
        )]);
        (parallel > count).then(|| format!("* Group {name:?} has warnings: {warning}"))
    });
    let points: Vec<String> = points.collect();
    match points.len() {
        0 => String::new(),
        count => format!("{count} warning(s):\n\n{}", points.join("\n")),
    }
}
