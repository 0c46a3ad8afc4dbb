//! The simulation's clock: what happens later, and the task that makes it
//! happen.
//!
//! Tasks start, fail, restart and stop after a while, evaluations wait. All of
//! it is a heap of due actions that one background task works off, a few at a
//! time, so that no action holds the lock for long and nothing needs a task of
//! its own.

use std::cmp::{Ordering, Reverse};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::Shared;
use super::state::State;

/// Something that happens later.
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
    /// An allocation has run for as long as a deployment wants it to.
    Healthy(String),
    /// The deployment watcher has seen an unhealthy allocation.
    Unhealthy(String),
}

/// An action and its time.
#[derive(Debug)]
pub(crate) struct Timer {
    pub(crate) at: Instant,
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

/// How many actions one hold of the lock covers.
const BATCH: usize = 32;

/// Works off the heap for as long as the simulation lives.
pub(crate) async fn run(shared: Arc<Shared>, wake: Arc<Notify>) {
    loop {
        let next = {
            let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            step(&mut state)
        };
        match next {
            Next::Now => tokio::task::yield_now().await,
            Next::At(at) => {
                tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {}
                    () = wake.notified() => {}
                }
            }
            Next::Never => wake.notified().await,
        }
    }
}

enum Next {
    Now,
    At(Instant),
    Never,
}

/// Does what is due, up to a batch.
fn step(state: &mut State) -> Next {
    for _ in 0..BATCH {
        match state.timers.peek() {
            None => return Next::Never,
            Some(Reverse(timer)) if timer.at > Instant::now() => return Next::At(timer.at),
            Some(_) => {}
        }
        let Some(Reverse(timer)) = state.timers.pop() else {
            return Next::Never;
        };
        match timer.action {
            Action::Schedule(eval) => state.process(&eval),
            Action::Start(alloc) => state.start_alloc(&alloc),
            Action::Terminate {
                alloc,
                task,
                restarts,
                message,
            } => {
                state.terminate_task(&alloc, &task, restarts, &message);
            }
            Action::Restart { alloc, task } => state.restart_task(&alloc, &task),
            Action::Incremental {
                alloc,
                task,
                restarts,
            } => {
                state.enter_incremental(&alloc, &task, restarts);
            }
            Action::Stopped(alloc) => state.stopped(&alloc),
            Action::Healthy(alloc) => state.became_healthy(&alloc),
            Action::Unhealthy(alloc) => state.became_unhealthy(&alloc),
        }
    }
    Next::Now
}
