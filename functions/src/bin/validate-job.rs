//! `POST /v1/validate/job`, `PUT …`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::job::validate};

fn main() -> ExitCode {
    lambda::run(&validate::ROUTE)
}
