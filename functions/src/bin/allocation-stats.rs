//! `GET /v1/agent/allocation/{id}/stats`,
//! `GET /agent/allocation/{id}/stats`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::allocation::stats};

fn main() -> ExitCode {
    lambda::run_with(&stats::ROUTE, dtle_table::share)
}
