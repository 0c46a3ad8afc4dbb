//! `GET /v1/jobs`: all jobs, their passwords masked.

use crate::cluster::jobs;
use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};
use dtle_translate::job::to_stub;

/// The route.
pub const ROUTE: Route = Route {
    function: "jobs-list",
    methods: &["GET"],
    paths: &["/v1/jobs"],
    passwords: Passwords::Masked,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let query = &context.call.query;
    let mut options = query.read_options()?;
    options.prefix = query.get("prefix").map(str::to_owned);
    if !query.pretty() {
        return Ok(Reply::written(&jobs::list(context, &options).await?));
    }
    let jobs = jobs::all(context, &options).await?;
    let stubs = jobs.map(|jobs| {
        jobs.iter()
            .map(|job| to_stub(job.to_v2(context)))
            .collect::<Vec<_>>()
    });
    Reply::read(context.call.style(), &stubs)
}
