//! `POST /v1/node/{id}/evaluate`, `PUT …`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::node_evaluate};

fn main() -> ExitCode {
    lambda::run(&node_evaluate::ROUTE)
}
