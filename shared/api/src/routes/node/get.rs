//! `GET /v1/node/{id}`: a node that runs dtle.

use dtle_translate::node::to_v2;
use dtle_translate::v2;

use crate::cluster::allocations::askable;
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "node-get",
    methods: &["GET"],
    paths: &["/v1/node/{id}"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Nodes",
        summary: "A node",
        readme: Readme {
            vendor: false,
            english: "the node; 404 `node not found`",
            chinese: "节点；404 `node not found`",
        },
        id: Some(Id::Node),
        query: &[Query::Blocking, Query::Region],
        answer: Answer::Json(shape::<v2::Node>()),
        headers: Headers::Read,
        missing: &["node not found"],
        ..Doc::NOMAD
    },
};

const UNKNOWN: &str = "node not found";

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = askable(context.call.id());
    let options = context.call.query.read_options()?;
    let node = context
        .nomad
        .node(id, &options)
        .await
        .map_err(|error| Error::or_not_found(error, UNKNOWN))?;
    if !node.value.stub.has_dtle() {
        return Err(Error::not_found(UNKNOWN).with_meta(node.meta));
    }
    Reply::read(context.call.style(), &node.map(|node| to_v2(&node)))
}
