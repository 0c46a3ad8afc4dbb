//! `DELETE /v1/job/{id}`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::job::delete};

fn main() -> ExitCode {
    lambda::run(&delete::ROUTE)
}
