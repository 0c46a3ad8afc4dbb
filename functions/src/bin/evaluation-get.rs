//! `GET /v1/evaluation/{id}`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::evaluation_get};

fn main() -> ExitCode {
    lambda::run(&evaluation_get::ROUTE)
}
