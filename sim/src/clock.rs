//! The simulation's clock: the task that makes happen what is due.
//!
//! Tasks start, fail, restart and stop after a while, evaluations wait. One
//! background task works all of it off, a few actions at a time, so that no action
//! holds the lock for long and nothing needs a task of its own.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use crate::shared::Shared;
use crate::state::State;
use crate::timers::Action;

/// How many actions one hold of the lock covers.
const BATCH: usize = 32;

/// When there is something to do again.
enum Next {
    Now,
    At(Instant),
    Never,
}

/// Works off the heap for as long as the simulation lives.
pub(crate) async fn run(shared: Arc<Shared>, wake: Arc<Notify>) {
    loop {
        match shared.locked(step) {
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

/// Does what is due, up to a batch.
fn step(state: &mut State) -> Next {
    for _ in 0..BATCH {
        let Some(Reverse(timer)) = state.timers.peek() else {
            return Next::Never;
        };
        if timer.at > Instant::now() {
            return Next::At(timer.at);
        }
        if let Some(Reverse(timer)) = state.timers.pop() {
            act(state, timer.action);
        }
    }
    Next::Now
}

fn act(state: &mut State, action: Action) {
    match action {
        Action::Schedule(eval) => state.process(&eval),
        Action::Start(alloc) => state.start_alloc(&alloc),
        Action::Restart { alloc, task } => state.restart_task(&alloc, &task),
        Action::Stopped(alloc) => state.stopped(&alloc),
        Action::Terminate {
            alloc,
            task,
            restarts,
            message,
        } => state.terminate_task(&alloc, &task, restarts, &message),
        Action::Incremental {
            alloc,
            task,
            restarts,
        } => state.enter_incremental(&alloc, &task, restarts),
    }
}
