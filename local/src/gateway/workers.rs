//! The threads that answer requests: one for each core, each with a runtime and with
//! connections of its own.
//!
//! A connection stays with its thread, and so do the calls that its requests make. A
//! runtime that moves tasks between its threads wakes another thread several times for
//! each request; that costs more than the translation itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dtle_outbound::own_connections;
use tokio::runtime::{Builder, Handle};

/// A runtime wakes itself whenever a time limit is set that ends before all others that
/// it has. Beside one that ends within a second the limits of calls and requests do not.
const TICK: Duration = Duration::from_secs(1);

/// Threads that answer requests, for as long as the process lives.
#[derive(Debug, Default)]
pub struct Workers {
    runtimes: Vec<Handle>,
    next: AtomicUsize,
}

impl Workers {
    /// Starts a thread for each core.
    ///
    /// # Errors
    /// When the system has no thread to spare.
    pub fn start() -> std::io::Result<Self> {
        let count = std::thread::available_parallelism()?.get();
        let runtimes = (0..count).map(|place| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let work = move || {
                own_connections(place, count);
                runtime.block_on(async {
                    let mut tick = tokio::time::interval(TICK);
                    loop {
                        tick.tick().await;
                    }
                })
            };
            std::thread::Builder::new()
                .name(format!("worker-{place}"))
                .spawn(work)?;
            Ok(handle)
        });
        Ok(Self {
            runtimes: runtimes.collect::<std::io::Result<_>>()?,
            next: AtomicUsize::new(0),
        })
    }

    /// The runtime that the next connection belongs to: each in turn, or the one that
    /// asks, where no thread was started.
    pub(super) fn next(&self) -> Handle {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let place = next.checked_rem(self.runtimes.len());
        place
            .and_then(|place| self.runtimes.get(place))
            .map_or_else(Handle::current, Handle::clone)
    }
}
