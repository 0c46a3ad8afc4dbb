//! `GET /v1/evaluations`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::evaluations_list};

fn main() -> ExitCode {
    lambda::run(&evaluations_list::ROUTE)
}
