//! `DELETE /v1/operator/raft/peer`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::server::raft_peer_remove};

fn main() -> ExitCode {
    lambda::run(&raft_peer_remove::ROUTE)
}
