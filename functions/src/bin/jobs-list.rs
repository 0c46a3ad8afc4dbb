//! `GET /v1/jobs`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::jobs_list};

fn main() -> ExitCode {
    lambda::run(&jobs_list::ROUTE)
}
