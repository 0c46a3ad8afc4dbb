//! What the handlers of requests and the clock share.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

use crate::options::Rules;
use crate::requests::Requests;
use crate::state::State;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    /// The index of the newest entry of the raft log, for those who wait for one.
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) requests: Requests,
    pub(crate) rules: Rules,
    pub(crate) token: Option<String>,
    pub(crate) leader: bool,
    pub(crate) write_window: Duration,
    pub(crate) region: String,
    /// The servers of the other regions that these are joined with.
    pub(crate) others: Mutex<Vec<Weak<Shared>>>,
}

impl Shared {
    /// Does something to the state, alone.
    pub(crate) fn locked<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The other regions' servers that still run.
    pub(crate) fn others(&self) -> Vec<Arc<Self>> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.iter().filter_map(Weak::upgrade).collect()
    }

    /// Joins the servers of another region.
    pub(crate) fn join(&self, other: &Arc<Self>) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.push(Arc::downgrade(other));
    }
}
