//! What every call that leaves this program needs.
//!
//! - [`Secret`] is a value that is never printed.
//! - [`TokenSource`] is where a token comes from, and how it is renewed.
//!
//! This crate knows nothing of dtle, Nomad or AWS, so that each of their clients
//! can use it.

mod secret;
mod token;

pub use secret::Secret;
pub use token::{Boxed, TokenSource};
