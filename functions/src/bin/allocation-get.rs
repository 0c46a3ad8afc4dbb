//! `GET /v1/allocation/{id}`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::allocation::get};

fn main() -> ExitCode {
    lambda::run(&get::ROUTE)
}
