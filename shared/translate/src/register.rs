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
#[derive(Clone, Copy, Debug)]
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
    /// What is registered under that ID now.
    pub existing: Option<&'a Existing>,
    /// Whether its tasks wait for a resume instead of starting.
    pub paused: bool,
}

/// The job document to register.
#[must_use]
pub fn document(registration: &Registration<'_>) -> Map<String, Value> {
    let Registration { spec, existing, .. } = *registration;
    let mut kept = MetaRecord {
        name: Some(spec.name.clone()),
        failover: spec.failover,
        orders: spec.orders.is_some(),
        ..MetaRecord::default()
    };
    let mut configs = configs(spec, registration.layout, &mut kept);
    let view = existing.map(|existing| JobView::new(&existing.job));
    let groups: Vec<Value> = spec
        .tasks
        .iter()
        .map(|task| {
            let config = match task.side {
                Side::Src => std::mem::take(&mut configs.src),
                Side::Dest => std::mem::take(&mut configs.dest),
            };
            let before = existing
                .zip(view.as_ref())
                .and_then(|(existing, view)| group_of(&existing.document, view, task.side));
            group(registration, task, config, before)
        })
        .collect();
    let policy = registration.policy;
    let mut document = existing.map_or_else(
        || of_new_job(policy),
        |existing| without(&existing.document, "TaskGroups"),
    );
    let datacenters = match document.get("Datacenters") {
        _ if !spec.datacenters.is_empty() => json!(spec.datacenters),
        Some(Value::Array(registered)) if !registered.is_empty() => json!(registered),
        _ => json!(policy.datacenters),
    };
    // The plugin keeps progress under the Name, so a Name that others gave stays.
    let name = document.get("Name").and_then(Value::as_str);
    let name = name
        .filter(|name| !name.is_empty())
        .unwrap_or(registration.id);
    let name = json!(name);
    let region = registration
        .region
        .or_else(|| document.get("Region")?.as_str())
        .unwrap_or(REGION);
    let region = json!(region);
    for (key, value) in [
        ("ID", json!(registration.id)),
        ("Name", name),
        ("Type", json!("service")),
        ("Region", region),
        ("Datacenters", datacenters),
        ("Stop", json!(false)),
        ("TaskGroups", Value::Array(groups)),
    ] {
        document.insert(key.to_owned(), value);
    }
    kept.put_into(&mut document);
    if let (Some(existing), Some(view)) = (existing, &view) {
        keep_mark_if_unchanged(&mut document, kept, &existing.document, &view.kept);
    }
    document
}

/// A copy of an object, but for one field, which is going to be written anew.
fn without(fields: &Map<String, Value>, name: &str) -> Map<String, Value> {
    let others = fields.iter().filter(|(key, _)| *key != name);
    others
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
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

/// Nomad restarts tasks whose Meta changed. An update that changes nothing must
/// not, so it leaves the mark of the last write as it is.
fn keep_mark_if_unchanged(
    document: &mut Map<String, Value>,
    mut kept: MetaRecord,
    existing: &Map<String, Value>,
    before: &MetaRecord,
) {
    kept.started = before.started;
    kept.mark.clone_from(&before.mark);
    let Some(meta) = existing.get("Meta").filter(|_| kept == *before) else {
        return;
    };
    let is_kept = |(key, value): (&String, &Value)| {
        let same = |old: &Value| numbers::same(old, value);
        key == "Meta" || existing.get(key).is_some_and(same)
    };
    if document.len() == existing.len() && document.iter().all(is_kept) {
        // The text stays as it is, with whatever an earlier release of this API wrote.
        document.insert("Meta".to_owned(), meta.clone());
    }
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
        let mut config = keys::project(&task.config.0, known, layout, "", &mut rest);
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
    registration: &Registration<'_>,
    task: &TaskSpec,
    config: Map<String, Value>,
    before: Option<&Value>,
) -> Value {
    let policy = registration.policy;
    let side = task.side.as_str();
    let task_before = before.and_then(|group| group.get("Tasks")?.get(0));
    // Another name would be another group: Nomad would stop the old one while
    // it starts the new one.
    let names = |value: Option<&Value>| {
        let name = value.and_then(|value| value.get("Name")?.as_str());
        json!(name.unwrap_or(side))
    };
    let group_name = names(before);
    let task_name = names(task_before);
    let mut group = before.and_then(Value::as_object).map_or_else(
        || {
            let restart = json!({
                "Attempts": policy.restart_attempts,
                "Interval": nanos(policy.restart_interval),
                "Delay": nanos(policy.restart_delay),
                "Mode": "fail",
            });
            Map::from_iter([("RestartPolicy".to_owned(), restart)])
        },
        |group| without(group, "Tasks"),
    );
    let mut inner = task_before.and_then(Value::as_object).map_or_else(
        || {
            let resources = json!({"CPU": policy.cpu_mhz, "MemoryMB": policy.memory_mb});
            Map::from_iter([("Resources".to_owned(), resources)])
        },
        |task| without(task, "Config"),
    );
    for (key, value) in [
        ("Name", task_name),
        ("Driver", json!("dtle")),
        ("Config", Value::Object(config)),
        ("Leader", json!(task.leader || task.side == Side::Dest)),
    ] {
        inner.insert(key.to_owned(), value);
    }
    let (constraints, affinities) = placement(task, registration.spec.failover);
    for (key, value) in [
        ("Name", group_name),
        ("Count", json!(u64::from(!registration.paused))),
        ("Constraints", constraints),
        ("Affinities", affinities),
        (
            "ReschedulePolicy",
            reschedule(registration.spec.failover, before),
        ),
        ("Tasks", Value::Array(vec![Value::Object(inner)])),
    ] {
        group.insert(key.to_owned(), value);
    }
    Value::Object(group)
}

/// The registered group of one side, if it has that side's task alone.
fn group_of<'a>(
    document: &'a Map<String, Value>,
    view: &JobView<'_>,
    side: Side,
) -> Option<&'a Value> {
    let (_, group, _) = view
        .tasks
        .iter()
        .find(|(found, group, _)| *found == side && group.tasks.len() == 1)?;
    let groups = document.get("TaskGroups")?.as_array()?;
    groups
        .iter()
        .find(|candidate| candidate.get("Name").and_then(Value::as_str) == Some(&group.name))
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

/// Off without Failover, without end with it. A policy of the right kind that
/// is there already keeps its delays.
fn reschedule(failover: bool, before: Option<&Value>) -> Value {
    let mut policy = before
        .and_then(|group| group.get("ReschedulePolicy"))
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let same = policy.get("Unlimited") == Some(&json!(failover))
        && policy.get("Attempts") == Some(&json!(0));
    if !same {
        policy = Map::from_iter([
            ("Attempts".to_owned(), json!(0)),
            ("Unlimited".to_owned(), json!(failover)),
        ]);
        if failover {
            // Nomad wants these with an unlimited policy.
            policy.insert("Delay".to_owned(), json!(30_000_000_000_u64));
            policy.insert("DelayFunction".to_owned(), json!("exponential"));
            policy.insert("MaxDelay".to_owned(), json!(3_600_000_000_000_u64));
        }
    }
    Value::Object(policy)
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
        let existing = Existing {
            document: registered,
            version: 0,
            job,
        };
        document(&Registration {
            spec: &spec(),
            id,
            region: None,
            layout: Layout::Merged,
            policy,
            existing: Some(&existing),
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
