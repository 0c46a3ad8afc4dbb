//! `GET /v1/job/{id}/evaluations`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::job_evaluations};

fn main() -> ExitCode {
    lambda::run(&job_evaluations::ROUTE)
}
