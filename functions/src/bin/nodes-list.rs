//! `GET /v1/nodes`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::node::list};

fn main() -> ExitCode {
    lambda::run(&list::ROUTE)
}
