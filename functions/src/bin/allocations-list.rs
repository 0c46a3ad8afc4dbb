//! `GET /v1/allocations`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::allocation::list};

fn main() -> ExitCode {
    lambda::run(&list::ROUTE)
}
