//! `GET /v1/managers`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::managers_list};

fn main() -> ExitCode {
    lambda::run(&managers_list::ROUTE)
}
