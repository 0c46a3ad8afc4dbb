//! `GET /v1/leader`: the leader's `ip:port`, as a JSON string.

use super::{Answer, Route};
use crate::edge::Context;
use crate::error::Error;
use crate::http::Reply;

/// The route.
pub const ROUTE: Route = Route {
    function: "leader",
    methods: &["GET"],
    paths: &["/v1/leader"],
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let leader = context.nomad.leader().await?;
    Reply::json(context.call, &leader)
}
