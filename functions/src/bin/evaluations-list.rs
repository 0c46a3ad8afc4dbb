//! `GET /v1/evaluations`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::evaluation::list};

fn main() -> ExitCode {
    lambda::run(&list::ROUTE)
}
