//! `POST /v1/join?address=…`, `PUT …`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::join};

fn main() -> ExitCode {
    lambda::run(&join::ROUTE)
}
