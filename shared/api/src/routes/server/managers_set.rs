//! `POST /v1/managers?address=…`, `PUT …`: sets the servers that the agent talks to.

use dtle_nomad as nomad;

use crate::context::Context;
use crate::document::{Answer, Doc, Query, Readme};
use crate::observe::Kind;
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "managers-set",
    methods: &["POST", "PUT"],
    paths: &["/v1/managers"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Servers",
        summary: "Set the servers that the agent talks to",
        readme: Readme {
            vendor: false,
            english: "`?address=…`: empty 200; 400 `missing server address`",
            chinese: "`?address=…`：空的 200；400 `missing server address`",
        },
        query: &[Query::Addresses],
        answer: Answer::Empty,
        bad: &["missing server address"],
        unsupported: &[
            "the Nomad agent behind this gateway is a server only: it has no list of servers to set",
        ],
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
        return Err(Error::bad_request("missing server address"));
    }
    context.acts_on(Kind::Server, &addresses.join(","));
    match context.nomad.set_agent_servers(&addresses).await {
        Ok(()) => Ok(Reply::empty()),
        Err(nomad::Error::Rejected { status: 501, .. }) => Err(Error::not_implemented(
            "the Nomad agent behind this gateway is a server only: it has no list of servers to set",
        )),
        Err(error) => Err(error.into()),
    }
}
