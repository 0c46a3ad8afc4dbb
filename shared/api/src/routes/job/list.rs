//! `GET /v1/jobs`: all jobs, their passwords masked.

use dtle_translate::job::to_stub;
use dtle_translate::v2;

use crate::cluster::jobs::{self, Silent};
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
        query: &[
            Query::Blocking,
            Query::Prefix,
            Query::Region,
            Query::Progress,
        ],
        answer: Answer::Json(shape::<Vec<v2::JobStub>>()),
        headers: Headers::Jobs,
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let query = &context.call.query;
    let mut options = query.read_options()?;
    options.prefix = query.get("prefix").map(str::to_owned);
    let progress = query.flag("progress");
    if !query.pretty() && !progress {
        let (list, heard) = jobs::list(context.reader(), &options).await?;
        return Ok(Silent::warn(&heard, Reply::kept(list)));
    }
    let (jobs, heard) = jobs::all(context.reader(), &options).await?;
    let masked = context.app.settings.mask_passwords;
    let stubs = jobs.map(|jobs| {
        let shown = jobs.iter().map(|job| match progress {
            true => job.to_v2_with_progress(masked),
            false => job.to_v2(masked),
        });
        shown.map(to_stub).collect::<Vec<_>>()
    });
    let reply = Reply::read(context.call.style(), &stubs)?;
    Ok(Silent::warn(&heard, reply))
}
