//! `DELETE /v1/job/{id}`: removes a job from Nomad.
//!
//! The plugin's progress stays, so that a job made again under the ID goes on
//! where this one stopped: the vendor's own "delete to pause, create to resume".
//! An unknown job is as good as a deleted one [075], and another tenant's is
//! unknown.

use super::{Answer, Route};
use crate::edge::Context;
use crate::error::Error;
use crate::http::Reply;
use crate::nomad::{self, ReadOptions};
use crate::v2::WriteReply;

/// The route.
pub const ROUTE: Route = Route {
    function: "job-delete",
    methods: &["DELETE"],
    paths: &["/v1/job/{id}"],
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = context.call.id();
    let index = delete(context, id).await?;
    Reply::write(context.call, index, &WriteReply::written(index))
}

/// The Raft index at which the job was gone.
async fn delete(context: &Context<'_>, id: &str) -> Result<u64, Error> {
    let nomad = &context.nomad;
    let current = ReadOptions::default();
    match nomad.job(id, &current).await {
        Ok(job) if job.value.is_dtle() => {}
        Ok(other) => return Ok(other.meta.map_or(0, |meta| meta.index)),
        Err(nomad::Error::NotFound { meta }) => return Ok(meta.map_or(0, |meta| meta.index)),
        Err(error) => return Err(error.into()),
    }
    match nomad.deregister(id).await {
        Ok(answer) => Ok(answer.index),
        // No answer came: whether it was done can be seen.
        Err(error @ nomad::Error::InDoubt { .. }) => match nomad.job(id, &current).await {
            Err(nomad::Error::NotFound { meta }) => Ok(meta.map_or(0, |meta| meta.index)),
            _ => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}
