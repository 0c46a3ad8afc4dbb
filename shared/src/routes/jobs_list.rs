//! `GET /v1/jobs`: all jobs, their passwords masked.

use super::{Answer, Route};
use crate::cluster::jobs;
use crate::edge::Context;
use crate::error::Error;
use crate::http::Reply;
use crate::nomad::Read;
use crate::translate::job::to_stub;

/// The route.
pub const ROUTE: Route = Route {
    function: "jobs-list",
    methods: &["GET"],
    paths: &["/v1/jobs"],
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let query = &context.call.query;
    let mut options = query.read_options()?;
    options.prefix = query.get("prefix").map(str::to_owned);
    let jobs = jobs::all(context, &options).await?;
    if query.pretty() {
        let stubs = jobs.map(|jobs| {
            jobs.iter()
                .map(|job| to_stub(job.to_v2(context)))
                .collect::<Vec<_>>()
        });
        return Reply::read(context.call, &stubs);
    }
    let entries: Result<Vec<_>, Error> =
        jobs.value.iter().map(|job| job.to_entry(context)).collect();
    Ok(Reply::list(&Read {
        value: entries?,
        meta: jobs.meta,
    }))
}
