//! `GET /v1/self`: the answering server, its configuration and its figures.

use dtle_translate::cluster::to_self;
use dtle_translate::v2;

use crate::context::Context;
use crate::document::{Answer, Doc, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "agent-self",
    methods: &["GET"],
    paths: &["/v1/self"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Servers",
        summary: "The answering server",
        readme: Readme {
            vendor: false,
            english: "`{config, member, stats}`",
            chinese: "`{config, member, stats}`",
        },
        answer: Answer::Json(shape::<v2::AgentSelf>()),
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let agent = context.nomad.agent_self().await?;
    Reply::json(context.call.style(), &to_self(agent))
}
