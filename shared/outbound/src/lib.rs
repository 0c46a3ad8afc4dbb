//! What is needed for every call that leaves this program.
//!
//! - [`Client`] makes HTTP calls: no redirect is followed, a body is read up to a
//!   bound, every call has an end.
//! - [`Secret`] is a value that is never printed.
//! - [`TokenSource`] is where a token comes from, and how it is renewed.
//!
//! This crate knows nothing of dtle, Nomad or AWS, so that each of their clients
//! can use it.

mod client;
mod secret;
mod token;

pub use client::*;
pub use secret::Secret;
pub use token::{Boxed, TokenSource};
