//! `GET /v1/evaluation/{id}/allocations`: the allocations that an evaluation placed.

use super::{Answer, Route};
use crate::cluster::allocations::{check_uuid, visible};
use crate::cluster::jobs;
use crate::edge::Context;
use crate::error::Error;
use crate::http::Reply;

/// The route.
pub const ROUTE: Route = Route {
    function: "evaluation-allocations",
    methods: &["GET"],
    paths: &["/v1/evaluation/{id}/allocations"],
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = context.call.id();
    check_uuid(id, "eval not found")?;
    let options = context.call.query.read_options()?;
    let allocations = context.nomad.evaluation_allocations(id, &options).await?;
    let jobs = jobs::visible(context, &options).await?;
    let list = allocations.map(|allocations| visible(&jobs, allocations));
    Reply::read(context.call, &list)
}
