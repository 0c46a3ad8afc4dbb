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

mod client;
mod error;
mod placed;
mod region;
mod session;
mod settings;

pub use client::{Client, SetupError};
pub use error::Error;
pub use session::{QueryMeta, Read, ReadOptions, Session, allocation_stubs, stubs};
pub use settings::NomadSettings;
