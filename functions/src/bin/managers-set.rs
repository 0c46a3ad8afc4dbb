//! `POST, PUT /v1/managers`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::managers_set};

fn main() -> ExitCode {
    lambda::run(&managers_set::ROUTE)
}
