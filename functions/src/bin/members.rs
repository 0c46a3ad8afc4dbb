//! `GET /v1/members`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::members};

fn main() -> ExitCode {
    lambda::run(&members::ROUTE)
}
