//! `GET /v1/evaluation/{id}/allocations`: the allocations that an evaluation placed.

use dtle_nomad::Read;
use dtle_translate::v2;

use crate::cluster::allocations::{askable, visible};
use crate::cluster::jobs;
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "evaluation-allocations",
    methods: &["GET"],
    paths: &["/v1/evaluation/{id}/allocations"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Evaluations",
        summary: "The allocations that an evaluation placed",
        readme: Readme {
            vendor: false,
            english: "allocation stubs",
            chinese: "分配摘要",
        },
        text: "Sorted by ID. An unknown evaluation has none; an ID that is no UUID is 404.",
        id: Some(Id::Evaluation),
        query: &[Query::Blocking, Query::Region],
        answer: Answer::Json(shape::<Vec<v2::AllocationStub>>()),
        headers: Headers::Read,
        missing: &["eval not found"],
        ..Doc::NOMAD
    },
};

const UNKNOWN: &str = "eval not found";

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = askable(context.call.id());
    let options = context.call.query.read_options()?;
    if id != context.call.id() {
        // Unknown IDs have no allocations; one that cannot be an ID is not found.
        let error = context.nomad.evaluation(id, &options.plain()).await.err();
        return Err(error.map_or_else(
            || Error::not_found(UNKNOWN),
            |error| Error::or_not_found(error, UNKNOWN),
        ));
    }
    let allocations = context.nomad.evaluation_allocations(id, &options).await?;
    let jobs = jobs::visible(context.reader(), &options).await?;
    let Read { value, meta } = allocations;
    let value = visible(&context.app.events, &jobs, value);
    Reply::read(context.call.style(), &Read { value, meta })
}
