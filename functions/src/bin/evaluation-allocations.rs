//! `GET /v1/evaluation/{id}/allocations`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::evaluation_allocations};

fn main() -> ExitCode {
    lambda::run(&evaluation_allocations::ROUTE)
}
