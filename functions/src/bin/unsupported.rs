//! `GET, POST, PUT, DELETE /v1/login`,
//! `GET, POST, PUT, DELETE /v1/order/{id}`,
//! `GET, POST, PUT, DELETE /v1/cloud/order`,
//! `GET, POST, PUT, DELETE /v1/job/renewal`,
//! `GET, POST, PUT, DELETE /v1/job/info`.

use std::process::ExitCode;

use dtle_api::{lambda, routes::order::unsupported};

fn main() -> ExitCode {
    lambda::run(&unsupported::ROUTE)
}
