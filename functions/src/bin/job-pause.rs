//! `POST, PUT /v1/job/{id}/pause`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::job::pause};

fn main() -> ExitCode {
    lambda::run(&pause::ROUTE)
}
