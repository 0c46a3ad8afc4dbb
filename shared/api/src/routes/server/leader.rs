//! `GET /v1/leader`: the leader's `ip:port`, as a JSON string.

use crate::context::Context;
use crate::document::{Answer, Doc, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "leader",
    methods: &["GET"],
    paths: &["/v1/leader"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Servers",
        summary: "The leader",
        readme: Readme {
            vendor: true,
            english: "`\"ip:port\"`",
            chinese: "`\"ip:port\"`",
        },
        text: "Its `ip:port`, as a JSON string.",
        query: &[Query::Region],
        answer: Answer::Json(shape::<String>()),
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let leader = context.nomad.leader().await?;
    Reply::json(context.call.style(), &leader)
}
