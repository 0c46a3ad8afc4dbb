//! `POST, PUT /v1/join`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::join};

fn main() -> ExitCode {
    lambda::run(&join::ROUTE)
}
