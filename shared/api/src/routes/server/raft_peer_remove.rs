//! `DELETE /v1/operator/raft/peer?address=…` or `?id=…`: takes a server out of Raft.

use crate::context::Context;
use crate::document::{Answer, Doc, Query, Readme};
use crate::observe::Kind;
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "raft-peer-remove",
    methods: &["DELETE"],
    paths: &["/v1/operator/raft/peer"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Servers",
        summary: "Take a server out of Raft",
        readme: Readme {
            vendor: false,
            english: "`?address=…` or `?id=…`: empty 200",
            chinese: "`?address=…` 或 `?id=…`：空的 200",
        },
        text: "By `address` or by `id`, one of them.",
        query: &[Query::Address, Query::PeerId, Query::Region],
        answer: Answer::Empty,
        bad: &[
            "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove",
            "Must specify only one of ?id or ?address",
        ],
        refused: &["address \"10.0.0.5:4647\" was not found in the Raft configuration"],
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let query = &context.call.query;
    let id = match (query.get("id"), query.get("address")) {
        (None, None) => {
            return Err(Error::bad_request(
                "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(Error::bad_request(
                "Must specify only one of ?id or ?address",
            ));
        }
        (Some(id), None) => {
            context.acts_on(Kind::Server, id);
            id.to_owned()
        }
        (None, Some(address)) => {
            context.acts_on(Kind::Server, address);
            id_of(context, address).await?
        }
    };
    context.nomad.raft_remove_peer(&id).await?;
    Ok(Reply::empty())
}

/// The ID of the server with that address. With Raft protocol 2 it is the address.
async fn id_of(context: &Context<'_>, address: &str) -> Result<String, Error> {
    let servers = context.nomad.raft_configuration().await?.servers;
    let named = servers.into_iter().find(|one| one.address == address);
    // Nomad's words, while it took an address itself.
    let unknown = || {
        Error::refused(format!(
            "address {address:?} was not found in the Raft configuration"
        ))
    };
    named.map(|one| one.id).ok_or_else(unknown)
}
