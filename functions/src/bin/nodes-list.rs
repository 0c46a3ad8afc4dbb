//! `GET /v1/nodes`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::nodes_list};

fn main() -> ExitCode {
    lambda::run(&nodes_list::ROUTE)
}
