//! `GET /v1/node/{id}`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::node_get};

fn main() -> ExitCode {
    lambda::run(&node_get::ROUTE)
}
