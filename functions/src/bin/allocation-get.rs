//! `GET /v1/allocation/{id}`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::allocation_get};

fn main() -> ExitCode {
    lambda::run(&allocation_get::ROUTE)
}
