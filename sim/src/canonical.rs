//! What Nomad makes of a job that somebody sends.
//!
//! A client sends a few fields; Nomad keeps all of them, with defaults (compare
//! recording 017's request with 024's answer). Two jobs are "the same" when
//! these full forms are, so nothing else in the simulation ever looks at a job
//! as it was sent. Field names are matched without regard to case, unknown
//! ones are dropped, and wrong types are refused in the words of Go's decoder.

use serde_json::{Map, Value, json};

use super::go;

/// A fault in a job's JSON: the text of a 400.
pub(crate) type TypeError = String;

/// A JSON object that is read the way Go decodes a struct.
struct Struct<'a> {
    map: Option<&'a Map<String, Value>>,
    /// The Go type, for error texts.
    name: &'static str,
    /// The path from the request's root, for error texts.
    path: String,
}

impl<'a> Struct<'a> {
    fn new(value: Option<&'a Value>, name: &'static str, path: String) -> Result<Self, TypeError> {
        match value {
            None | Some(Value::Null) => Ok(Self {
                map: None,
                name,
                path,
            }),
            Some(Value::Object(map)) => Ok(Self {
                map: Some(map),
                name,
                path,
            }),
            Some(other) => Err(format!(
                "json: cannot unmarshal {} into Go struct field {path} of type api.{name}",
                go::kind(other)
            )),
        }
    }

    /// The field, whatever the case of its name; `null` counts as absent.
    fn get(&self, field: &str) -> Option<&'a Value> {
        find(self.map?, field).filter(|value| !value.is_null())
    }

    fn mismatch(&self, field: &str, value: &Value, wanted: &str) -> TypeError {
        let path = if self.path.is_empty() {
            field.to_owned()
        } else {
            format!("{}.{field}", self.path)
        };
        format!(
            "json: cannot unmarshal {} into Go struct field {}.{path} of type {wanted}",
            go::kind(value),
            self.name,
        )
    }

    fn text(&self, field: &str, default: &str) -> Result<Value, TypeError> {
        match self.get(field) {
            None => Ok(Value::from(default)),
            Some(Value::String(text)) => Ok(Value::from(text.as_str())),
            Some(other) => Err(self.mismatch(field, other, "string")),
        }
    }

    fn integer(&self, field: &str, default: i64) -> Result<Value, TypeError> {
        match self.get(field) {
            None => Ok(Value::from(default)),
            Some(value) => match value.as_i64() {
                Some(number) => Ok(Value::from(number)),
                None => Err(self.mismatch(field, value, "int")),
            },
        }
    }

    fn boolean(&self, field: &str, default: bool) -> Result<Value, TypeError> {
        match self.get(field) {
            None => Ok(Value::from(default)),
            Some(Value::Bool(flag)) => Ok(Value::from(*flag)),
            Some(other) => Err(self.mismatch(field, other, "bool")),
        }
    }

    /// Passed as it is; absent or empty becomes `null`.
    fn opaque(&self, field: &str) -> Value {
        match self.get(field) {
            Some(Value::Array(items)) if items.is_empty() => Value::Null,
            Some(Value::Object(map)) if map.is_empty() => Value::Null,
            Some(value) => value.clone(),
            None => Value::Null,
        }
    }

    /// A map of strings; absent or empty becomes `null`.
    fn strings(&self, field: &str) -> Result<Value, TypeError> {
        match self.get(field) {
            None => Ok(Value::Null),
            Some(Value::Object(map)) if map.is_empty() => Ok(Value::Null),
            Some(Value::Object(map)) => match map.values().find(|value| !value.is_string()) {
                Some(other) => Err(self.mismatch(field, other, "string")),
                None => Ok(Value::Object(map.clone())),
            },
            Some(other) => Err(self.mismatch(field, other, "map[string]string")),
        }
    }

    fn list(&self, field: &str, wanted: &str) -> Result<&'a [Value], TypeError> {
        match self.get(field) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.mismatch(field, other, wanted)),
        }
    }

    fn inner(&self, field: &str, name: &'static str) -> Result<Struct<'a>, TypeError> {
        Struct::new(self.get(field), name, self.below(field))
    }

    fn below(&self, field: &str) -> String {
        if self.path.is_empty() {
            field.to_owned()
        } else {
            format!("{}.{field}", self.path)
        }
    }
}

/// A field of a JSON object, whatever the case of its name; the exact spelling
/// wins, as in Go.
pub(crate) fn find<'a>(map: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    map.get(field).or_else(|| {
        map.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(field))
            .map(|(_, value)| value)
    })
}

const SECOND: i64 = 1_000_000_000;

/// The full form of a job that came in a request. What only Nomad sets
/// (indexes, Status, Version, SubmitTime) is zero or empty in it.
pub(crate) fn job(sent: &Value) -> Result<Value, TypeError> {
    let sent = Struct::new(Some(sent), "Job", "Job".to_owned())?;
    let id = sent.text("ID", "")?;
    let mut name = sent.text("Name", "")?;
    if name.as_str() == Some("") {
        name = id.clone();
    }
    let kind = match sent.text("Type", "service")? {
        Value::String(text) if text.is_empty() => Value::from("service"),
        other => other,
    };
    let batch = kind.as_str() == Some("batch");
    let service = kind.as_str() == Some("service");
    let mut region = sent.text("Region", "global")?;
    if region.as_str() == Some("") {
        region = Value::from("global");
    }
    let mut namespace = sent.text("Namespace", "default")?;
    if namespace.as_str() == Some("") {
        namespace = Value::from("default");
    }
    let datacenters = match sent.get("Datacenters") {
        None => Value::Null,
        Some(Value::Array(items)) => {
            if let Some(other) = items.iter().find(|item| !item.is_string()) {
                return Err(sent.mismatch("Datacenters", other, "string"));
            }
            Value::Array(items.clone())
        }
        Some(other) => return Err(sent.mismatch("Datacenters", other, "[]string")),
    };
    let update = sent.inner("Update", "UpdateStrategy")?;
    let mut groups = Vec::new();
    for group_sent in sent.list("TaskGroups", "[]*api.TaskGroup")? {
        groups.push(group(group_sent, &sent, &update, batch)?);
    }
    let (stagger, parallel) = if service || update.map.is_some() {
        (
            update.integer("Stagger", 30 * SECOND)?,
            update.integer("MaxParallel", 1)?,
        )
    } else {
        (Value::from(0), Value::from(0))
    };
    Ok(json!({
        "Affinities": affinities(&sent)?,
        "AllAtOnce": sent.boolean("AllAtOnce", false)?,
        "Constraints": constraints(&sent)?,
        "ConsulNamespace": sent.text("ConsulNamespace", "")?,
        "ConsulToken": sent.text("ConsulToken", "")?,
        "CreateIndex": 0,
        "Datacenters": datacenters,
        "Dispatched": false,
        "ID": id,
        "JobModifyIndex": 0,
        "Meta": sent.strings("Meta")?,
        "ModifyIndex": 0,
        "Multiregion": sent.opaque("Multiregion"),
        "Name": name,
        "Namespace": namespace,
        "NomadTokenID": "",
        "ParameterizedJob": sent.opaque("ParameterizedJob"),
        "ParentID": sent.text("ParentID", "")?,
        "Payload": sent.opaque("Payload"),
        "Periodic": sent.opaque("Periodic"),
        "Priority": match sent.integer("Priority", 50)? {
            zero if zero == json!(0) => json!(50),
            other => other,
        },
        "Region": region,
        "Spreads": sent.opaque("Spreads"),
        "Stable": false,
        "Status": "",
        "StatusDescription": "",
        "Stop": sent.boolean("Stop", false)?,
        "SubmitTime": 0,
        "TaskGroups": groups,
        "Type": kind,
        // Of a job's own Update Nomad keeps these two; the rest went into the groups.
        "Update": {
            "AutoPromote": false, "AutoRevert": false, "Canary": 0, "HealthCheck": "",
            "HealthyDeadline": 0, "MaxParallel": parallel, "MinHealthyTime": 0,
            "ProgressDeadline": 0, "Stagger": stagger,
        },
        "VaultNamespace": sent.text("VaultNamespace", "")?,
        "VaultToken": "",
        "Version": 0,
    }))
}

fn group(
    sent: &Value,
    job: &Struct<'_>,
    job_update: &Struct<'_>,
    batch: bool,
) -> Result<Value, TypeError> {
    let sent = Struct::new(Some(sent), "TaskGroup", job.below("TaskGroups"))?;
    let restart = restart_policy(&sent.inner("RestartPolicy", "RestartPolicy")?, batch, None)?;
    let reschedule = sent.inner("ReschedulePolicy", "ReschedulePolicy")?;
    let disk = sent.inner("EphemeralDisk", "EphemeralDisk")?;
    let migrate = sent.inner("Migrate", "MigrateStrategy")?;
    let consul = sent.inner("Consul", "Consul")?;
    let mut tasks = Vec::new();
    for task_sent in sent.list("Tasks", "[]*api.Task")? {
        tasks.push(task(task_sent, &sent, &restart, batch)?);
    }
    let unlimited = reschedule.boolean("Unlimited", !batch)?;
    Ok(json!({
        "Affinities": affinities(&sent)?,
        "Constraints": constraints(&sent)?,
        "Consul": {"Namespace": consul.text("Namespace", "")?},
        "Count": sent.integer("Count", 1)?,
        "EphemeralDisk": {
            "Migrate": disk.boolean("Migrate", false)?,
            "SizeMB": disk.integer("SizeMB", 300)?,
            "Sticky": disk.boolean("Sticky", false)?,
        },
        "Meta": sent.strings("Meta")?,
        "Migrate": if batch { Value::Null } else { json!({
            "HealthCheck": migrate.text("HealthCheck", "checks")?,
            "HealthyDeadline": migrate.integer("HealthyDeadline", 300 * SECOND)?,
            "MaxParallel": migrate.integer("MaxParallel", 1)?,
            "MinHealthyTime": migrate.integer("MinHealthyTime", 10 * SECOND)?,
        }) },
        "Name": sent.text("Name", "")?,
        "Networks": sent.opaque("Networks"),
        "ReschedulePolicy": {
            "Attempts": reschedule.integer("Attempts", i64::from(batch))?,
            "Delay": reschedule.integer("Delay", if batch { 5 * SECOND } else { 30 * SECOND })?,
            "DelayFunction": reschedule.text("DelayFunction", if batch { "constant" } else { "exponential" })?,
            "Interval": reschedule.integer("Interval", if batch { 86_400 * SECOND } else { 0 })?,
            "MaxDelay": reschedule.integer("MaxDelay", if batch { 0 } else { 3_600 * SECOND })?,
            "Unlimited": unlimited,
        },
        "RestartPolicy": restart,
        "Scaling": sent.opaque("Scaling"),
        "Services": sent.opaque("Services"),
        "ShutdownDelay": sent.opaque("ShutdownDelay"),
        "Spreads": sent.opaque("Spreads"),
        "StopAfterClientDisconnect": sent.opaque("StopAfterClientDisconnect"),
        "Tasks": tasks,
        "Update": if batch { Value::Null } else { group_update(&sent.inner("Update", "UpdateStrategy")?, job_update)? },
        "Volumes": sent.opaque("Volumes"),
    }))
}

/// A group's Update: its own fields, else the job's, else the defaults.
fn group_update(own: &Struct<'_>, job: &Struct<'_>) -> Result<Value, TypeError> {
    let number = |field: &str, default: i64| -> Result<Value, TypeError> {
        match job.integer(field, default)?.as_i64() {
            // A job that was read back carries zeros here: they mean "not set".
            Some(0) | None => own.integer(field, default),
            Some(from_job) => own.integer(field, from_job),
        }
    };
    let check = match job.text("HealthCheck", "checks")?.as_str() {
        Some("") | None => own.text("HealthCheck", "checks")?,
        Some(from_job) => own.text("HealthCheck", from_job)?,
    };
    let flag = |field: &str| -> Result<Value, TypeError> {
        let default = job.boolean(field, false)?.as_bool().unwrap_or(false);
        own.boolean(field, default)
    };
    Ok(json!({
        "AutoPromote": flag("AutoPromote")?,
        "AutoRevert": flag("AutoRevert")?,
        "Canary": own.integer("Canary", 0)?,
        "HealthCheck": check,
        "HealthyDeadline": number("HealthyDeadline", 300 * SECOND)?,
        "MaxParallel": number("MaxParallel", 1)?,
        "MinHealthyTime": number("MinHealthyTime", 10 * SECOND)?,
        "ProgressDeadline": number("ProgressDeadline", 600 * SECOND)?,
        "Stagger": number("Stagger", 30 * SECOND)?,
    }))
}

fn task(
    sent: &Value,
    group: &Struct<'_>,
    group_restart: &Value,
    batch: bool,
) -> Result<Value, TypeError> {
    let sent = Struct::new(Some(sent), "Task", group.below("Tasks"))?;
    let resources = sent.inner("Resources", "Resources")?;
    let logs = sent.inner("LogConfig", "LogConfig")?;
    let config = match sent.get("Config") {
        None => Value::Null,
        Some(Value::Object(map)) if map.is_empty() => Value::Null,
        Some(value @ Value::Object(_)) => go::through_float64(value),
        Some(other) => return Err(sent.mismatch("Config", other, "map[string]interface {}")),
    };
    let restart = sent.inner("RestartPolicy", "RestartPolicy")?;
    Ok(json!({
        "Affinities": affinities(&sent)?,
        "Artifacts": sent.opaque("Artifacts"),
        "CSIPluginConfig": sent.opaque("CSIPluginConfig"),
        "Config": config,
        "Constraints": constraints(&sent)?,
        "DispatchPayload": sent.opaque("DispatchPayload"),
        "Driver": sent.text("Driver", "")?,
        "Env": sent.strings("Env")?,
        "KillSignal": sent.text("KillSignal", "")?,
        "KillTimeout": sent.integer("KillTimeout", 5 * SECOND)?,
        "Kind": sent.text("Kind", "")?,
        "Leader": sent.boolean("Leader", false)?,
        "Lifecycle": sent.opaque("Lifecycle"),
        "LogConfig": {
            "MaxFileSizeMB": logs.integer("MaxFileSizeMB", 10)?,
            "MaxFiles": logs.integer("MaxFiles", 10)?,
        },
        "Meta": sent.strings("Meta")?,
        "Name": sent.text("Name", "")?,
        "Resources": {
            "CPU": resources.integer("CPU", 100)?,
            "Cores": resources.integer("Cores", 0)?,
            "Devices": resources.opaque("Devices"),
            "DiskMB": resources.integer("DiskMB", 0)?,
            "IOPS": resources.integer("IOPS", 0)?,
            "MemoryMB": resources.integer("MemoryMB", 300)?,
            "MemoryMaxMB": resources.integer("MemoryMaxMB", 0)?,
            "Networks": resources.opaque("Networks"),
        },
        "RestartPolicy": restart_policy(&restart, batch, Some(group_restart))?,
        "ScalingPolicies": sent.opaque("ScalingPolicies"),
        "Services": sent.opaque("Services"),
        "ShutdownDelay": sent.integer("ShutdownDelay", 0)?,
        "Templates": sent.opaque("Templates"),
        "User": sent.text("User", "")?,
        "Vault": sent.opaque("Vault"),
        "VolumeMounts": sent.opaque("VolumeMounts"),
    }))
}

/// A restart policy; a task's takes what it lacks from its group's.
fn restart_policy(
    sent: &Struct<'_>,
    batch: bool,
    group: Option<&Value>,
) -> Result<Value, TypeError> {
    let (attempts, interval) = if batch {
        (3, 86_400 * SECOND)
    } else {
        (2, 1_800 * SECOND)
    };
    let number = |field: &str, default: i64| {
        group
            .and_then(|policy| policy.get(field))
            .and_then(Value::as_i64)
            .unwrap_or(default)
    };
    let mode = group
        .and_then(|policy| policy.get("Mode"))
        .and_then(Value::as_str)
        .unwrap_or("fail");
    Ok(json!({
        "Attempts": sent.integer("Attempts", number("Attempts", attempts))?,
        "Delay": sent.integer("Delay", number("Delay", 15 * SECOND))?,
        "Interval": sent.integer("Interval", number("Interval", interval))?,
        "Mode": sent.text("Mode", mode)?,
    }))
}

fn constraints(sent: &Struct<'_>) -> Result<Value, TypeError> {
    let mut out = Vec::new();
    for item in sent.list("Constraints", "[]*api.Constraint")? {
        let item = Struct::new(Some(item), "Constraint", sent.below("Constraints"))?;
        out.push(json!({
            "LTarget": item.text("LTarget", "")?,
            "Operand": item.text("Operand", "")?,
            "RTarget": item.text("RTarget", "")?,
        }));
    }
    Ok(if out.is_empty() {
        Value::Null
    } else {
        Value::Array(out)
    })
}

fn affinities(sent: &Struct<'_>) -> Result<Value, TypeError> {
    let mut out = Vec::new();
    for item in sent.list("Affinities", "[]*api.Affinity")? {
        let item = Struct::new(Some(item), "Affinity", sent.below("Affinities"))?;
        out.push(json!({
            "LTarget": item.text("LTarget", "")?,
            "Operand": item.text("Operand", "")?,
            "RTarget": item.text("RTarget", "")?,
            "Weight": item.integer("Weight", 50)?,
        }));
    }
    Ok(if out.is_empty() {
        Value::Null
    } else {
        Value::Array(out)
    })
}

/// What only Nomad sets. Two jobs that differ in nothing else are the same
/// job to it, and get no new version.
pub(crate) const BOOKKEEPING: [&str; 8] = [
    "CreateIndex",
    "ModifyIndex",
    "JobModifyIndex",
    "Status",
    "StatusDescription",
    "Stable",
    "SubmitTime",
    "Version",
];

/// Whether a new full form differs from the registered one in anything that
/// counts.
pub(crate) fn changed(registered: &Value, sent: &Value) -> bool {
    let (Some(registered), Some(sent)) = (registered.as_object(), sent.as_object()) else {
        return true;
    };
    sent.iter().any(|(key, value)| {
        !BOOKKEEPING.contains(&key.as_str()) && registered.get(key) != Some(value)
    })
}

/// The faults that Nomad's validation finds in a full form; empty when there
/// are none.
pub(crate) fn faults(job: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let text = |value: &Value, field: &str| {
        value
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let id = text(job, "ID");
    if id.is_empty() {
        faults.push("Missing job ID".to_owned());
    } else if id.contains(' ') {
        faults.push("Job ID contains a space".to_owned());
    } else if id.contains('\0') {
        faults.push("Job ID contains a null character".to_owned());
    }
    if text(job, "Name").contains('\0') {
        faults.push("Job Name contains a null character".to_owned());
    }
    let kind = text(job, "Type");
    if !matches!(kind.as_str(), "service" | "batch" | "system") {
        faults.push(format!("Invalid job type: {kind:?}"));
    }
    let priority = job.get("Priority").and_then(Value::as_i64).unwrap_or(50);
    if !(1..=100).contains(&priority) {
        faults.push("Job priority must be between [1, 100]".to_owned());
    }
    let datacenters = list(job, "Datacenters");
    if datacenters.is_empty() {
        faults.push("Missing job datacenters".to_owned());
    }
    if datacenters.iter().any(|dc| dc.as_str() == Some("")) {
        faults.push("Job datacenter must be non-empty string".to_owned());
    }
    let groups = list(job, "TaskGroups");
    if groups.is_empty() {
        faults.push("Missing job task groups".to_owned());
    }
    let mut seen: Vec<String> = Vec::new();
    for (position, group) in groups.iter().enumerate() {
        let name = text(group, "Name");
        if name.is_empty() {
            faults.push(format!("Job task group {} missing name", position + 1));
        } else if let Some(first) = seen.iter().position(|other| *other == name) {
            faults.push(format!(
                "Job task group {} redefines '{name}' from group {}",
                position + 1,
                first + 1
            ));
        }
        seen.push(name);
    }
    for group in groups {
        let found = group_faults(group);
        if !found.is_empty() {
            faults.push(format!(
                "Task group {} validation failed: {}",
                text(group, "Name"),
                go::multierror(&found)
            ));
        }
    }
    faults
}

fn group_faults(group: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let text = |value: &Value, field: &str| {
        value
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    if text(group, "Name").is_empty() {
        faults.push("Missing task group name".to_owned());
    }
    if group.get("Count").and_then(Value::as_i64).unwrap_or(1) < 0 {
        faults.push("Task group count can't be negative".to_owned());
    }
    let tasks = list(group, "Tasks");
    if tasks.is_empty() {
        faults.push("Missing tasks for task group".to_owned());
    }
    let mut seen: Vec<String> = Vec::new();
    let mut leaders = 0;
    for (position, task) in tasks.iter().enumerate() {
        let name = text(task, "Name");
        if name.is_empty() {
            faults.push(format!("Task {} missing name", position + 1));
        } else if let Some(first) = seen.iter().position(|other| *other == name) {
            faults.push(format!(
                "Task {} redefines '{name}' from task {}",
                position + 1,
                first + 1
            ));
        }
        seen.push(name);
        if task.get("Leader").and_then(Value::as_bool) == Some(true) {
            leaders += 1;
        }
    }
    if leaders > 1 {
        faults.push("Only one task may be marked as leader".to_owned());
    }
    for task in tasks {
        let name = text(task, "Name");
        let mut found = Vec::new();
        if name.is_empty() {
            found.push("Missing task name".to_owned());
        } else if name.contains(['/', '\\']) {
            found.push("Task name cannot include slashes".to_owned());
        } else if name.contains('\0') {
            found.push("Task name cannot include null characters".to_owned());
        }
        if text(task, "Driver").is_empty() {
            found.push("Missing task driver".to_owned());
        }
        if !found.is_empty() {
            faults.push(format!(
                "Task {name} validation failed: {}",
                go::multierror(&found)
            ));
        }
    }
    faults
}

/// Nomad's Warnings for a full form: empty when there are none (recording
/// 053: Count 0 is less than the update's MaxParallel).
pub(crate) fn warnings(job: &Value) -> String {
    let mut points = Vec::new();
    for group in list(job, "TaskGroups") {
        let count = group.get("Count").and_then(Value::as_i64).unwrap_or(1);
        let parallel = group
            .pointer("/Update/MaxParallel")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        if parallel > count {
            let name = group
                .get("Name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let warning = go::multierror(&[format!(
                "Update max parallel count is greater than task group count ({parallel} > {count}). \
                 A destructive change would result in the simultaneous replacement of all allocations."
            )]);
            points.push(format!("* Group {name:?} has warnings: {warning}"));
        }
    }
    if points.is_empty() {
        String::new()
    } else {
        format!("{} warning(s):\n\n{}", points.len(), points.join("\n"))
    }
}

/// An array field, empty when it is absent.
pub(crate) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
