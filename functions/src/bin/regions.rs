//! `GET /v1/regions`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::regions};

fn main() -> ExitCode {
    lambda::run(&regions::ROUTE)
}
