//! `GET /v1/peers`: the servers in Raft, `ip:port` each.

use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "peers",
    methods: &["GET"],
    paths: &["/v1/peers"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let peers = context.nomad.peers().await?;
    Reply::json(context.call.style(), &peers)
}
