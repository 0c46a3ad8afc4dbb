//! What the handlers of requests and the clock share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

use crate::options::{Acl, Rules};
use crate::state::State;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    /// The index of the newest entry of the raft log, for those who wait for one.
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) requests: Requests,
    pub(crate) rules: Rules,
    pub(crate) acl: Option<Acl>,
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

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The method, in capitals.
    pub method: String,
    /// The path without its query. Requests to Consul begin with `consul:`.
    pub path: String,
}

/// What was asked so far: a test reads how many requests a route cost, and whether a write
/// was sent twice.
#[derive(Debug, Default)]
pub struct Requests {
    /// Whether they are kept at all.
    on: bool,
    kept: Mutex<Vec<Asked>>,
}

impl Requests {
    pub(crate) fn new(on: bool) -> Self {
        let kept = Mutex::default();
        Self { on, kept }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, method: &str, path: &str) {
        if self.on {
            let (method, path) = (method.to_owned(), path.to_owned());
            self.kept().push(Asked { method, path });
        }
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Asked> {
        self.kept().clone()
    }

    /// How many had this method and exactly this path.
    #[must_use]
    pub fn count(&self, method: &str, path: &str) -> usize {
        let wanted = |one: &&Asked| one.method == method && one.path == path;
        self.kept().iter().filter(wanted).count()
    }

    /// How many had a path that begins so.
    #[must_use]
    pub fn count_below(&self, prefix: &str) -> usize {
        let below = |one: &&Asked| one.path.starts_with(prefix);
        self.kept().iter().filter(below).count()
    }

    /// Forgets them.
    pub fn forget(&self) {
        self.kept().clear();
    }
}
