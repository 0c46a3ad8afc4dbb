//! `GET /v1/orders`, `GET /v1/orders/pending`.

use std::process::ExitCode;

use dtle_compat::{lambda, routes::orders_list};

fn main() -> ExitCode {
    lambda::run(&orders_list::ROUTE)
}
