//! From a Nomad job to the 2.x job.

use serde_json::{Map, Value, json};

use super::layout::{Found, block};
use super::status::Status;
use super::{Driver, JobView, Side, keys, meta, numbers, template};
use crate::config::TaskConfig;
use crate::v2;
use crate::wire::{Task, TaskGroup};

/// The Type that every 2.x job has.
pub const TYPE: &str = "synchronous";

/// The 2.x job, with its passwords.
#[must_use]
pub fn to_v2(view: &JobView<'_>, status: &Status) -> v2::Job {
    let job = view.job;
    let mut tasks: Vec<v2::Task> = view
        .tasks
        .iter()
        .map(|(side, group, task)| to_task(view, *side, group, task))
        .collect();
    add_what_2x_adds(&mut tasks);
    v2::Job {
        constraints: (),
        create_index: job.create_index,
        datacenters: job.datacenters.clone(),
        enforce_index: false,
        failover: failover(view),
        id: job.id.clone(),
        job_modify_index: job.job_modify_index,
        modify_index: job.modify_index,
        name: view.name().to_owned(),
        orders: view.kept.orders.then(Vec::new),
        progress: None,
        region: job.region.clone(),
        status: status.word.to_owned(),
        status_description: status.description.clone(),
        tasks,
        kind: TYPE,
    }
}

/// The job as the list of jobs shows it, with its passwords masked.
#[must_use]
pub fn to_stub(mut job: v2::Job) -> v2::JobStub {
    super::password::mask(&mut job);
    v2::JobStub {
        create_index: job.create_index,
        id: job.id.clone(),
        job_modify_index: job.job_modify_index,
        modify_index: job.modify_index,
        name: job.name.clone(),
        status: job.status.clone(),
        status_description: job.status_description.clone(),
        kind: TYPE,
        job_summary: job,
    }
}

/// The Failover in the record; for a job that others registered, whether Nomad
/// replaces its failed tasks.
fn failover(view: &JobView<'_>) -> bool {
    if view.kept.name.is_some() {
        return view.kept.failover;
    }
    let policies = view
        .tasks
        .iter()
        .filter_map(|(_, group, _)| group.reschedule_policy);
    policies
        .into_iter()
        .any(|policy| policy.unlimited || policy.attempts > 0)
}

fn to_task(view: &JobView<'_>, side: Side, group: &TaskGroup, task: &Task) -> v2::Task {
    let (config, found) = config(view, side, task);
    let kept = view.kept.task(side);
    let ours = view.kept.name.is_some().then_some(kept).flatten();
    v2::Task {
        config: TaskConfig(config),
        config_lock: v2::Empty {},
        constraints: (),
        driver: ours.map_or(found, |kept| kept.driver).as_str(),
        leader: task.leader || side == Side::Dest,
        node_id: ours.map_or_else(
            || pinned_to(view, group, task, "${node.unique.id}"),
            |kept| kept.node_id.clone(),
        ),
        node_name: ours.map_or_else(
            || pinned_to(view, group, task, "${node.unique.name}"),
            |kept| kept.node_name.clone(),
        ),
        kind: side.as_str(),
    }
}

/// The node that a constraint of a job by others names.
fn pinned_to(view: &JobView<'_>, group: &TaskGroup, task: &Task, what: &str) -> String {
    [&task.constraints, &group.constraints, &view.job.constraints]
        .into_iter()
        .flatten()
        .find(|constraint| {
            constraint.left == what && matches!(constraint.operand.as_str(), "=" | "==" | "is")
        })
        .map(|constraint| constraint.right.clone())
        .unwrap_or_default()
}

/// The 2.x Config of one side, and the driver that the keys speak of.
fn config(view: &JobView<'_>, side: Side, task: &Task) -> (Map<String, Value>, Driver) {
    let mut tasks = view.tasks.iter();
    let src = tasks.find(|(side, _, _)| *side == Side::Src);
    let found = Found {
        own: &task.config.0,
        src: src.map(|(_, _, task)| &task.config.0),
        record: &view.kept,
    };
    let (mut config, driver) = view.layout.read(&found, side);
    if view.kept.name.is_none() {
        for (_, value) in config.iter_mut().filter(|(key, _)| keys::is_block(key)) {
            *value = block(std::mem::take(value));
        }
    }
    for value in config.values_mut() {
        template::unescape_value(value);
        numbers::tidy_in_place(value);
    }
    if let Some(kept) = view.kept.task(side) {
        meta::restore(&mut config, &kept.config);
    }
    (config, driver)
}

/// 2.x adds a traffic limit to Src, and to Dest a copy of Src's Gtid [011, 082].
fn add_what_2x_adds(tasks: &mut [v2::Task]) {
    let mut gtid = json!("");
    for task in tasks
        .iter_mut()
        .filter(|task| task.kind == Side::Src.as_str())
    {
        task.config
            .0
            .entry("TrafficAgainstLimits")
            .or_insert(json!(0));
        if let Some(sent) = task.config.0.get("Gtid").filter(|sent| !sent.is_null()) {
            gtid = sent.clone();
        }
    }
    for task in tasks
        .iter_mut()
        .filter(|task| task.kind == Side::Dest.as_str())
    {
        task.config.0.insert("Gtid".to_owned(), gtid.clone());
    }
}
