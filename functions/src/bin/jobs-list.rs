//! `GET /v1/jobs`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::job::list};

fn main() -> ExitCode {
    lambda::run(&list::ROUTE)
}
