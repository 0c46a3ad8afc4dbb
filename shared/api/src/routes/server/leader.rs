//! `GET /v1/leader`: the leader's `ip:port`, as a JSON string.

use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "leader",
    methods: &["GET"],
    paths: &["/v1/leader"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let leader = context.nomad.leader().await?;
    Reply::json(context.call.style(), &leader)
}
