//! Nomad with things happening to it: what every route answers, and that no change is
//! made twice. How soon is measured in `stress`.
//!
//! The tables in docs/faults.md are made here. With `WRITE_DOCS=1` in the
//! environment the file is written, without it is compared.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod callers;
mod connections;
mod document;
mod every_route;
mod log;
mod whose;
mod writes;

/// Routes that make a change without having read anything first.
const PLAIN: [&str; 4] = ["force-leave", "join", "managers-set", "raft-peer-remove"];

/// Accidents after which Nomad certainly has not made the change.
const CERTAINLY_NOT: [&str; 4] = ["429", "503", "no leader", "no connection to the leader"];

/// How many clusters are looked at together.
const AT_ONCE: usize = 6;
