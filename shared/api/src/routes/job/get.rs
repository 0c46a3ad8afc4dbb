//! `GET /v1/job/{id}`: a job, with its passwords.

use crate::cluster::jobs;
use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "job-get",
    methods: &["GET"],
    paths: &["/v1/job/{id}"],
    passwords: Passwords::Shown,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let options = context.call.query.read_options()?;
    let job = jobs::one(context, context.call.id(), &options).await?;
    Reply::read(context.call.style(), &job.map(|job| job.to_v2(context)))
}
