//! `GET /v1/job/{id}/evaluations`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::job::evaluations};

fn main() -> ExitCode {
    lambda::run(&evaluations::ROUTE)
}
