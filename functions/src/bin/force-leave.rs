//! `POST /v1/agent/force-leave?node=…`, `PUT …`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::force_leave};

fn main() -> ExitCode {
    lambda::run(&force_leave::ROUTE)
}
