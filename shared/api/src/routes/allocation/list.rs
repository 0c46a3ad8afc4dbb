//! `GET /v1/allocations`: the allocations of all jobs.

use crate::cluster::allocations::visible;
use crate::cluster::jobs;
use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "allocations-list",
    methods: &["GET"],
    paths: &["/v1/allocations"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let query = &context.call.query;
    let options = query.read_options()?;
    // Nomad refuses a prefix that is not even hexadecimal; text is text here.
    let prefix = query.get("prefix").unwrap_or_default();
    let allocations = context.nomad.allocations(&options).await?;
    let jobs = jobs::visible(context, &options).await?;
    let list = allocations.map(|allocations| {
        let mut list = visible(&jobs, allocations);
        list.retain(|allocation| allocation.id.starts_with(prefix));
        list
    });
    Reply::read(context.call.style(), &list)
}
