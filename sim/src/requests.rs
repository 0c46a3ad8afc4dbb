//! What was asked: a test reads afterwards how many requests a route cost, and whether a
//! write was sent twice.

use std::sync::{Mutex, PoisonError};

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The method, in capitals.
    pub method: String,
    /// The path without its query. Requests to Consul begin with `consul:`.
    pub path: String,
}

/// The requests so far, oldest first.
#[derive(Debug, Default)]
pub struct Requests {
    kept: Option<Mutex<Vec<Asked>>>,
}

impl Requests {
    pub(crate) fn new(keep: bool) -> Self {
        Self {
            kept: keep.then(Mutex::default),
        }
    }

    fn with<T: Default>(&self, act: impl FnOnce(&mut Vec<Asked>) -> T) -> T {
        self.kept.as_ref().map_or_else(T::default, |kept| {
            act(&mut kept.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }

    pub(crate) fn add(&self, method: &str, path: &str) {
        self.with(|kept| {
            kept.push(Asked {
                method: method.to_owned(),
                path: path.to_owned(),
            });
        });
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Asked> {
        self.with(|kept| kept.clone())
    }

    /// How many had this method and exactly this path.
    #[must_use]
    pub fn count(&self, method: &str, path: &str) -> usize {
        let wanted = |asked: &&Asked| asked.method == method && asked.path == path;
        self.with(|kept| kept.iter().filter(wanted).count())
    }

    /// How many had a path that begins so.
    #[must_use]
    pub fn count_below(&self, prefix: &str) -> usize {
        let below = |asked: &&Asked| asked.path.starts_with(prefix);
        self.with(|kept| kept.iter().filter(below).count())
    }

    /// Forgets them.
    pub fn forget(&self) {
        self.with(Vec::clear);
    }
}
