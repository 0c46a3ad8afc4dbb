//! `POST /v1/job/{id}/resume`, `PUT …`: starts a paused job where it stopped; a
//! dead or complete one is started again.

use serde_json::json;

use super::pause::with_count;
use crate::cluster::jobs;
use crate::cluster::writes::Update;
use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};
use dtle_nomad::ReadOptions;
use dtle_translate::MetaRecord;
use dtle_translate::v2::WriteReply;

/// The route.
pub const ROUTE: Route = Route {
    function: "job-resume",
    methods: &["POST", "PUT"],
    paths: &["/v1/job/{id}/resume"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = context.call.id();
    let mut update = Update::new(context, id, false);
    let reply = loop {
        let before = update.read().await?.ok_or_else(Error::job_not_found)?;
        let now = jobs::one(context, id, &ReadOptions::default()).await?;
        if !now.value.status.can_be_resumed() {
            break WriteReply::unchanged();
        }
        let base = before.job.job_modify_index;
        let mut kept = MetaRecord::of_meta(&before.job.meta);
        let mut document = with_count(before, 1);
        document.insert("Stop".to_owned(), json!(false));
        // Tasks that failed for good start again when their Meta changes. The
        // base changes it already; the mark says why.
        kept.base = base;
        kept.started = Some(base);
        kept.put_into(&mut document);
        if let Some(index) = update.write(document).await? {
            break WriteReply::written(index);
        }
    };
    Reply::write(context.call.style(), reply.index, &reply)
}
