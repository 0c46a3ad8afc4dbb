//! `GET /v1/members`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::members};

fn main() -> ExitCode {
    lambda::run(&members::ROUTE)
}
