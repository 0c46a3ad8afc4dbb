//! `GET /v1/operator/raft/configuration`: the servers in Raft.

use dtle_translate::v2;
use dtle_translate::v2::RaftConfiguration;

use crate::context::Context;
use crate::document::{Answer, Doc, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "raft-configuration",
    methods: &["GET"],
    paths: &["/v1/operator/raft/configuration"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Servers",
        summary: "The Raft configuration",
        readme: Readme {
            vendor: false,
            english: "`{Index, Servers}`",
            chinese: "`{Index, Servers}`",
        },
        query: &[Query::Region],
        answer: Answer::Json(shape::<v2::RaftConfiguration>()),
        ..Doc::NOMAD
    },
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
