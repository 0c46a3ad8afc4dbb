//! What a read asks for, and what it brings.

use std::time::Duration;

/// The index headers of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryMeta {
    /// The Raft index, `X-Nomad-Index`.
    pub index: u64,
    /// Whether the answering server knew a leader.
    pub known_leader: bool,
    /// Milliseconds since it last heard from that leader.
    pub last_contact: u64,
}

/// An answer and its [`QueryMeta`].
#[derive(Clone, Debug)]
pub struct Read<T> {
    /// What was asked for.
    pub value: T,
    /// Index headers, absent on routes that have none.
    pub meta: Option<QueryMeta>,
}

impl<T> Read<T> {
    /// The same answer, its value translated.
    pub fn map<U>(self, translate: impl FnOnce(T) -> U) -> Read<U> {
        Read {
            value: translate(self.value),
            meta: self.meta,
        }
    }
}

/// What a caller may ask of a read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadOptions {
    /// Any server may answer, from what it has.
    pub stale: bool,
    /// Answer once the index has passed this one (a blocking query).
    pub index: Option<u64>,
    /// How long a blocking query may take.
    pub wait: Option<Duration>,
    /// Only objects whose ID begins so.
    pub prefix: Option<String>,
    /// Of a job's allocations, also those of earlier jobs under the same ID.
    pub all: bool,
    /// A list of jobs: those of every namespace that the token may see.
    pub all_namespaces: bool,
}

impl ReadOptions {
    /// Whether an answer that was kept may be given: a blocking query waits for something
    /// new, and a stale list and what belongs to it may come from two servers.
    #[must_use]
    pub fn may_be_kept(&self) -> bool {
        self.index.is_none() && !self.stale
    }

    /// The same consistency for a further read, which must neither block nor filter.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self {
            stale: self.stale,
            ..Self::default()
        }
    }
}
