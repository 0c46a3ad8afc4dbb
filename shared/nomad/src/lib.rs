//! A client of the Nomad cluster.
//!
//! - [`Client`] lives as long as the process: addresses, connections, the token.
//! - [`Session`] is the calls of one request: a typed method for each of Nomad's
//!   routes, with retries and a deadline.
//! - [`Error`] is what can go wrong, by what it means.
//!
//! Only what the translation reads is typed, in [`dtle_translate::wire`]. Whole
//! jobs that are written back (pause, resume, update) travel as JSON documents, so
//! that fields which nobody here knows survive.

mod answer;
mod api;
mod client;
mod error;
mod listed;
mod placed;
mod read;
mod region;
mod session;
mod settings;
mod transport;

pub use api::Table;
pub use client::{Client, SetupError};
pub use error::{Error, Token};
pub use listed::{allocation_stubs, job, job_document, job_version, stubs};
pub use read::{QueryMeta, Read, ReadOptions};
pub use session::Session;
pub use settings::{NomadSettings, Process};

/// The target of the spans that stand for one call each, at the level of a trace.
pub const TRACE: &str = "trace";
