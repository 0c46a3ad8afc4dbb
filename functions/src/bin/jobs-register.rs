//! `POST, PUT /v1/jobs`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::job::register};

fn main() -> ExitCode {
    lambda::run(&register::ROUTE)
}
