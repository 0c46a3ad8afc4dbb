//! `GET /v1/job/{id}/allocations`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::job_allocations};

fn main() -> ExitCode {
    lambda::run(&job_allocations::ROUTE)
}
