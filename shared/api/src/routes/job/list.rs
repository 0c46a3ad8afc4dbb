//! `GET /v1/jobs`: all jobs, their passwords masked.

use dtle_translate::job::to_stub;
use dtle_translate::v2;

use crate::cluster::jobs;
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "jobs-list",
    methods: &["GET"],
    paths: &["/v1/jobs"],
    passwords: Passwords::Masked,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Jobs",
        summary: "All jobs",
        readme: Readme {
            vendor: true,
            english: "job stubs, sorted by ID, passwords masked",
            chinese: "任务摘要，按 ID 排序，密码隐藏",
        },
        text: "Sorted by ID. Here, and only here, every `ConnectionConfig.Password` reads `*`.",
        query: &[Query::Blocking, Query::Prefix, Query::Region],
        answer: Answer::Json(shape::<Vec<v2::JobStub>>()),
        headers: Headers::Read,
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let query = &context.call.query;
    let mut options = query.read_options()?;
    options.prefix = query.get("prefix").map(str::to_owned);
    if !query.pretty() {
        return Ok(Reply::kept(jobs::list(context.reader(), &options).await?));
    }
    let jobs = jobs::all(context.reader(), &options).await?;
    let stubs = jobs.map(|jobs| {
        jobs.iter()
            .map(|job| to_stub(job.to_v2(context.app.settings.mask_passwords)))
            .collect::<Vec<_>>()
    });
    Reply::read(context.call.style(), &stubs)
}
