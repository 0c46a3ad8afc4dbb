//! `GET /metrics`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::metrics};

fn main() -> ExitCode {
    lambda::run(&metrics::ROUTE)
}
