//! `GET /`,
//! `GET /docs`,
//! `GET /openapi.json`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::console::get};

fn main() -> ExitCode {
    lambda::run(&get::ROUTE)
}
