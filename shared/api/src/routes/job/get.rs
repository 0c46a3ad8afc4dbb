//! `GET /v1/job/{id}`: a job, with its passwords.

use dtle_translate::v2;

use crate::cluster::jobs::{self, Silent};
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "job-get",
    methods: &["GET"],
    paths: &["/v1/job/{id}"],
    passwords: Passwords::Shown,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Jobs",
        summary: "A job",
        readme: Readme {
            vendor: true,
            english: "the job; 404 `job not found`",
            chinese: "任务；404 `job not found`",
        },
        text: "While it runs, `Gtid` in its tasks' Config moves forward where the gateway knows Consul. X-Udup-Index is the job's ModifyIndex. While Nomad starts a failed task again, StatusDescription names the side, the cause and the attempt.",
        id: Some(Id::Job),
        query: &[Query::Blocking, Query::Region, Query::Progress],
        answer: Answer::Json(shape::<v2::Job>()),
        headers: Headers::Jobs,
        missing: &["job not found"],
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let options = context.call.query.read_options()?;
    let (reader, id) = (context.reader(), context.call.id());
    let progress = context.call.query.flag("progress");
    if !context.call.query.pretty() && !progress {
        let (job, heard) = jobs::written(reader, id, &options).await?;
        return Ok(Silent::warn(&heard, Reply::kept(job)));
    }
    let job = jobs::one(reader, id, &options).await?;
    let heard = job.value.heard();
    let masked = context.app.settings.mask_passwords;
    let shown = job.map(|job| match progress {
        true => job.to_v2_with_progress(masked),
        false => job.to_v2(masked),
    });
    let reply = Reply::read(context.call.style(), &shown)?;
    Ok(Silent::warn(&heard, reply))
}
