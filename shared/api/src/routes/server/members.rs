//! `GET /v1/members`: the servers of the cluster.

use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};
use dtle_translate::cluster::to_members;

/// The route.
pub const ROUTE: Route = Route {
    function: "members",
    methods: &["GET"],
    paths: &["/v1/members"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let members = context.nomad.members().await?;
    Reply::json(context.call.style(), &to_members(members))
}
