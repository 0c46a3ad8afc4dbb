//! `POST /v1/jobs`, `PUT /v1/jobs`: creates a job, or updates the one of its ID.

use crate::cluster::register::register;
use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "jobs-register",
    methods: &["POST", "PUT"],
    paths: &["/v1/jobs"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    register(context, None).await
}
