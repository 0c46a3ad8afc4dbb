//! `GET /v1/members`: the servers of the cluster.

use super::{Answer, Route};
use crate::edge::Context;
use crate::error::Error;
use crate::http::Reply;
use crate::translate::cluster::to_members;

/// The route.
pub const ROUTE: Route = Route {
    function: "members",
    methods: &["GET"],
    paths: &["/v1/members"],
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let members = context.nomad.members().await?;
    Reply::json(context.call, &to_members(members))
}
