//! `GET /v1/leader`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::leader};

fn main() -> ExitCode {
    lambda::run(&leader::ROUTE)
}
