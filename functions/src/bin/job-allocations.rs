//! `GET /v1/job/{id}/allocations`,
//! `GET /job/{id}/allocations`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::job::allocations};

fn main() -> ExitCode {
    lambda::run(&allocations::ROUTE)
}
