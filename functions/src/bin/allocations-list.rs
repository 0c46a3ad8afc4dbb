//! `GET /v1/allocations`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::allocations_list};

fn main() -> ExitCode {
    lambda::run(&allocations_list::ROUTE)
}
