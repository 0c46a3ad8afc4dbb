//! The events of a task that Nomad has lost.
//!
//! Nomad keeps ten events of a task. Each reading of its statistics adds two, so
//! that a dashboard leaves nothing else within a minute. [`merge`] puts those back
//! that were seen before, and [`restore`] those that the rest of Nomad's answer
//! proves: with the times that Nomad has kept of them.

use super::failure::failure_of_event;
use super::time;
use crate::wire::{AllocationStub, Event, TaskState};

/// As many as Nomad and 2.x keep.
const KEPT: usize = 10;
/// How far an event and the time that Nomad keeps of it lie apart at most, in
/// nanoseconds. Recorded are microseconds.
const SAME: i64 = 1_000_000_000;

/// Whether reading statistics has left this event behind. 2.x has no such events.
#[must_use]
pub fn is_trace_of_statistics(event: &Event) -> bool {
    event.kind == "Signaling"
        || (event.kind == "Driver" && event.driver_message.starts_with("Task receive signal "))
}

/// The events that were seen before together with those of now, oldest first,
/// without the traces of statistics: as many as Nomad keeps, the first `Received`
/// and the newest failure among them.
#[must_use]
pub fn merge(before: &[Event], now: &[Event]) -> Vec<Event> {
    let mut all: Vec<Event> = now
        .iter()
        .filter(|event| !is_trace_of_statistics(event))
        .cloned()
        .collect();
    for event in before {
        let known = |other: &Event| other.time == event.time && other.kind == event.kind;
        if !all.iter().any(known) {
            all.push(event.clone());
        }
    }
    all.sort_by_key(|event| event.time);
    while all.len() > KEPT {
        let failure = all
            .iter()
            .rposition(|event| !failure_of_event(event).is_empty());
        let oldest = (0..all.len()).find(|position| {
            let received = all.get(*position).is_some_and(|e| e.kind == "Received");
            !received && Some(*position) != failure
        });
        all.remove(oldest.unwrap_or(0));
    }
    all
}

/// Adds the events that an allocation's task must have had and that Nomad has
/// pushed out: `Received`, `Started`, `Restarting` and how it ended.
pub fn restore(allocation: &mut AllocationStub) {
    let created = allocation.create_time;
    for state in allocation.task_states.values_mut() {
        restore_task(state, created);
    }
}

fn restore_task(state: &mut TaskState, created: i64) {
    let has = |state: &TaskState, kind: &str, at: i64| {
        let mut events = state.events.iter();
        events.any(|event| event.kind == kind && (event.time - at).abs() < SAME)
    };
    // Nomad keeps no other time of the task's arrival on the node, which follows the
    // allocation's creation within moments.
    if created > 0 && !state.events.iter().any(|event| event.kind == "Received") {
        let first = state.events.iter().map(|event| event.time).min();
        let time = first.map_or(created, |first| created.min(first));
        state.events.push(event("Received", time));
    }
    if let Some(at) = time::nanos_of(state.last_restart.as_deref())
        && state.restarts > 0
        && !has(state, "Restarting", at)
        && !has(state, "Restart Signaled", at)
    {
        state.events.push(event("Restarting", at));
    }
    if let Some(at) = time::nanos_of(state.started_at.as_deref())
        && !has(state, "Started", at)
    {
        state.events.push(event("Started", at));
    }
    if let Some(at) = time::nanos_of(state.finished_at.as_deref())
        && state.state == "dead"
        && !state.events.iter().any(ends)
    {
        let kind = if state.failed { "Terminated" } else { "Killed" };
        let mut last = event(kind, at);
        last.fails_task = state.failed;
        state.events.push(last);
    }
    state.events.sort_by_key(|event| event.time);
}

/// Whether a task ends with this event.
fn ends(event: &Event) -> bool {
    !failure_of_event(event).is_empty()
        || matches!(
            event.kind.as_str(),
            "Terminated" | "Killed" | "Killing" | "Not Restarting" | "Leader Task Dead"
        )
}

fn event(kind: &str, time: i64) -> Event {
    Event {
        kind: kind.to_owned(),
        time,
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(kinds: &[(&str, i64)]) -> Vec<Event> {
        kinds
            .iter()
            .map(|(kind, time)| event(kind, *time))
            .collect()
    }

    fn kinds(events: &[Event]) -> Vec<(&str, i64)> {
        let named = events.iter().map(|event| (event.kind.as_str(), event.time));
        named.collect()
    }

    #[test]
    fn what_was_seen_stays_and_what_statistics_left_goes() {
        let before = events(&[("Received", 1), ("Task Setup", 2), ("Started", 3)]);
        let now = events(&[("Started", 3), ("Signaling", 4), ("Signaling", 5)]);
        let all = merge(&before, &now);
        assert_eq!(
            kinds(&all),
            [("Received", 1), ("Task Setup", 2), ("Started", 3)]
        );
    }

    #[test]
    fn among_many_the_arrival_and_the_last_failure_stay() {
        let mut failure = event("Terminated", 2);
        failure.message = "gone".to_owned();
        let mut seen = merge(&[event("Received", 1), failure], &[]);
        for round in 0..40 {
            seen = merge(&seen, &events(&[("Started", 10 + round)]));
        }
        assert_eq!(seen.len(), KEPT);
        assert_eq!(
            kinds(&seen)[..3],
            [("Received", 1), ("Terminated", 2), ("Started", 42)]
        );
    }

    #[test]
    fn what_nomad_keeps_besides_events_makes_them_anew() {
        let mut state = TaskState {
            state: "running".to_owned(),
            restarts: 1,
            last_restart: Some("2026-11-23T08:39:31.491101059Z".to_owned()),
            started_at: Some("2026-11-23T08:39:33.522760636Z".to_owned()),
            ..TaskState::default()
        };
        restore_task(&mut state, 1_795_423_169_357_000_390);
        assert_eq!(
            kinds(&state.events),
            [
                ("Received", 1_795_423_169_357_000_390),
                ("Restarting", 1_795_423_171_491_101_059),
                ("Started", 1_795_423_173_522_760_636),
            ]
        );
        // Once is enough.
        let again = state.events.clone();
        restore_task(&mut state, 1_795_423_169_357_000_390);
        assert_eq!(state.events, again);
    }
}
