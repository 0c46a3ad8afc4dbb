//! Everything that is no route: 405 for a path of ours with another method, 404
//! for the rest. The `$default` route of the API.

use super::TABLE;
use super::order::unsupported::unsupported;
use crate::context::Context;
use crate::path;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Route};

/// The route. It takes every method and every path.
pub const ROUTE: Route = Route {
    function: "not-found",
    methods: &[],
    paths: &[],
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

/// The paths of all routes, without their handlers: this function must not
/// carry every route's code.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const PATHS: [&[&str]; TABLE.len()] = {
    let mut paths: [&[&str]; TABLE.len()] = [&[]; TABLE.len()];
    let mut i = 0;
    while i < TABLE.len() {
        paths[i] = TABLE[i].paths;
        i += 1;
    }
    paths
};

// Async like every other handler; there is nobody to wait for.
#[expect(clippy::unused_async)]
async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let path = context.call.path.as_str();
    // Billing had more paths than are worth a route each.
    let billing = ["/v1/orders/", "/v1/order/"];
    if path == "/v1/orders" || billing.iter().any(|prefix| path.starts_with(prefix)) {
        return Err(unsupported(path));
    }
    if PATHS
        .iter()
        .any(|paths| path::values(paths, path).is_some())
    {
        return Err(Error::invalid_method());
    }
    // 2.x words an allocation's unknown suffix in its own way [024, 025].
    let allocation = path.strip_prefix("/v1/agent/allocation/");
    if allocation.is_some_and(|rest| !rest.is_empty()) {
        return Err(Error::not_found("resource not found"));
    }
    Err(Error::no_page())
}
