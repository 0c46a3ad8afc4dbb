//! `GET /v1/node/{id}/allocations`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::node::allocations};

fn main() -> ExitCode {
    lambda::run(&allocations::ROUTE)
}
