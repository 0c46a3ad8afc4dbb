//! `GET /v1/regions`: the names of the regions.

use super::{Answer, Route};
use crate::edge::Context;
use crate::error::Error;
use crate::http::Reply;

/// The route.
pub const ROUTE: Route = Route {
    function: "regions",
    methods: &["GET"],
    paths: &["/v1/regions"],
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let regions = context.nomad.regions().await?;
    Reply::json(context.call, &regions)
}
