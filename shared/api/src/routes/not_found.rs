//! Everything that is no route: 405 for a path of ours with another method, 404
//! for the rest. The `$default` route of the API.

use super::ROWS;
use super::order::unsupported::unsupported;
use crate::context::Context;
use crate::document::Doc;
use crate::path;
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route. It takes every method and every path.
pub const ROUTE: Route = Route {
    function: "not-found",
    methods: &[],
    paths: &[],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    // It is no route of the document.
    doc: Doc::NOMAD,
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
    if ROWS
        .iter()
        .any(|row| path::values(row.paths, path).is_some())
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
