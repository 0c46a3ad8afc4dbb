//! `GET /v1/self`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::agent_self};

fn main() -> ExitCode {
    lambda::run(&agent_self::ROUTE)
}
