//! Why an allocation, or one of its tasks, failed, and which side is to blame.

use super::Side;
use crate::wire::{AllocationStub, Event, TaskState};

/// What 4.x says on one side when the other has been started again, as in `NatsAddr
/// changed to wait. will restart dst` [Nomad recording 068 of 4.23]. The other side is
/// the cause.
const FOLLOWS: &str = "NatsAddr changed to ";
/// How the plugin's Src begins what its Dest told it [Nomad recording 071 of 4.23].
const TOLD_BY_DEST: &str = "applier error: ";
/// As [`TOLD_BY_DEST`], in 3.x, for what makes both sides begin anew.
const RESTARTED_BY_DEST: &str = "applier restart: ";

/// When and why an allocation failed.
pub(super) fn failure(allocation: &AllocationStub) -> Option<(i64, String)> {
    allocation
        .task_states
        .values()
        .filter(|state| state.failed || state.state == "dead")
        .filter_map(failure_of_task)
        .max_by_key(|(time, _)| *time)
}

/// When and why a task last failed. A text that only says that the other side was
/// started again gives way to one of shortly before that says why.
pub(super) fn failure_of_task(state: &TaskState) -> Option<(i64, String)> {
    /// The interval in which Nomad counts restarts, by default.
    const SHORTLY: i64 = 600 * 1_000_000_000;
    let failures = || {
        state.events.iter().rev().filter_map(|event| {
            let text = failure_of_event(event);
            (!text.is_empty()).then_some((event.time, text))
        })
    };
    let newest = failures().next()?;
    let told = failures()
        .take_while(|(time, _)| newest.0.saturating_sub(*time) < SHORTLY)
        .find(|(_, text)| !follows(text));
    let (time, text) = told.unwrap_or(newest);
    Some((time, text.to_owned()))
}

/// The message stands in another field for each type of event.
pub(super) fn failure_of_event(event: &Event) -> &str {
    match event.kind.as_str() {
        "Terminated" => &event.message,
        "Failed Validation" => &event.validation_error,
        "Driver Failure" => &event.driver_error,
        "Setup Failure" => &event.setup_error,
        _ => "",
    }
}

/// Whether a text only says that the other side failed or was started again.
pub(super) fn follows(text: &str) -> bool {
    blamed(Side::Src, text).1 || blamed(Side::Dest, text).1
}

/// Whether a task ended only because the other side was started again.
pub(super) fn was_told_to_restart(text: &str) -> bool {
    text.contains(FOLLOWS)
}

/// The side whose fault a text of that side is, and whether the text only follows
/// from the other side's failure.
pub(super) fn blamed(side: Side, text: &str) -> (Side, bool) {
    match side {
        Side::Src if text.starts_with(TOLD_BY_DEST) || text.starts_with(RESTARTED_BY_DEST) => {
            (Side::Dest, true)
        }
        Side::Src if was_told_to_restart(text) => (Side::Dest, true),
        Side::Dest if was_told_to_restart(text) => (Side::Src, true),
        side => (side, false),
    }
}
