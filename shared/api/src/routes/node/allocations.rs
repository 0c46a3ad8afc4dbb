//! `GET /v1/node/{id}/allocations`: the allocations on a node, whole.

use dtle_nomad::Read;
use dtle_translate::v2;

use crate::cluster::allocations::{askable, is_paused, whole};
use crate::cluster::jobs;
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "node-allocations",
    methods: &["GET"],
    paths: &["/v1/node/{id}/allocations"],
    passwords: Passwords::Shown,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Nodes",
        summary: "The allocations on a node, whole",
        readme: Readme {
            vendor: false,
            english: "whole allocations, with their jobs",
            chinese: "完整的分配，含任务",
        },
        text: "Sorted by ID. An unknown node has none; an ID that is no UUID is 404.",
        id: Some(Id::Node),
        query: &[Query::Blocking, Query::Region],
        answer: Answer::Json(shape::<Vec<v2::Allocation>>()),
        headers: Headers::Read,
        missing: &["node not found"],
        ..Doc::NOMAD
    },
};

const UNKNOWN: &str = "node not found";

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let masked = context.app.settings.mask_passwords;
    let id = askable(context.call.id());
    let options = context.call.query.read_options()?;
    if id != context.call.id() {
        // Unknown IDs have no allocations; one that cannot be an ID is not found.
        let error = context.nomad.node(id, &options.plain()).await.err();
        return Err(error.map_or_else(
            || Error::not_found(UNKNOWN),
            |error| Error::or_not_found(error, UNKNOWN),
        ));
    }
    let allocations = context.nomad.node_allocations(id, &options).await?;
    let plain = options.plain();
    let jobs = jobs::visible(context.reader(), &plain).await?;
    let mut list = Vec::new();
    for mut allocation in allocations.value {
        let stub = &allocation.stub;
        let Some((_, job)) = jobs.of(&stub.job_id, stub.create_index) else {
            continue;
        };
        let paused = is_paused(&context.nomad, job, stub, &plain).await?;
        list.extend(whole(&context.app.events, &mut allocation, paused, masked));
    }
    list.sort_by(|a, b| a.stub.id.cmp(&b.stub.id));
    Reply::read(
        context.call.style(),
        &Read {
            value: list,
            meta: allocations.meta,
        },
    )
}
