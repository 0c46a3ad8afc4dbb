//! `POST /v1/validate/job`, `PUT …`: what can be said of a job without running it.
//!
//! 2.x connected to the databases. From here they cannot be reached, so those
//! checks are reported as not made; the job itself is checked, and Nomad asked.

use dtle_translate::v2;

use super::registration::validate;
use crate::context::Context;
use crate::document::{Answer, Body, Doc, Headers, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "validate-job",
    methods: &["POST", "PUT"],
    paths: &["/v1/validate/job"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Jobs",
        summary: "Check a job without running it",
        readme: Readme {
            vendor: false,
            english: "`{DriverConfigValidated, ValidationTasks, Error}`; the body is a bare job",
            chinese: "`{DriverConfigValidated, ValidationTasks, Error}`；请求体就是任务本身",
        },
        text: "The job itself is checked, and Nomad asked. 2.x connected to the databases too; from here they cannot be reached, so those checks are reported as not made: Success false, Error empty. Faults of the job are in the report's Error, with status 200.",
        query: &[Query::Region, Query::Fresh],
        body: Some(Body::Job),
        answer: Answer::Json(shape::<v2::Validation>()),
        headers: Headers::Warnings,
        bad: &["the JSON ends too early (line 1, column 1)"],
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let report = validate(context).await?;
    let mut reply = Reply::json(context.call.style(), &report)?;
    for warning in &report.warnings {
        reply = reply.with_warning(warning);
    }
    Ok(reply)
}
