//! `POST /v1/jobs`, `PUT /v1/jobs`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::jobs_register};

fn main() -> ExitCode {
    lambda::run(&jobs_register::ROUTE)
}
