//! `GET /v1/nodes`: the nodes that run dtle.

use dtle_nomad::{self as nomad, Read, ReadOptions, Table};
use dtle_translate::node::to_stub;
use dtle_translate::v2;
use dtle_translate::wire::NodeStub;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::cluster::nodes::Addresses;
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};
use crate::routes::whole::{Listed, whole};

/// The route.
pub const ROUTE: Route = Route {
    function: "nodes-list",
    methods: &["GET"],
    paths: &["/v1/nodes"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Nodes",
        summary: "The nodes that run dtle",
        readme: Readme {
            vendor: true,
            english: "node stubs",
            chinese: "节点摘要",
        },
        text: "Sorted by ID.",
        query: &[Query::Blocking, Query::Prefix, Query::Region],
        answer: Answer::Json(shape::<Vec<v2::NodeStub>>()),
        headers: Headers::Read,
        ..Doc::NOMAD
    },
};

/// Nodes read at the same time.
const AT_ONCE: usize = 8;

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let query = &context.call.query;
    let mut options = query.read_options()?;
    // Nomad refuses a prefix that is not even hexadecimal; text is text here.
    let prefix = query.get("prefix").unwrap_or_default();
    options.prefix = None;
    whole(context, ROUTE.function, prefix, &options, async || {
        let Read { value, meta } = context.nomad.nodes(&options).await?;
        let plain = options.plain();
        let wanted = value
            .into_iter()
            .filter(|node| node.has_dtle() && node.id.starts_with(prefix));
        let mut value: Vec<v2::NodeStub> = stream::iter(wanted)
            .map(|node| with_address(context, node, &plain))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        value.sort_by(|a, b| a.id.cmp(&b.id));
        let tables = meta.map(|meta| vec![(Table::Nodes, meta.index)]);
        let list = Read { value, meta };
        Ok(Listed { list, tables })
    })
    .await
}

/// Nomad's list has a node's IP only; its port stands in the node itself.
async fn with_address(
    context: &Context<'_>,
    node: NodeStub,
    options: &ReadOptions,
) -> Result<v2::NodeStub, Error> {
    let Addresses(known) = &context.app.addresses;
    if let Some((index, address)) = known.get(&node.id)
        && index == node.modify_index
    {
        return Ok(to_stub(&node, address));
    }
    let address = match context.nomad.node(&node.id, options).await {
        Ok(whole) => {
            let (index, address) = (whole.value.stub.modify_index, whole.value.http_addr);
            known.insert(node.id.clone(), (index, address.clone()));
            address
        }
        // Gone in between: what the list knew.
        Err(nomad::Error::NotFound { .. }) => node.address.clone(),
        Err(error) => return Err(error.into()),
    };
    Ok(to_stub(&node, address))
}
