//! `GET /v1/peers`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::peers};

fn main() -> ExitCode {
    lambda::run(&peers::ROUTE)
}
