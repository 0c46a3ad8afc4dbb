//! The simulation's clock: the task that makes happen what is due.
//!
//! Tasks start, fail, restart and stop after a while, evaluations wait. One
//! background task works all of it off, a few actions at a time, so that no action
//! holds the lock for long and nothing needs a task of its own.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use crate::shared::Shared;
use crate::state::State;
use crate::timers::Action;

/// How many actions one hold of the lock covers.
const BATCH: usize = 32;

/// Works off the heap for as long as the simulation lives.
pub(crate) async fn run(shared: Arc<Shared>, wake: Arc<Notify>) {
    loop {
        match shared.locked(step) {
            Some(at) if at <= Instant::now() => tokio::task::yield_now().await,
            Some(at) => {
                tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {}
                    () = wake.notified() => {}
                }
            }
            None => wake.notified().await,
        }
    }
}

/// Does what is due, up to a batch. Returns when the next action is.
fn step(state: &mut State) -> Option<Instant> {
    for _ in 0..BATCH {
        let first = state.timers.first_entry()?;
        let (at, _) = *first.key();
        if at > Instant::now() {
            return Some(at);
        }
        let action = first.remove();
        act(state, action);
    }
    Some(Instant::now())
}

fn act(state: &mut State, action: Action) {
    match action {
        Action::Schedule(eval) => state.process(&eval),
        Action::Start(alloc) => state.start_alloc(&alloc),
        Action::Restart(task) => state.restart_task(&task),
        Action::Stopped(alloc) => state.stopped(&alloc),
        Action::Terminate(task, start, why) => state.terminate_task(&task, start, &why),
        Action::Incremental(task, start) => state.enter_incremental(&task, start),
    }
}
