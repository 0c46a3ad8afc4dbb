//! `POST, PUT /v1/agent/force-leave`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::force_leave};

fn main() -> ExitCode {
    lambda::run(&force_leave::ROUTE)
}
