//! The dtle 2.x API on one machine.
//!
//! - [`gateway`] stands where API Gateway and Lambda stand when deployed: it
//!   routes by the template and hands real payload-2.0 events to the handlers.
//! - [`log`] is its log on standard error.
//! - [`migrate`] moves jobs here from a running 2.x cluster.
//! - [`new_jobs`] are the options for what a new job gets.
//! - [`openapi`] describes the API, for programs and for readers.

pub mod api;
pub mod forget;
pub mod gateway;
pub use dtle_translate::gtid;
pub mod log;
pub mod migrate;
pub mod mysql;
pub mod new_jobs;
pub mod openapi;
