//! From Nomad's allocations, tasks and events to those of 2.x.

use std::collections::BTreeMap;

use super::events::is_trace_of_statistics;
use super::failure::failure;
use super::status::newest_of_group;
use super::{JobView, Side, retry, time};
use crate::v2;
use crate::wire::{AllocationRest, AllocationStub, Event, Metrics, TaskState};

/// The allocations of one job, sorted by ID. `now`: Unix nanoseconds.
#[must_use]
pub fn to_v2_list(
    view: &JobView<'_>,
    allocations: &[AllocationStub],
    now: i64,
) -> Vec<v2::AllocationStub> {
    let mut list: Vec<_> = allocations
        .iter()
        .map(|allocation| {
            let paused = view.is_paused() && is_newest(allocations, allocation);
            to_v2(view, allocation, paused, now)
        })
        .collect();
    list.sort_by(|a, b| a.id.cmp(&b.id));
    list
}

/// Whether an allocation is the newest of its group.
#[must_use]
pub fn is_newest(allocations: &[AllocationStub], allocation: &AllocationStub) -> bool {
    newest_of_group(allocations, &allocation.task_group)
        .is_some_and(|newest| newest.id == allocation.id)
}

/// One allocation. `paused`: it is the newest of its task and the job is paused,
/// which 2.x shows as an allocation that waits [058]. `now`: Unix nanoseconds.
#[must_use]
pub fn to_v2(
    view: &JobView<'_>,
    allocation: &AllocationStub,
    paused: bool,
    now: i64,
) -> v2::AllocationStub {
    let side = view
        .side_of_group(&allocation.task_group)
        .or_else(|| Side::of_name(&allocation.task_group));
    let task: &str = match side {
        Some(side) => side.as_str(),
        None => &allocation.task_group,
    };
    let states: BTreeMap<String, v2::TaskState> = allocation
        .task_states
        .iter()
        .map(|(name, state)| {
            let side = view.side_of_task(&allocation.task_group, name).or(side);
            let name = side.map_or_else(|| name.clone(), |side| side.to_string());
            (name, to_task_state(state, paused))
        })
        .collect();
    let description = if allocation.client_status == "failed" {
        failure(allocation).map(|(_, text)| text)
    } else {
        retried(view, allocation, now)
    }
    .unwrap_or_default();
    v2::AllocationStub {
        client_description: String::new(),
        client_status: if paused {
            "running".to_owned()
        } else {
            allocation.client_status.clone()
        },
        create_index: allocation.create_index,
        create_time: allocation.create_time,
        desired_description: description,
        desired_status: if paused {
            "pause".to_owned()
        } else {
            allocation.desired_status.clone()
        },
        eval_id: allocation.eval_id.clone(),
        id: allocation.id.clone(),
        job_id: allocation.job_id.clone(),
        modify_index: allocation.modify_index,
        name: format!("{}.{task}", view.name()),
        node_id: allocation.node_id.clone(),
        task: task.to_owned(),
        task_states: (!states.is_empty()).then_some(states),
    }
}

/// Why the task of an allocation is started again, and which attempt that is.
fn retried(view: &JobView<'_>, allocation: &AllocationStub, now: i64) -> Option<String> {
    let mut tasks = view.tasks.iter();
    let (side, group, _) = tasks.find(|(_, group, _)| group.name == allocation.task_group)?;
    let retry = retry::of_allocation(*side, group, allocation)?;
    (!retry.is_over(now)).then(|| retry.text())
}

fn to_task_state(state: &TaskState, paused: bool) -> v2::TaskState {
    v2::TaskState {
        events: state
            .events
            .iter()
            .filter(|event| !is_trace_of_statistics(event))
            .map(to_event)
            .collect(),
        failed: state.failed,
        finished_at: time::of_text(state.finished_at.as_deref()),
        started_at: time::of_text(state.started_at.as_deref()),
        state: if paused && state.state == "dead" {
            "stop".to_owned()
        } else {
            state.state.clone()
        },
    }
}

/// 2.x's own types of event.
const KNOWN: &[&str] = &[
    "Received",
    "Started",
    "Terminated",
    "Killing",
    "Killed",
    "Restarting",
    "Not Restarting",
    "Setup Failure",
    "Driver Failure",
    "Failed Validation",
    "Signaling",
    "Restart Signaled",
    "Sibling Task Failed",
    "Leader Task Dead",
    "Driver",
];

fn to_event(event: &Event) -> v2::Event {
    // An event that 2.x does not know is explained by Nomad's own sentence.
    let message = if event.message.is_empty() && !KNOWN.contains(&event.kind.as_str()) {
        &event.display_message
    } else if event.message.is_empty() && !event.validation_error.is_empty() {
        &event.validation_error
    } else {
        &event.message
    };
    v2::Event {
        disk_limit: event.disk_limit,
        driver_error: event.driver_error.clone(),
        driver_message: event.driver_message.clone(),
        exit_code: event.exit_code,
        failed_sibling: event.failed_sibling.clone(),
        fails_task: event.fails_task,
        kill_error: event.kill_error.clone(),
        kill_reason: event.kill_reason.clone(),
        kill_timeout: event.kill_timeout,
        message: message.trim().to_owned(),
        restart_reason: event.restart_reason.clone(),
        setup_error: event.setup_error.clone(),
        start_delay: event.start_delay,
        task_signal: event.task_signal.clone(),
        task_signal_reason: event.task_signal_reason.clone(),
        time: time::of_nanos(event.time),
        kind: event.kind.clone(),
    }
}

/// How it was placed.
#[must_use]
pub fn to_metrics(metrics: &Metrics) -> v2::Metrics {
    v2::Metrics {
        allocation_time: metrics.allocation_time,
        class_exhausted: metrics.class_exhausted.clone(),
        class_filtered: metrics.class_filtered.clone(),
        coalesced_failures: metrics.coalesced_failures,
        constraint_filtered: metrics.constraint_filtered.clone(),
        dimension_exhausted: metrics.dimension_exhausted.clone(),
        nodes_available: metrics.nodes_available.clone(),
        nodes_evaluated: metrics.nodes_evaluated,
        nodes_exhausted: metrics.nodes_exhausted,
        nodes_filtered: metrics.nodes_filtered,
        scores: metrics.scores.clone(),
    }
}

/// A whole allocation: what a list shows of it, the job it was made for, how it was
/// placed.
#[must_use]
pub fn to_v2_whole(
    stub: v2::AllocationStub,
    rest: &AllocationRest,
    job: v2::Job,
) -> v2::Allocation {
    v2::Allocation {
        stub,
        alloc_modify_index: rest.alloc_modify_index,
        job,
        metrics: rest.metrics.as_ref().map(to_metrics).unwrap_or_default(),
        previous_allocation: rest.previous_allocation.clone(),
    }
}
