//! The API on one machine.
pub mod nomad_sim;
