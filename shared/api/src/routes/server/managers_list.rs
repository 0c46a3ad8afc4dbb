//! `GET /v1/managers`: the servers that the agent talks to, `ip:port` each.

use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};
use dtle_nomad as nomad;

/// The route.
pub const ROUTE: Route = Route {
    function: "managers-list",
    methods: &["GET"],
    paths: &["/v1/managers"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let servers = match context.nomad.agent_servers().await {
        Ok(servers) => servers,
        // An agent that is a server only keeps no such list; it talks to its peers.
        Err(nomad::Error::Rejected { status: 501, .. }) => context.nomad.peers().await?,
        Err(error) => return Err(error.into()),
    };
    Reply::json(context.call.style(), &servers)
}
