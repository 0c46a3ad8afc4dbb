//! `POST /v1/validate/job`, `PUT …`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::validate_job};

fn main() -> ExitCode {
    lambda::run(&validate_job::ROUTE)
}
