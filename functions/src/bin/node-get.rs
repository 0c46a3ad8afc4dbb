//! `GET /v1/node/{id}`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::node::get};

fn main() -> ExitCode {
    lambda::run(&get::ROUTE)
}
