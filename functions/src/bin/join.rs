//! `POST /v1/join?address=…`, `PUT …`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::join};

fn main() -> ExitCode {
    lambda::run(&join::ROUTE)
}
