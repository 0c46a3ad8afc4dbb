//! What happens later: a heap of due actions.

use std::cmp::Ordering;
use std::time::Instant;

/// Something that happens later. Tasks are named by their allocation and their name;
/// `restarts` says which of their starts is meant.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// A scheduler takes up an evaluation.
    Schedule(String),
    /// The client starts an allocation's tasks.
    Start(String),
    /// A task's driver gives up: its error.
    Terminate {
        alloc: String,
        task: String,
        restarts: u64,
        message: String,
    },
    /// The client starts a task again.
    Restart { alloc: String, task: String },
    /// A Dest has caught up with the full copy.
    Incremental {
        alloc: String,
        task: String,
        restarts: u64,
    },
    /// The client has stopped an allocation's tasks.
    Stopped(String),
}

/// An action and its time.
#[derive(Debug)]
pub(crate) struct Timer {
    pub(crate) at: Instant,
    /// Of two that are due at the same time the one that was set first comes first.
    pub(crate) serial: u64,
    pub(crate) action: Action,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}
