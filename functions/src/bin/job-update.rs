//! `POST, PUT /v1/job/{id}`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::job::update};

fn main() -> ExitCode {
    lambda::run(&update::ROUTE)
}
