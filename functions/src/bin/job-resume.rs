//! `POST /v1/job/{id}/resume`, `PUT …`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::job_resume};

fn main() -> ExitCode {
    lambda::run(&job_resume::ROUTE)
}
