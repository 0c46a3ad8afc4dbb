//! The least a function can be: `lambda_http` and one answer. The cold-start
//! benchmark measures the others against it.

use std::convert::Infallible;

use lambda_http::{Body, Error, Request, Response, service_fn};

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(lambda_http::run(service_fn(|_request: Request| async {
        Ok::<_, Infallible>(Response::new(Body::from("{}")))
    })))
}
