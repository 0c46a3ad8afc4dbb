//! What 2.x had and a Nomad cluster has no counterpart for: billing, and a browser
//! of the source database.

use crate::context::Context;
use crate::document::{Answer, Doc, Id, Readme, Source};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// 501, in one line.
pub(crate) fn unsupported(path: &str) -> Error {
    Error::not_implemented(format!(
        "{path} belongs to billing or to the database browser of dtle 2.x, which a Nomad cluster has no counterpart for"
    ))
}

/// The route.
pub const ROUTE: Route = Route {
    function: "unsupported",
    methods: &["GET", "POST", "PUT", "DELETE"],
    paths: &[
        "/v1/login",
        "/v1/order/{id}",
        "/v1/cloud/order",
        "/v1/job/renewal",
        "/v1/job/info",
    ],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Billing",
        summary: "Not supported",
        readme: Readme {
            vendor: false,
            english: "501: billing and the database browser of 2.x have no counterpart on a Nomad cluster",
            chinese: "501：2.x 的计费和数据库浏览功能在 Nomad 集群上没有对应物",
        },
        text: "Billing, and 2.x's browser of the source database, have no counterpart on a Nomad cluster. What else there was below /v1/orders/ and /v1/order/ answers the same.",
        id: Some(Id::Order),
        answer: Answer::Nothing,
        unsupported: &[
            "/v1/login belongs to billing or to the database browser of dtle 2.x, which a Nomad cluster has no counterpart for",
        ],
        source: Source::Gateway,
        ..Doc::NOMAD
    },
};

// Async like every other handler; there is nobody to wait for.
#[expect(clippy::unused_async)]
async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    Err(unsupported(&context.call.path))
}
