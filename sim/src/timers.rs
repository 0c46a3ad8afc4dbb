//! What happens later.

use std::collections::BTreeMap;
use std::time::Instant;

/// A task: its allocation and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskId {
    pub(crate) alloc: String,
    pub(crate) name: String,
}

impl TaskId {
    pub(crate) fn new(alloc: &str, name: &str) -> Self {
        let (alloc, name) = (alloc.to_owned(), name.to_owned());
        Self { alloc, name }
    }
}

/// Something that happens later. A number says which start of its task is meant: how
/// often it was restarted before.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// A scheduler takes up an evaluation.
    Schedule(String),
    /// The client starts an allocation's tasks.
    Start(String),
    /// A task's driver gives up: its error.
    Terminate(TaskId, u64, String),
    /// The client starts a task again.
    Restart(TaskId),
    /// A Dest has caught up with the full copy.
    Incremental(TaskId, u64),
    /// The client has stopped an allocation's tasks.
    Stopped(String),
}

/// The actions by the time when they are due. Of two that are due at the same time, the
/// one that was set first comes first.
pub(crate) type Timers = BTreeMap<(Instant, u64), Action>;
