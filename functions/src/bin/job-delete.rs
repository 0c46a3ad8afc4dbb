//! `DELETE /v1/job/{id}`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::job_delete};

fn main() -> ExitCode {
    lambda::run(&job_delete::ROUTE)
}
