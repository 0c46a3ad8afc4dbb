//! `GET /v1/job/{id}`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::job::get};

fn main() -> ExitCode {
    lambda::run(&get::ROUTE)
}
