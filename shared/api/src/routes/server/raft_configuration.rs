//! `GET /v1/operator/raft/configuration`: the servers in Raft.

use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};
use dtle_translate::v2::RaftConfiguration;

/// The route.
pub const ROUTE: Route = Route {
    function: "raft-configuration",
    methods: &["GET"],
    paths: &["/v1/operator/raft/configuration"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let configuration = context.nomad.raft_configuration().await?;
    Reply::json(
        context.call.style(),
        &RaftConfiguration {
            index: configuration.index,
            servers: configuration.servers,
        },
    )
}
