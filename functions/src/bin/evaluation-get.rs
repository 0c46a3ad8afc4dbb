//! `GET /v1/evaluation/{id}`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::evaluation::get};

fn main() -> ExitCode {
    lambda::run(&get::ROUTE)
}
