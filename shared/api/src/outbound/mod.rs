//! What this program asks besides Nomad: Consul for progress, the plugins on the
//! nodes for metrics, Secrets Manager for tokens.

pub mod aws;
pub mod consul;
pub mod credential;
pub mod plugin;
pub mod secrets;
