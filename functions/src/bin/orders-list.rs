//! `GET /v1/orders`,
//! `GET /v1/orders/pending`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::order::list};

fn main() -> ExitCode {
    lambda::run(&list::ROUTE)
}
