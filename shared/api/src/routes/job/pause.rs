//! `POST /v1/job/{id}/pause`, `PUT …`: stops both tasks, keeps the job.
//!
//! The job is registered with Count 0 in every group. Nomad keeps such a job
//! through garbage collection, and the plugin keeps its progress, so nothing is
//! lost however long it stays so [Nomad recordings 053 to 060].

use dtle_translate::register::Existing;
use dtle_translate::v2;
use dtle_translate::v2::WriteReply;
use dtle_translate::{JobView, MetaRecord};
use serde_json::{Map, Value, json};

use crate::cluster::writes::{Decision, change};
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "job-pause",
    methods: &["POST", "PUT"],
    paths: &["/v1/job/{id}/pause"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Jobs",
        summary: "Pause a job",
        readme: Readme {
            vendor: true,
            english: "write reply",
            chinese: "写响应",
        },
        text: "Success is false, and the index 0, for a job that is paused already. A body is not read.",
        id: Some(Id::Job),
        query: &[Query::Region],
        answer: Answer::Json(shape::<v2::WriteReply>()),
        headers: Headers::Write,
        missing: &["job not found"],
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let index = change(
        context.writer(),
        context.call.id(),
        false,
        |before| async move {
            let before = before.ok_or_else(Error::job_not_found)?;
            if JobView::new(&before.job).is_paused() {
                return Ok(Decision::Keep);
            }
            let mut document = with_count(before, 0);
            document.insert("Stop".to_owned(), json!(false));
            Ok(Decision::Change(document))
        },
    )
    .await?;
    let reply = index.map_or_else(WriteReply::unchanged, WriteReply::written);
    Reply::write(context.call.style(), reply.index, &reply)
}

/// The registered document with another count in every group, and without the mark
/// of the write that made it.
pub(super) fn with_count(before: Existing, count: u64) -> Map<String, Value> {
    let Existing {
        mut document, job, ..
    } = before;
    let groups = document.get_mut("TaskGroups").and_then(Value::as_array_mut);
    for group in groups.into_iter().flatten() {
        if let Some(fields) = group.as_object_mut() {
            fields.insert("Count".to_owned(), json!(count));
        }
    }
    let mut kept = MetaRecord::of_meta(&job.meta);
    kept.mark = None;
    kept.put_into(&mut document);
    document
}
