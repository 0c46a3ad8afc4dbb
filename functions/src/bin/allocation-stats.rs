//! `GET /v1/agent/allocation/{id}/stats`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::allocation_stats};

fn main() -> ExitCode {
    lambda::run(&allocation_stats::ROUTE)
}
