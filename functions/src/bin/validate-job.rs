//! `POST, PUT /v1/validate/job`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::job::validate};

fn main() -> ExitCode {
    lambda::run(&validate::ROUTE)
}
