//! `POST /v1/job/{id}`, `PUT /v1/job/{id}`: updates the job of the path's ID.

use dtle_translate::v2;

use super::registration::register;
use crate::context::Context;
use crate::document::{Answer, Body, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "job-update",
    methods: &["POST", "PUT"],
    paths: &["/v1/job/{id}"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Jobs",
        summary: "Create or update the job of that ID",
        readme: Readme {
            vendor: false,
            english: "updates or creates; write reply",
            chinese: "更新或创建；写响应",
        },
        text: "As on /v1/jobs. A body without an ID takes the path's; one with another ID is refused.",
        id: Some(Id::Job),
        query: &[Query::Region, Query::Fresh, Query::Paused],
        body: Some(Body::JobInAnyForm),
        answer: Answer::Json(shape::<v2::WriteReply>()),
        headers: Headers::Registration,
        bad: &[
            "the body's ID \"a\" is not the path's \"b\"",
            "Job Name hasn't been provided",
        ],
        missing: &["order not found", "job not found"],
        refused: &[
            "Enforcing job modify index 7: job exists with conflicting job modify index: 12",
            "Enforcing job modify index 0: job already exists",
            "Enforcing job modify index 7: job does not exist",
        ],
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    register(context, Some(context.call.id())).await
}
