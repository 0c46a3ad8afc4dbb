//! `POST /v1/join?address=…`, `PUT …`: joins other servers.

use dtle_translate::v2;

use crate::context::Context;
use crate::document::{Answer, Doc, Query, Readme, shape};
use crate::observe::Kind;
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "join",
    methods: &["POST", "PUT"],
    paths: &["/v1/join"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Servers",
        summary: "Join servers",
        readme: Readme {
            vendor: false,
            english: "`?address=…`: `{num_joined, error}`; 400 `missing address to join`",
            chinese: "`?address=…`：`{num_joined, error}`；400 `missing address to join`",
        },
        query: &[Query::Addresses],
        answer: Answer::Json(shape::<v2::Joined>()),
        bad: &["missing address to join"],
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let addresses: Vec<String> = context
        .call
        .query
        .all("address")
        .map(str::to_owned)
        .collect();
    if addresses.is_empty() {
        return Err(Error::bad_request("missing address to join"));
    }
    context.acts_on(Kind::Server, &addresses.join(","));
    let joined = context.nomad.join(&addresses).await?;
    Reply::json(context.call.style(), &joined)
}
