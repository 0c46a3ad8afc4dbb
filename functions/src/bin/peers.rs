//! `GET /v1/peers`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::peers};

fn main() -> ExitCode {
    lambda::run(&peers::ROUTE)
}
