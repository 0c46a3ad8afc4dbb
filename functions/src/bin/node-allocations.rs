//! `GET /v1/node/{id}/allocations`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::node_allocations};

fn main() -> ExitCode {
    lambda::run(&node_allocations::ROUTE)
}
