//! `POST /v1/validate/job`, `PUT …`: what can be said of a job without running it.
//!
//! 2.x connected to the databases. From here they cannot be reached, so those
//! checks are reported as not made; the job itself is checked, and Nomad asked.

use crate::cluster::register::validate;
use crate::context::Context;
use crate::reply::{Error, Reply};
use crate::route::{Answer, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "validate-job",
    methods: &["POST", "PUT"],
    paths: &["/v1/validate/job"],
    passwords: Passwords::None,
    handler: |context| -> Answer<'_> { Box::pin(handle(context)) },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let report = validate(context).await?;
    Reply::json(context.call.style(), &report)
}
