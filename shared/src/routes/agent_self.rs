//! `GET /v1/self`: the answering server, its configuration and its figures.

use super::{Answer, Route};
use crate::edge::Context;
use crate::error::Error;
use crate::http::Reply;
use crate::translate::cluster::to_self;

/// The route.
pub const ROUTE: Route = Route {
    function: "agent-self",
    methods: &["GET"],
    paths: &["/v1/self"],
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let agent = context.nomad.agent_self().await?;
    Reply::json(context.call, &to_self(agent))
}
