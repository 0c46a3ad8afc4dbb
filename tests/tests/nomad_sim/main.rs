//! The in-memory Nomad against the recordings of a real one, and the
//! behaviour that single exchanges do not show.

// A test that finds nothing where something must be has failed: the lints
// against panics spare only functions marked as tests, and these help them.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod client;
mod cluster;
mod compare;
mod hold;
mod jobs;
mod plugin;
mod reads;
mod story;
mod told;
