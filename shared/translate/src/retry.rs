//! Tasks that failed and that Nomad starts again: which side, why, which attempt.
//!
//! Nomad calls such a job `running`, and between two attempts nothing in its list
//! tells why they are needed. The events of the job's allocations do.

use super::failure::{blamed, failure, failure_of_task, was_told_to_restart};
use super::{JobView, Side, time};
use crate::wire::{AllocationStub, TaskGroup, TaskState};

/// How long a task has to run until its last failure counts as overcome, in
/// nanoseconds. A connection to a host that does not answer takes up to 127 seconds
/// to fail (Linux' `tcp_syn_retries` of 6), and the task reads `running` meanwhile.
pub const SETTLED: i64 = 150 * 1_000_000_000;

/// A task that failed and is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The side whose fault it is.
    pub side: Side,
    /// The group of the task.
    pub group: String,
    /// The plugin's or Nomad's text. Empty when Nomad has lost it.
    pub cause: String,
    /// When the task failed, in Unix nanoseconds.
    pub failed: i64,
    /// When it was started again, in Unix nanoseconds; `None` while it waits for that.
    pub started: Option<i64>,
    /// How often it has failed; 0 where it was moved to another node.
    pub attempt: u64,
    /// How often it may fail before it is given up, if that is known.
    pub of: Option<u64>,
    /// Whether the text says that the other side is the cause.
    follows: bool,
}

impl Retry {
    /// Whether the task has run for so long that the failure is overcome. One that
    /// ended only because the other side was started again runs at once.
    #[must_use]
    pub fn is_over(&self, now: i64) -> bool {
        self.started.is_some_and(|started| {
            was_told_to_restart(&self.cause) || now.saturating_sub(started) >= SETTLED
        })
    }

    /// The cause and the attempt: `… connection refused (attempt 2 of 4)`.
    #[must_use]
    pub fn text(&self) -> String {
        let cause = match self.cause.trim() {
            "" => "failed; Nomad no longer knows why",
            cause => cause,
        };
        match (self.attempt, self.of) {
            (0, _) => format!("{cause} (started again on another node)"),
            // Attempts that are long past are not counted against the policy.
            (attempt, Some(of)) if attempt <= of => format!("{cause} (attempt {attempt} of {of})"),
            (attempt, _) => format!("{cause} (attempt {attempt})"),
        }
    }
}

/// The tasks of a job that failed and are tried again, by the newest allocation of
/// each group.
#[must_use]
pub fn retries(view: &JobView<'_>, allocations: &[AllocationStub]) -> Vec<Retry> {
    view.tasks
        .iter()
        .filter_map(|(side, group, _)| {
            let mut own: Vec<&AllocationStub> = allocations
                .iter()
                .filter(|allocation| allocation.task_group == group.name)
                .collect();
            own.sort_by_key(|one| std::cmp::Reverse((one.create_index, one.create_time)));
            let newest = own.first()?;
            of_allocation(*side, group, newest)
                .or_else(|| moved(*side, group, newest, own.get(1).copied()?))
        })
        .collect()
}

/// The task of an allocation that failed and is tried again on the same node.
#[must_use]
pub fn of_allocation(side: Side, group: &TaskGroup, allocation: &AllocationStub) -> Option<Retry> {
    if allocation.desired_status != "run" {
        return None;
    }
    let state = allocation
        .task_states
        .values()
        // One that has just failed for good may still count as running in Nomad's list.
        .filter(|state| {
            let failed = state.restarts > 0 || failure_of_task(state).is_some();
            state.failed || failed && state.state != "dead"
        })
        .max_by_key(|state| time::nanos_of(state.last_restart.as_deref()))?;
    // Nomad counts the restarts that somebody asked for (`nomad alloc restart`) too.
    let asked = || {
        let events = state.events.iter();
        let asked = events.filter(|event| event.kind == "Restart Signaled");
        asked.map(|event| event.time)
    };
    let said = failure_of_task(state);
    if let Some(asked) = asked().max()
        && !state.failed
        && said.as_ref().is_none_or(|(failed, _)| *failed < asked)
    {
        return None;
    }
    let restarted = time::nanos_of(state.last_restart.as_deref()).unwrap_or_default();
    let (failed, cause) = said.unwrap_or((restarted, String::new()));
    // The number of failures is that of restarts: the last one is still to come
    // while Nomad has not yet decided about it.
    let asked = u64::try_from(asked().count()).unwrap_or_default();
    let attempt = state.restarts.saturating_sub(asked) + u64::from(failed > restarted);
    let policy = group.restart_policy.as_ref();
    let (side, follows) = blamed(side, &cause);
    Some(Retry {
        side,
        group: group.name.clone(),
        cause,
        failed,
        // The plugin can end without Nomad starting it again: then Nomad calls it
        // running for ever [added-table of 4.23.04].
        started: started(state).filter(|started| *started > failed),
        attempt,
        of: policy
            .filter(|policy| policy.mode == "fail")
            .and_then(|policy| u64::try_from(policy.attempts).ok())
            .map(|attempts| attempts + 1),
        follows,
    })
}

/// A task whose allocation failed for good and was replaced by a new one.
fn moved(
    side: Side,
    group: &TaskGroup,
    newest: &AllocationStub,
    before: &AllocationStub,
) -> Option<Retry> {
    if newest.desired_status != "run" || before.client_status != "failed" {
        return None;
    }
    let (failed, cause) = failure(before)?;
    // An allocation that a change of the job made has nothing to do with it.
    if before.job_version != newest.job_version {
        return None;
    }
    let (side, follows) = blamed(side, &cause);
    Some(Retry {
        side,
        group: group.name.clone(),
        cause,
        failed,
        started: newest.task_states.values().find_map(started),
        attempt: 0,
        of: None,
        follows,
    })
}

fn started(state: &TaskState) -> Option<i64> {
    (state.state == "running")
        .then(|| time::nanos_of(state.started_at.as_deref()))
        .flatten()
}

/// Why a job is being tried again, in one line that names the side:
/// `Dest: Error 1045: Access denied … (attempt 2 of 4)`; empty when it is not.
#[must_use]
pub fn cause(retries: &[Retry], now: i64) -> String {
    retries
        .iter()
        .filter(|retry| !retry.is_over(now))
        // A text of its own before one that follows from it, then the first failure.
        .min_by_key(|retry| (retry.follows, retry.cause.is_empty(), retry.failed))
        .map(|retry| format!("{}: {}", retry.side, retry.text()))
        .unwrap_or_default()
}
