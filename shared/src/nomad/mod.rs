//! The Nomad cluster: a typed client and the wire types it reads.
//!
//! Only what the translation needs is typed. Whole jobs that are written back
//! (pause, resume, update) travel as JSON documents, so that fields which this
//! crate does not know survive.

mod client;
mod error;
mod session;
pub mod wire;

pub use client::{Client, SetupError};
pub use error::Error;
pub use session::{QueryMeta, Read, ReadOptions, Session, allocation_stubs, stubs};
