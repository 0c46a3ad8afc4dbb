//! What a Nomad cluster has no counterpart for.

use std::process::ExitCode;

use dtle_api::{lambda, routes::order::unsupported};

fn main() -> ExitCode {
    lambda::run(&unsupported::ROUTE)
}
