//! Turns within this process, for callers who would otherwise meet at Nomad.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

/// How long a caller waits for its turn.
const TURN: Duration = Duration::from_secs(2);

/// Whose turn it is. Nothing depends on it but how often callers meet.
pub struct Turns([Mutex<()>; 64]);

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Turns {
    /// Waits for a turn, but not for ever: the one before may wait for Nomad.
    pub(crate) async fn take(&self, id: &str) -> Option<MutexGuard<'_, ()>> {
        let hash = id.bytes().fold(0_usize, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        let turn = self.0.get(hash % self.0.len())?;
        tokio::time::timeout(TURN, turn.lock()).await.ok()
    }
}
