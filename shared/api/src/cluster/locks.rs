//! Locks within this process: for the writers of a job, and for those who write the
//! same list.
//!
//! No change would be lost without these locks. But writers that meet at Nomad make
//! each other repeat their changes, and some of them give up in the end; writers
//! that wait for each other here all succeed. This serves a gateway with many
//! clients. A Lambda function has one request at a time.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

/// How long a writer waits for the writer before, which may be waiting for Nomad.
const PATIENCE: Duration = Duration::from_secs(2);

/// A fixed number of locks, among which the IDs of jobs are spread.
pub struct Locks([Mutex<()>; 64]);

impl Default for Locks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Locks {
    /// The lock of a job; `None` after two seconds of waiting for it.
    pub(super) async fn lock(&self, id: &str) -> Option<MutexGuard<'_, ()>> {
        tokio::time::timeout(PATIENCE, self.of(&id).lock())
            .await
            .ok()
    }

    /// The lock of something.
    #[expect(clippy::indexing_slicing, reason = "the remainder is a place")]
    pub(super) fn of(&self, thing: &impl Hash) -> &Mutex<()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(thing);
        &self.0[usize::try_from(hash % 64).unwrap_or_default()]
    }
}
