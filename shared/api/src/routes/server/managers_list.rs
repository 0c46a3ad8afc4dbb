//! `GET /v1/managers`: the servers that the agent talks to, `ip:port` each.

use dtle_nomad as nomad;

use crate::context::Context;
use crate::document::{Answer, Doc, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "managers-list",
    methods: &["GET"],
    paths: &["/v1/managers"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Servers",
        summary: "The servers that the agent talks to",
        readme: Readme {
            vendor: false,
            english: "array of `ip:port`",
            chinese: "`ip:port` 数组",
        },
        text: "`ip:port` each. An agent that is a server only keeps no such list; then its peers.",
        answer: Answer::Json(shape::<Vec<String>>()),
        ..Doc::NOMAD
    },
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
