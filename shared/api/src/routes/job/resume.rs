//! `POST /v1/job/{id}/resume`, `PUT …`: starts a paused job where it stopped; a
//! dead or complete one is started again.

use dtle_nomad::ReadOptions;
use dtle_translate::MetaRecord;
use dtle_translate::v2;
use dtle_translate::v2::WriteReply;
use serde_json::json;

use super::pause::with_count;
use crate::cluster::jobs;
use crate::cluster::writes::{Decision, change};
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "job-resume",
    methods: &["POST", "PUT"],
    paths: &["/v1/job/{id}/resume"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Jobs",
        summary: "Resume a job",
        readme: Readme {
            vendor: true,
            english: "write reply",
            chinese: "写响应",
        },
        text: "Starts a paused job, and again one that is dead or complete. Success is false, and the index 0, for one that runs. A body is not read.",
        id: Some(Id::Job),
        query: &[Query::Region],
        answer: Answer::Json(shape::<v2::WriteReply>()),
        headers: Headers::Write,
        missing: &["job not found"],
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = context.call.id();
    let index = change(context.writer(), id, false, |before| async move {
        let before = before.ok_or_else(Error::job_not_found)?;
        let now = jobs::one(context.reader(), id, &ReadOptions::default()).await?;
        if !now.value.status.can_be_resumed() {
            return Ok(Decision::Keep);
        }
        let started = before.job.job_modify_index;
        let mut document = with_count(before, 1);
        document.insert("Stop".to_owned(), json!(false));
        // Tasks that failed for good start again when their Meta changes.
        let mut kept = MetaRecord::of_document(&document);
        kept.started = Some(started);
        kept.put_into(&mut document);
        Ok(Decision::Change(document))
    })
    .await?;
    let reply = index.map_or_else(WriteReply::unchanged, WriteReply::written);
    Reply::write(context.call.style(), reply.index, &reply)
}
