//! `GET /v1/regions`: the names of the regions.

use crate::context::Context;
use crate::document::{Answer, Doc, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "regions",
    methods: &["GET"],
    paths: &["/v1/regions"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Servers",
        summary: "The names of the regions",
        readme: Readme {
            vendor: false,
            english: "array of names",
            chinese: "名称数组",
        },
        answer: Answer::Json(shape::<Vec<String>>()),
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let regions = context.nomad.regions().await?;
    Reply::json(context.call.style(), &regions)
}
