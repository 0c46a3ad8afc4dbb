//! `GET /v1/evaluation/{id}/allocations`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::evaluation::allocations};

fn main() -> ExitCode {
    lambda::run(&allocations::ROUTE)
}
