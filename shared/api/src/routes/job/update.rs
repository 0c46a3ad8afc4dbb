//! `POST /v1/job/{id}`, `PUT /v1/job/{id}`: updates the job of the path's ID.

use crate::cluster::register::register;
use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "job-update",
    methods: &["POST", "PUT"],
    paths: &["/v1/job/{id}"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    register(context, Some(context.call.id())).await
}
