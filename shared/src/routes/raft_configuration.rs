//! `GET /v1/operator/raft/configuration`: the servers in Raft.

use super::{Answer, Route};
use crate::edge::Context;
use crate::error::Error;
use crate::http::Reply;
use crate::v2::RaftConfiguration;

/// The route.
pub const ROUTE: Route = Route {
    function: "raft-configuration",
    methods: &["GET"],
    paths: &["/v1/operator/raft/configuration"],
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let configuration = context.nomad.raft_configuration().await?;
    Reply::json(
        context.call,
        &RaftConfiguration {
            index: configuration.index,
            servers: configuration.servers,
        },
    )
}
