//! `POST /v1/job/{id}/pause`, `PUT …`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::job_pause};

fn main() -> ExitCode {
    lambda::run(&job_pause::ROUTE)
}
