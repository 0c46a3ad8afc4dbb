//! `DELETE /v1/job/{id}`: removes a job from Nomad.
//!
//! The plugin's progress stays, so that a job that is created again under the ID
//! goes on where this one stopped; that is the vendor's own "delete to pause, create
//! to resume". `?forget=true` removes the progress too, and `X-Dtle-Warning` names
//! what it cannot remove: the destination's record of the job. An unknown job is
//! answered like a deleted one [075], and another tenant's job like an unknown one.

use std::time::Duration;

use dtle_nomad::{self as nomad, ReadOptions};
use dtle_translate::forget::warning;
use dtle_translate::spec::is_addressable;
use dtle_translate::v2;
use dtle_translate::v2::WriteReply;
use dtle_translate::wire::{Job, JobStub};

use crate::cluster::jobs::needed_consul;
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "job-delete",
    methods: &["DELETE"],
    paths: &["/v1/job/{id}"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Jobs",
        summary: "Delete a job",
        readme: Readme {
            vendor: true,
            english: "write reply",
            chinese: "写响应",
        },
        text: "Its progress stays, so that a job made again under the ID goes on from there. An unknown job is as good as a deleted one.",
        id: Some(Id::Job),
        query: &[Query::Region, Query::Forget],
        answer: Answer::Json(shape::<v2::WriteReply>()),
        headers: Headers::Deletion,
        bad: &["forget=true needs the gateway to know Consul: CONSUL_HTTP_ADDR is not set"],
        ..Doc::NOMAD
    },
};

/// How often a stopping task is looked at before its progress is removed, and
/// how long is waited in between. A task has five seconds to stop.
const LOOKS: u32 = 30;
const BETWEEN: Duration = Duration::from_millis(300);

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = context.call.id();
    let forget = context.call.query.flag("forget");
    if forget {
        // Before anything is deleted.
        needed_consul(context.reader(), "forget=true").await?;
        refuse_shared_progress(context, id).await?;
    }
    let deleted = delete(context, id).await?;
    let index = deleted.index;
    let reply = Reply::write(context.call.style(), index, &WriteReply::written(index))?;
    let (true, Some(name)) = (forget, deleted.name) else {
        return Ok(reply);
    };
    forget_progress(context, id, &name).await?;
    Ok(match warning(&name, deleted.job.as_ref()) {
        Some(text) => reply.with_warning(&text),
        None => reply,
    })
}

struct Deleted {
    /// The Raft index at which the job was gone.
    index: u64,
    /// The name its progress is kept under; `None` for another tenant's job.
    name: Option<String>,
    /// What it was, if it was still there.
    job: Option<Job>,
}

async fn delete(context: &Context<'_>, id: &str) -> Result<Deleted, Error> {
    let nomad = &context.nomad;
    let current = ReadOptions::default();
    let index_of = |meta: Option<nomad::QueryMeta>| meta.map_or(0, |meta| meta.index);
    let job = match nomad.job(id, &current).await {
        Ok(job) if job.value.is_dtle() => job.value,
        Ok(other) => {
            return Ok(Deleted {
                index: index_of(other.meta),
                name: None,
                job: None,
            });
        }
        // Progress may be left of an earlier job of that ID.
        Err(nomad::Error::NotFound { meta }) => {
            return Ok(Deleted {
                index: index_of(meta),
                name: is_addressable(id).then(|| id.to_owned()),
                job: None,
            });
        }
        Err(error) => return Err(error.into()),
    };
    let index = match nomad.deregister(id).await {
        Ok(answer) => answer.index,
        // No answer came, or none that can be read: whether it was done can be seen.
        Err(error) if error.is_in_doubt() => match nomad.job(id, &current).await {
            Err(nomad::Error::NotFound { meta }) => index_of(meta),
            _ => return Err(error.into()),
        },
        Err(error) => return Err(error.into()),
    };
    Ok(Deleted {
        index,
        name: Some(job.name.clone()),
        job: Some(job),
    })
}

/// The plugin knows a job by its Name, in whatever namespace: progress under the
/// Name of somebody else's job is not this caller's to remove.
async fn refuse_shared_progress(context: &Context<'_>, id: &str) -> Result<(), Error> {
    let everywhere = ReadOptions {
        prefix: Some(id.to_owned()),
        all_namespaces: true,
        ..ReadOptions::default()
    };
    let stubs = match context.nomad.jobs(&everywhere).await {
        Ok(stubs) => stubs.value,
        // A token that may see no other namespace sees no other job.
        Err(nomad::Error::Forbidden { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let own = context.app.nomad.namespace();
    let foreign = |stub: &JobStub| !stub.namespace.is_empty() && stub.namespace != own;
    if stubs.iter().any(|stub| stub.id == id && foreign(stub)) {
        return Err(Error::bad_request(
            "forget=true: another namespace of the cluster has a job of this ID, and the dtle plugin keeps one progress for both; nothing was deleted",
        ));
    }
    Ok(())
}

/// Removes the plugin's progress, once no task is there to write it again.
async fn forget_progress(context: &Context<'_>, id: &str, name: &str) -> Result<(), Error> {
    let consul = needed_consul(context.reader(), "forget=true").await?;
    for _ in 0..LOOKS {
        let allocations = context
            .nomad
            .job_allocations(
                id,
                &ReadOptions {
                    all: true,
                    ..ReadOptions::default()
                },
            )
            .await?;
        let busy = |status: &str| matches!(status, "running" | "pending");
        if !allocations.value.iter().any(|a| busy(&a.client_status)) {
            break;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    consul.forget(name).await.map_err(|error| {
        Error::bad_gateway("the job is deleted, its progress in Consul is not: try again")
            .because(error)
    })
}
