//! `POST, PUT /v1/job/{id}/resume`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::job::resume};

fn main() -> ExitCode {
    lambda::run(&resume::ROUTE)
}
