//! `GET /v1/managers`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::managers_list};

fn main() -> ExitCode {
    lambda::run(&managers_list::ROUTE)
}
