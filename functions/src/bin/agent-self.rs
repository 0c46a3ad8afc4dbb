//! `GET /v1/self`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::agent_self};

fn main() -> ExitCode {
    lambda::run(&agent_self::ROUTE)
}
