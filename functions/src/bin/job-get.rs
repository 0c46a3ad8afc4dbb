//! `GET /v1/job/{id}`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::job_get};

fn main() -> ExitCode {
    lambda::run(&job_get::ROUTE)
}
