//! `GET /v1/allocation/{id}`: an allocation, whole, with the job it was made for.

use crate::cluster::allocations::{askable, is_paused, whole};
use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};
use dtle_nomad as nomad;

/// The route.
pub const ROUTE: Route = Route {
    function: "allocation-get",
    methods: &["GET"],
    paths: &["/v1/allocation/{id}"],
    passwords: Passwords::Shown,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

const UNKNOWN: &str = "alloc not found";

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = askable(context.call.id());
    let options = context.call.query.read_options()?;
    let allocation = context
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
        Ok(job) => is_paused(context, &job.value, stub, &plain).await?,
        Err(nomad::Error::NotFound { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    let whole = whole(context, &allocation.value, paused).ok_or_else(hidden)?;
    Reply::read(context.call.style(), &allocation.map(|_| whole))
}
