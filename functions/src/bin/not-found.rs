//! Everything that is no route.

use std::process::ExitCode;

use dtle_api::{lambda, routes::not_found};

fn main() -> ExitCode {
    lambda::run(&not_found::ROUTE)
}
