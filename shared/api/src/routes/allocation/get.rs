//! `GET /v1/allocation/{id}`: an allocation, whole, with the job it was made for.

use dtle_nomad as nomad;
use dtle_translate::v2;

use crate::cluster::allocations::{askable, is_paused, whole};
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "allocation-get",
    methods: &["GET"],
    paths: &["/v1/allocation/{id}"],
    passwords: Passwords::Shown,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Allocations",
        summary: "An allocation, whole",
        readme: Readme {
            vendor: false,
            english: "whole allocation; 404 `alloc not found`",
            chinese: "完整的分配；404 `alloc not found`",
        },
        text: "With the job it was made for.",
        id: Some(Id::Allocation),
        query: &[Query::Blocking, Query::Region],
        answer: Answer::Json(shape::<v2::Allocation>()),
        headers: Headers::Read,
        missing: &["alloc not found"],
        ..Doc::NOMAD
    },
};

const UNKNOWN: &str = "alloc not found";

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let masked = context.app.settings.mask_passwords;
    let id = askable(context.call.id());
    let options = context.call.query.read_options()?;
    let mut allocation = context
        .nomad
        .allocation(id, &options)
        .await
        .map_err(|error| Error::or_not_found(error, UNKNOWN))?;
    let meta = allocation.meta;
    let hidden = || Error::not_found(UNKNOWN).with_meta(meta);
    let stub = &allocation.value.stub;
    // The job it was made for may be gone; then it is shown as it ended.
    let plain = options.plain();
    let paused = match context.nomad.job(&stub.job_id, &plain).await {
        Ok(job) => is_paused(&context.nomad, &job.value, stub, &plain).await?,
        Err(nomad::Error::NotFound { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    let whole =
        whole(&context.app.events, &mut allocation.value, paused, masked).ok_or_else(hidden)?;
    Reply::read(context.call.style(), &allocation.map(|_| whole))
}
