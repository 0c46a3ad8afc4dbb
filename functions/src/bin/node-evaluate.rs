//! `POST, PUT /v1/node/{id}/evaluate`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::node::evaluate};

fn main() -> ExitCode {
    lambda::run(&evaluate::ROUTE)
}
