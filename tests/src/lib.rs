//! What the tests that cross crates share.
//!
//! - [`recording`] reads the exchanges that were taken from the real programs.
//! - [`replay`] is a Nomad that says exactly what was recorded of one.
//! - [`ordered`] is JSON whose keys keep the order they came in.
//! - [`shape`] is what a set of recorded answers has in common, and whether
//!   another answer has it too.
//! - [`client`] sends a request and hides nothing of the answer.
//! - [`gateway`] is the API under test, on a port of its own; [`cluster`] is that
//!   over an in-memory Nomad.
//! - [`proxy`] is a server of Nomad's that things happen to; [`process`] the gateway
//!   as a process of its own.

// A helper that finds nothing where something must be has to fail the test
// that uses it: the lints against panics spare only code marked as tests.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub mod client;
pub mod cluster;
pub mod gateway;
pub mod ordered;
pub mod process;
pub mod proxy;
pub mod recording;
pub mod replay;
pub mod shape;

pub use client::{Answer, Client};
pub use cluster::Cluster;
pub use gateway::{Generation, gateway};
pub use ordered::Json;
pub use process::Process;
pub use proxy::Proxy;
pub use recording::{Recording, recording};
pub use replay::Replay;
pub use shape::Shape;
