//! The events of tasks, those that Nomad has lost included.
//!
//! Reading statistics pushes events out of the ten that Nomad keeps of a task. Those
//! that this process has seen are remembered; others are made anew from what Nomad
//! still knows ([`dtle_translate::events`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use dtle_translate::events::{merge, restore};
use dtle_translate::wire::{AllocationStub, Event};

use super::memo::Memo;

/// Bytes of events remembered: those of some 5,000 tasks.
const ROOM: u64 = 16 << 20;

/// By the task's name in Nomad.
type OfTasks = BTreeMap<String, Vec<Event>>;

/// The events that this process has seen, by the allocation's ID.
pub struct Events(Memo<Arc<OfTasks>>);

impl Default for Events {
    fn default() -> Self {
        Self(Memo::new(ROOM))
    }
}

/// The bytes that the events of an allocation's tasks take.
fn size(tasks: &OfTasks) -> u32 {
    let events = tasks.values().flatten();
    let texts = events.map(|event| 400 + event.message.len() + event.driver_error.len());
    u32::try_from(300 + texts.sum::<usize>()).unwrap_or(u32::MAX)
}

impl Events {
    /// Gives an allocation's tasks the events that Nomad has lost, and remembers those
    /// that it has.
    pub fn complete(&self, allocation: &mut AllocationStub) {
        if allocation.task_states.is_empty() {
            return;
        }
        let known = self.0.get(&allocation.id).unwrap_or_default();
        let mut seen = OfTasks::new();
        for (task, state) in &mut allocation.task_states {
            let before = known.get(task).map_or(&[][..], Vec::as_slice);
            let events = merge(before, &state.events);
            seen.insert(task.clone(), events.clone());
            state.events = events;
        }
        if seen != *known {
            let (id, size) = (allocation.id.clone(), size(&seen));
            self.0.insert_sized(id, Arc::new(seen), size);
        }
        restore(allocation);
    }

    /// As [`Events::complete`], for many.
    pub fn complete_all(&self, allocations: &mut [AllocationStub]) {
        for allocation in allocations {
            self.complete(allocation);
        }
    }
}
