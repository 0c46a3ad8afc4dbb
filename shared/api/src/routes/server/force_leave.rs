//! `POST /v1/agent/force-leave?node=…`, `PUT …`: removes a failed server.

use crate::context::Context;
use crate::document::{Answer, Doc, Query, Readme};
use crate::observe::Kind;
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "force-leave",
    methods: &["POST", "PUT"],
    paths: &["/v1/agent/force-leave"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Servers",
        summary: "Give a failed server up",
        readme: Readme {
            vendor: false,
            english: "`?node=…`: empty 200; 400 `missing node to force leave`",
            chinese: "`?node=…`：空的 200；400 `missing node to force leave`",
        },
        query: &[Query::Node],
        answer: Answer::Empty,
        bad: &["missing node to force leave"],
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let Some(node) = context.call.query.get("node") else {
        return Err(Error::bad_request("missing node to force leave"));
    };
    context.acts_on(Kind::Server, node);
    context.nomad.force_leave(node).await?;
    Ok(Reply::empty())
}
