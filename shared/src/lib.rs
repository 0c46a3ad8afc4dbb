//! The dtle 2.x HTTP API, served from a Nomad cluster that runs the dtle
//! plugin (3.x or 4.x).
//!
//! The map, in the order a request travels:
//!
//! - [`lambda`] runs one route as a Lambda function; [`edge`] is what happens to
//!   every request around a route, on Lambda and on one machine alike.
//! - [`http`] reads the request (path values, query, body) and writes the answer
//!   (headers, `pretty`, gzip).
//! - [`routes`] holds one file a route: read the request, call Nomad, translate,
//!   answer. Its table is the only list of routes.
//! - [`cluster`] is what several routes need of it: a job with its status, a safe write.
//! - [`consul`] reads how far a replication has come, where an address is given.
//! - [`nomad`] is the client of the cluster and its wire types.
//! - [`translate`] is the dictionary between the two vocabularies: pure functions,
//!   no I/O, no clock, no environment.
//! - [`v2`] is the wire types of the 2.x API.
//! - [`observe`] is the log line and the metrics of a request.
//! - [`settings`] reads the environment; [`app`] is what lives as long as the process,
//!   [`memory`] what that remembers between requests, and [`turns`] keep requests of
//!   the same moment apart; [`secrets`] come from Secrets Manager.
//! - [`authorizer`] decides who may call, in a function of its own.

pub mod app;
pub mod authorizer;
pub mod cluster;
pub mod consul;
pub mod credential;
pub mod edge;
pub mod error;
pub mod http;
pub mod lambda;
pub mod memory;
pub mod nomad;
pub mod observe;
pub mod routes;
pub mod secret;
pub mod secrets;
pub mod settings;
pub mod translate;
pub mod turns;
pub mod v2;

pub use app::App;
pub use error::Error;
