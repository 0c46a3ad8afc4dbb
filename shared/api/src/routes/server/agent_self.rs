//! `GET /v1/self`: the answering server, its configuration and its figures.

use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};
use dtle_translate::cluster::to_self;

/// The route.
pub const ROUTE: Route = Route {
    function: "agent-self",
    methods: &["GET"],
    paths: &["/v1/self"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let agent = context.nomad.agent_self().await?;
    Reply::json(context.call.style(), &to_self(agent))
}
