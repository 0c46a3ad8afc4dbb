//! From a 2.x job to the Nomad job that is registered for it.
//!
//! Nomad's ID and Name are both the 2.x ID. The reason is that the plugin keeps
//! progress under the Name, that 2.x Names may repeat, and that two jobs of one Name
//! would corrupt each other's progress.
//!
//! Each 2.x task becomes a group with one task, both named by its Type, as both
//! generations of the plugin want them. Where a 2.x job says nothing, an update
//! keeps what is registered (Datacenters, NodePool, Priority, resources that an operator
//! changed, Meta of others).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::layout::{Configs, keep_whole};
use super::meta::TaskRecord;
use super::spec::{JobSpec, TaskSpec};
use super::{Driver, JobView, Layout, MetaRecord, Side, keys, numbers};
use crate::policy::JobPolicy;
use crate::wire::Job;

/// The Region of 2.x jobs that name none.
pub const REGION: &str = "global";

/// What is registered under an ID.
#[derive(Clone, Debug)]
pub struct Existing {
    /// The whole document, to be written back, without the number of its version.
    pub document: Map<String, Value>,
    /// That number. Nomad numbers the versions of a job one by one from 0 on.
    pub version: u64,
    /// The same, typed.
    pub job: Job,
}

impl Existing {
    /// Whether this job would run in the same way as a document says: the same
    /// tasks, Counts and Meta.
    #[must_use]
    pub fn runs_as(&self, document: &Map<String, Value>) -> bool {
        let read = |document: &Map<String, Value>| {
            let mut document = document.clone();
            document.values_mut().for_each(numbers::tidy_in_place);
            // From a borrowed tree, as everywhere: what reads a job from an owned one as
            // well makes each function larger.
            Job::deserialize(&document).unwrap_or_default()
        };
        let wanted = read(document);
        let found = read(&self.document);
        let groups = |job: Job| -> Vec<_> {
            let groups = job.task_groups.into_iter();
            groups.map(|group| (group.count, group.tasks)).collect()
        };
        wanted.meta == found.meta && groups(wanted) == groups(found)
    }
}

/// Everything that a registration depends on.
#[derive(Debug)]
pub struct Registration<'a> {
    /// The job.
    pub spec: &'a JobSpec,
    /// Its ID.
    pub id: &'a str,
    /// Its region, where that has a name here: the registered one stays, and Nomad
    /// reads `global` as the region of its agent.
    pub region: Option<&'a str>,
    /// The generation to write for.
    pub layout: Layout,
    /// What a Nomad job must say and a 2.x job does not.
    pub policy: &'a JobPolicy,
    /// What is registered under that ID now. Its document becomes the new one and is
    /// empty afterwards.
    pub existing: Option<&'a mut Existing>,
    /// Whether the job is to stand still until it is resumed, as after a pause.
    pub paused: bool,
}

/// An object that is being written, and whether it is another one than before.
struct Draft {
    fields: Map<String, Value>,
    is_changed: bool,
}

impl Draft {
    const fn of(fields: Map<String, Value>) -> Self {
        Self {
            fields,
            is_changed: false,
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key)?.as_str()
    }

    fn put(&mut self, key: &str, value: Value) {
        match self.fields.get_mut(key) {
            Some(before) if numbers::same(before, &value) => return,
            Some(before) => *before = value,
            None => {
                self.fields.insert(key.to_owned(), value);
            }
        }
        self.is_changed = true;
    }
}

/// The job document to register.
#[must_use]
pub fn document(registration: Registration<'_>) -> Map<String, Value> {
    let Registration {
        spec,
        id,
        region,
        layout,
        policy,
        existing,
        paused,
    } = registration;
    let mut kept = MetaRecord {
        name: Some(spec.name.clone()),
        failover: spec.failover,
        orders: spec.orders.is_some(),
        ..MetaRecord::default()
    };
    let mut configs = configs(spec, layout, &mut kept);
    let (view, mut document) = match existing {
        Some(Existing { document, job, .. }) => {
            (Some(JobView::new(job)), Draft::of(std::mem::take(document)))
        }
        None => (None, Draft::of(of_new_job(policy))),
    };
    let mut registered = match document.fields.remove("TaskGroups") {
        Some(Value::Array(groups)) => groups,
        _ => Vec::new(),
    };
    document.is_changed |= registered.len() != spec.tasks.len();
    let mut groups = Vec::with_capacity(spec.tasks.len());
    for (place, task) in spec.tasks.iter().enumerate() {
        let found = view
            .as_ref()
            .and_then(|view| place_of_group(&registered, view, task.side));
        let before = found.and_then(|found| object(registered.get_mut(found)?));
        let config = match task.side {
            Side::Src => std::mem::take(&mut configs.src),
            Side::Dest => std::mem::take(&mut configs.dest),
        };
        let count = u64::from(!paused);
        let group = group(spec, policy, count, task, config, before);
        document.is_changed |= group.is_changed || found != Some(place);
        groups.push(Value::Object(group.fields));
    }
    document.put("ID", json!(id));
    // The plugin keeps progress under the Name, so a Name that others gave stays.
    if document.text("Name").is_none_or(str::is_empty) {
        document.put("Name", json!(id));
    }
    document.put("Type", json!("service"));
    if let Some(region) = region {
        document.put("Region", json!(region));
    } else if document.text("Region").is_none() {
        document.put("Region", json!(REGION));
    }
    let datacenters = document.fields.get("Datacenters").and_then(Value::as_array);
    if !spec.datacenters.is_empty() {
        document.put("Datacenters", json!(spec.datacenters));
    } else if datacenters.is_none_or(Vec::is_empty) {
        document.put("Datacenters", json!(policy.datacenters));
    }
    document.put("Stop", json!(false));
    // Nomad restarts tasks whose Meta changed. An update that changes nothing must not,
    // so it leaves the text as it is: with the mark of the last write, and whatever an
    // earlier release of this API wrote.
    let is_same = view.is_some_and(|JobView { kept: before, .. }| {
        let same = MetaRecord {
            started: before.started,
            mark: before.mark.clone(),
            ..kept.clone()
        };
        !document.is_changed && same == before
    });
    if !is_same {
        kept.put_into(&mut document.fields);
    }
    let groups = Value::Array(groups);
    document.fields.insert("TaskGroups".to_owned(), groups);
    document.fields
}

/// The fields of an object, taken out of it.
fn object(value: &mut Value) -> Option<Map<String, Value>> {
    match value.take() {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// What only a new job gets: of a registered one even the absence stays.
fn of_new_job(policy: &JobPolicy) -> Map<String, Value> {
    let pool = policy
        .node_pool
        .as_ref()
        .map(|pool| ("NodePool", json!(pool)));
    let priority = policy.priority.map(|number| ("Priority", json!(number)));
    let fields = pool.into_iter().chain(priority);
    fields.map(|(key, value)| (key.to_owned(), value)).collect()
}

fn configs(spec: &JobSpec, layout: Layout, kept: &mut MetaRecord) -> Configs {
    let mut configs = Configs::default();
    for task in &spec.tasks {
        let mut rest = Vec::new();
        let known = if task.driver == Driver::Kafka {
            keys::KAFKA
        } else {
            keys::DATABASE
        };
        let mut config = keys::project(&task.config.0, known, layout, &mut rest);
        if task.side == Side::Dest {
            for key in keys::NOT_OF_DEST {
                if config.remove(*key).is_some() {
                    keep_whole(&mut rest, task, key);
                }
            }
            // Dest's Gtid is always Src's [011].
            rest.retain(|(pointer, _)| pointer != "/Gtid");
        } else if config.get("TrafficAgainstLimits") == Some(&json!(0)) {
            // What 2.x adds to every answer is no change when it is sent back.
            config.remove("TrafficAgainstLimits");
        }
        match task.side {
            Side::Src => configs.src = config,
            Side::Dest => configs.dest = config,
        }
        kept.tasks.insert(
            task.side,
            TaskRecord {
                node_id: task.node_id.clone(),
                node_name: task.node_name.clone(),
                driver: task.driver,
                config: rest,
                merged: Vec::new(),
            },
        );
    }
    layout.write(&mut configs, spec, kept);
    configs
}

/// The group of a task. `before` is what is registered of it.
fn group(
    spec: &JobSpec,
    policy: &JobPolicy,
    count: u64,
    task: &TaskSpec,
    config: Map<String, Value>,
    before: Option<Map<String, Value>>,
) -> Draft {
    let side = task.side.as_str();
    let mut group = Draft::of(before.unwrap_or_else(|| {
        let restart = json!({
            "Attempts": policy.restart_attempts,
            "Interval": nanos(policy.restart_interval),
            "Delay": nanos(policy.restart_delay),
            "Mode": "fail",
        });
        Map::from_iter([("RestartPolicy".to_owned(), restart)])
    }));
    let tasks = group.fields.get_mut("Tasks");
    let task_before = tasks.and_then(|tasks| object(tasks.get_mut(0)?));
    let mut inner = Draft::of(task_before.unwrap_or_else(|| {
        let resources = json!({"CPU": policy.cpu_mhz, "MemoryMB": policy.memory_mb});
        Map::from_iter([("Resources".to_owned(), resources)])
    }));
    // Another name would be another group: Nomad would stop the old one while
    // it starts the new one.
    for draft in [&mut group, &mut inner] {
        if draft.text("Name").is_none() {
            draft.put("Name", json!(side));
        }
    }
    inner.put("Driver", json!("dtle"));
    inner.put("Config", Value::Object(config));
    inner.put("Leader", json!(task.leader || task.side == Side::Dest));
    let (constraints, affinities) = placement(task, spec.failover);
    group.put("Count", json!(count));
    group.put("Constraints", constraints);
    group.put("Affinities", affinities);
    let policy = reschedule(spec.failover, group.fields.get("ReschedulePolicy"));
    if let Some(policy) = policy {
        group.put("ReschedulePolicy", policy);
    }
    group.is_changed |= inner.is_changed;
    let tasks = Value::Array(vec![Value::Object(inner.fields)]);
    group.fields.insert("Tasks".to_owned(), tasks);
    group
}

/// Where the registered group of one side is, if it has that side's task alone.
fn place_of_group(groups: &[Value], view: &JobView<'_>, side: Side) -> Option<usize> {
    let (_, group, _) = view
        .tasks
        .iter()
        .find(|(found, group, _)| *found == side && group.tasks.len() == 1)?;
    let name =
        |candidate: &Value| candidate.get("Name").and_then(Value::as_str) == Some(&group.name);
    groups.iter().position(name)
}

/// NodeID and NodeName bind a task to a node; with Failover they only prefer it.
fn placement(task: &TaskSpec, failover: bool) -> (Value, Value) {
    let wishes = [
        ("${node.unique.id}", &task.node_id),
        ("${node.unique.name}", &task.node_name),
    ];
    let wishes = wishes.iter().filter(|(_, wish)| !wish.is_empty());
    let entries: Vec<Value> = wishes
        .map(|(what, wish)| {
            if failover {
                json!({"LTarget": what, "RTarget": wish, "Operand": "=", "Weight": 100})
            } else {
                json!({"LTarget": what, "RTarget": wish, "Operand": "="})
            }
        })
        .collect();
    match (entries.is_empty(), failover) {
        (true, _) => (Value::Null, Value::Null),
        (false, false) => (Value::Array(entries), Value::Null),
        (false, true) => (Value::Null, Value::Array(entries)),
    }
}

/// Off without Failover, without end with it; `None` where it stays: a policy of the
/// right kind keeps its delays.
fn reschedule(failover: bool, before: Option<&Value>) -> Option<Value> {
    let is = |key, value| before.and_then(|policy| policy.get(key)) == Some(&value);
    if is("Unlimited", json!(failover)) && is("Attempts", json!(0)) {
        return None;
    }
    Some(match failover {
        false => json!({"Attempts": 0, "Unlimited": false}),
        // Nomad wants delays with an unlimited policy.
        true => json!({
            "Attempts": 0,
            "Unlimited": true,
            "Delay": 30_000_000_000_u64,
            "DelayFunction": "exponential",
            "MaxDelay": 3_600_000_000_000_u64,
        }),
    })
}

fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{Body, parse};

    fn spec() -> JobSpec {
        let config =
            json!({"ConnectionConfig": {"Host": "h", "Port": 1, "User": "u", "Password": "p"}});
        let tasks = ["Src", "Dest"].map(|side| json!({"Type": side, "Config": config}));
        let body = json!({"Name": "n", "Tasks": tasks}).to_string();
        match parse(body.as_bytes()) {
            Ok(Body::Job(spec)) => spec,
            _ => panic!("no 2.x job: {body}"),
        }
    }

    /// What a newer Nomad has registered, from this document on.
    fn updated(mut registered: Map<String, Value>, policy: &JobPolicy) -> Map<String, Value> {
        let id = "j";
        registered.insert("ID".to_owned(), json!(id));
        let job = serde_json::from_value(Value::Object(registered.clone())).unwrap();
        let mut existing = Existing {
            document: registered,
            version: 0,
            job,
        };
        document(Registration {
            spec: &spec(),
            id,
            region: None,
            layout: Layout::Merged,
            policy,
            existing: Some(&mut existing),
            paused: false,
        })
    }

    #[test]
    fn an_update_keeps_pool_and_priority_and_adds_none() {
        let policy = JobPolicy {
            node_pool: Some("other".to_owned()),
            priority: Some(70),
            ..JobPolicy::default()
        };
        let registered = json!({"NodePool": "db", "Priority": 20, "Datacenters": ["*"]});
        let after = updated(registered.as_object().unwrap().clone(), &policy);
        for (field, value) in registered.as_object().unwrap() {
            assert_eq!(after.get(field), Some(value), "{field}");
        }
        let after = updated(Map::new(), &policy);
        assert_eq!((after.get("NodePool"), after.get("Priority")), (None, None));
    }
}
