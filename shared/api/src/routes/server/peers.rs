//! `GET /v1/peers`: the servers in Raft, `ip:port` each.

use crate::context::Context;
use crate::document::{Answer, Doc, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "peers",
    methods: &["GET"],
    paths: &["/v1/peers"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Servers",
        summary: "The servers in Raft",
        readme: Readme {
            vendor: false,
            english: "array of `ip:port`",
            chinese: "`ip:port` 数组",
        },
        text: "`ip:port` each.",
        query: &[Query::Region],
        answer: Answer::Json(shape::<Vec<String>>()),
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let peers = context.nomad.peers().await?;
    Reply::json(context.call.style(), &peers)
}
