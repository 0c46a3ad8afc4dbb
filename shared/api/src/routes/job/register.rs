//! `POST /v1/jobs`, `PUT /v1/jobs`: creates a job, or updates the one of its ID.

use dtle_translate::v2;

use super::registration::register;
use crate::context::Context;
use crate::document::{Answer, Body, Doc, Headers, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "jobs-register",
    methods: &["POST", "PUT"],
    paths: &["/v1/jobs"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Jobs",
        summary: "Create or update a job",
        readme: Readme {
            vendor: true,
            english: "creates or updates; write reply",
            chinese: "创建或更新；写响应",
        },
        text: "A job without an ID is a new one and gets a UUID. A job with the ID of a job that is there replaces it, at once, and starts it if it was paused. A job made again under the ID of a deleted one goes on from the progress that is stored under it. A password that reads `*` keeps the registered one.\n\nAll faults of a body are named together, in one line.",
        query: &[Query::Region, Query::Fresh, Query::Paused],
        body: Some(Body::JobInAnyForm),
        answer: Answer::Json(shape::<v2::WriteReply>()),
        headers: Headers::Registration,
        bad: &[
            "Job Name hasn't been provided",
            "Tasks hold 1 Src and 0 Dest: one of each is needed",
            "the JSON ends too early (line 1, column 1)",
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
    register(context, None).await
}
