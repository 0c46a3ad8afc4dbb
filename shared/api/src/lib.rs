//! The dtle 2.x HTTP API, served from a Nomad cluster that runs the dtle plugin
//! (3.x or 4.x): what a request meets on its way.
//!
//! The map, in the order a request travels:
//!
//! - [`lambda`] runs one route as a Lambda function. [`pipeline`] is what happens
//!   to every request around its route, on Lambda and on one machine alike.
//! - [`request`] reads the request: path values, query, body. [`reply`] writes the
//!   answer: headers, `pretty`, gzip, errors.
//! - [`routes`] holds one file a route, `routes/<resource>/<verb>.rs`: it reads the
//!   request, asks Nomad, translates, answers. Its table is the only list of routes.
//!   A route's words for the OpenAPI document stand beside it, as a [`document::Doc`].
//! - [`cluster`] is what several routes need of the cluster: a job with its status, a
//!   write that loses nobody's change.
//! - [`outbound`] asks Consul how far a replication has come, and Secrets Manager for
//!   tokens.
//! - [`console`] puts the pages together that a browser shows.
//! - [`context`] is what a route works with. [`settings`] reads the environment.
//!   [`observe`] is the log line and the metrics of a request.
//! - [`auth`] decides who may call, in a function of its own.
//!
//! The dictionary between the two APIs is the crate `dtle-translate`, the client of
//! the cluster the crate `dtle-nomad`.

pub mod auth;
pub mod clock;
pub mod cluster;
pub mod console;
pub mod context;
pub mod document;
pub mod duration;
mod expiring;
pub mod lambda;
pub mod log;
pub mod observe;
pub mod outbound;
pub mod path;
pub mod pipeline;
pub mod reply;
pub mod request;
pub mod route;
pub mod routes;
pub mod settings;
mod trace;
pub mod watched;

pub use context::App;
pub use reply::Error;
