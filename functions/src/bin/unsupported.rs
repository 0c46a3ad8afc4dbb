//! What a Nomad cluster has no counterpart for.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::unsupported};

fn main() -> ExitCode {
    lambda::run(&unsupported::ROUTE)
}
