//! `GET /v1/operator/raft/configuration`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::raft_configuration};

fn main() -> ExitCode {
    lambda::run(&raft_configuration::ROUTE)
}
