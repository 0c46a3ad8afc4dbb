//! `GET /v1/node/{id}`: a node that runs dtle.

use crate::cluster::allocations::askable;
use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};
use dtle_translate::node::to_v2;

/// The route.
pub const ROUTE: Route = Route {
    function: "node-get",
    methods: &["GET"],
    paths: &["/v1/node/{id}"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

const UNKNOWN: &str = "node not found";

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = askable(context.call.id());
    let options = context.call.query.read_options()?;
    let node = context
        .nomad
        .node(id, &options)
        .await
        .map_err(|error| Error::or_not_found(error, UNKNOWN))?;
    if !node.value.stub.has_dtle() {
        return Err(Error::not_found(UNKNOWN).with_meta(node.meta));
    }
    Reply::read(context.call.style(), &node.map(|node| to_v2(&node)))
}
