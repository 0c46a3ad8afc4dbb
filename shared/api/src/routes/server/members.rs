//! `GET /v1/members`: the servers of the cluster.

use dtle_translate::cluster::to_members;
use dtle_translate::v2;

use crate::context::Context;
use crate::document::{Answer, Doc, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "members",
    methods: &["GET"],
    paths: &["/v1/members"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Servers",
        summary: "The servers",
        readme: Readme {
            vendor: true,
            english: "`{Members, ServerName, ServerRegion, ServerDC}`",
            chinese: "`{Members, ServerName, ServerRegion, ServerDC}`",
        },
        answer: Answer::Json(shape::<v2::Members>()),
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let members = context.nomad.members().await?;
    Reply::json(context.call.style(), &to_members(members))
}
