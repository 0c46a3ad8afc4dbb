//! `GET /v1/job/{id}`: a job, with its passwords.

use dtle_translate::v2;

use crate::cluster::jobs;
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
        text: "While it runs, `Gtid` in its tasks' Config moves forward where the gateway knows Consul. X-Udup-Index is the job's ModifyIndex.",
        id: Some(Id::Job),
        query: &[Query::Blocking, Query::Region],
        answer: Answer::Json(shape::<v2::Job>()),
        headers: Headers::Read,
        missing: &["job not found"],
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let options = context.call.query.read_options()?;
    let (reader, id) = (context.reader(), context.call.id());
    if !context.call.query.pretty() {
        return Ok(Reply::kept(jobs::written(reader, id, &options).await?));
    }
    let job = jobs::one(reader, id, &options).await?;
    Reply::read(
        context.call.style(),
        &job.map(|job| job.to_v2(context.app.settings.mask_passwords)),
    )
}
