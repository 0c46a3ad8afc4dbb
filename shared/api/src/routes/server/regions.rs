//! `GET /v1/regions`: the names of the regions.

use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "regions",
    methods: &["GET"],
    paths: &["/v1/regions"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let regions = context.nomad.regions().await?;
    Reply::json(context.call.style(), &regions)
}
