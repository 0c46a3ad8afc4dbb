//! The calls of one request: what they have in common.
//!
//! The typed calls stand in `api.rs`, how each of them is sent in `transport.rs`.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::{Client, Token};

/// The calls of one request.
pub struct Session<'a> {
    pub(super) client: &'a Client,
    pub(super) deadline: Instant,
    /// The region that the query names.
    pub(super) wanted: Option<String>,
    /// The region that the calls go to, once it is decided; `None`: the own one.
    pub(super) region: OnceCell<Option<String>>,
    /// What is the matter with the token, once Nomad has denied it something.
    pub(super) judged: OnceCell<Token>,
    pub(super) calls: AtomicU32,
    pub(super) micros: AtomicU64,
}

impl<'a> Session<'a> {
    pub(super) fn new(client: &'a Client, deadline: Instant) -> Self {
        Self {
            client,
            deadline,
            wanted: None,
            region: OnceCell::new(),
            judged: OnceCell::new(),
            calls: AtomicU32::new(0),
            micros: AtomicU64::new(0),
        }
    }

    /// How many HTTP requests were sent so far, repeats included.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Time spent waiting for Nomad, summed over calls that may have overlapped.
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }
}
