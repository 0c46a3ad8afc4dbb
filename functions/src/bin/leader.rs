//! `GET /v1/leader`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::leader};

fn main() -> ExitCode {
    lambda::run(&leader::ROUTE)
}
