//! `GET /v1/regions`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::regions};

fn main() -> ExitCode {
    lambda::run(&regions::ROUTE)
}
