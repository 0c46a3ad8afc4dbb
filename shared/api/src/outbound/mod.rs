//! What this program asks besides Nomad: Consul for progress, Secrets Manager for
//! tokens.

pub mod consul;
pub mod credential;
pub mod secrets;
