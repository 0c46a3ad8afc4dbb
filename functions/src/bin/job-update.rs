//! `POST /v1/job/{id}`, `PUT /v1/job/{id}`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::job_update};

fn main() -> ExitCode {
    lambda::run(&job_update::ROUTE)
}
