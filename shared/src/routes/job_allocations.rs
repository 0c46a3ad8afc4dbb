//! `GET /v1/job/{id}/allocations`: the allocations of a job. An unknown job has
//! none [016].

use super::{Answer, Route};
use crate::cluster::jobs;
use crate::edge::Context;
use crate::error::Error;
use crate::http::Reply;
use crate::nomad::Read;
use crate::translate::JobView;
use crate::translate::allocation::to_v2_list;
use crate::v2::AllocationStub;

/// The route.
pub const ROUTE: Route = Route {
    function: "job-allocations",
    methods: &["GET"],
    // The vendor's page writes the path both ways.
    paths: &["/v1/job/{id}/allocations", "/job/{id}/allocations"],
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = context.call.id();
    let query = &context.call.query;
    let mut options = query.read_options()?;
    options.all = query.flag("all");
    let plain = options.plain();
    let allocations = context.nomad.job_allocations(id, &options);
    let job = jobs::without_status(context, id, &plain);
    let (allocations, job) = if options.index.is_some() {
        // The job must not be older than what the caller waited for.
        (allocations.await, job.await)
    } else {
        tokio::join!(allocations, job)
    };
    let allocations = allocations?;
    let list: Vec<AllocationStub> = match job {
        Ok(job) => to_v2_list(&JobView::new(&job), &allocations.value),
        // Unknown, or another tenant's.
        Err(error) if error.status() == 404 => Vec::new(),
        Err(error) => return Err(error),
    };
    Reply::read(
        context.call,
        &Read {
            value: list,
            meta: allocations.meta,
        },
    )
}
