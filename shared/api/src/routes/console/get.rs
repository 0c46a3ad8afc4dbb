//! `GET /`, the console, and with it `GET /docs` and `GET /openapi.json`. 2.x served a
//! console at `/` too.
//!
//! The three are the same for everybody and hold nothing of the cluster, so they need no
//! token: what the console shows, it asks the API for, with its reader's token.

use crate::console::page;
use crate::context::Context;
use crate::document::{Answer, Doc, Readme, Source};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "console",
    methods: &["GET"],
    paths: &["/", "/docs", "/openapi.json"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Console",
        summary: "The console, this document, and a page to read it",
        readme: Readme {
            vendor: false,
            english: "the [console](docs/console.md), a page to read the OpenAPI document, the document; no token is asked for",
            chinese: "[控制台](docs/console.zh-CN.md)、OpenAPI 文档的阅读页面、该文档；不需要 token",
        },
        text: "Pages without data, the same for everybody; no token is asked for.",
        answer: Answer::Page,
        source: Source::Gateway,
        ..Doc::NOMAD
    },
};

// Async like every other handler; there is nobody to wait for.
#[expect(clippy::unused_async)]
async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    page(&context.call.path)
        .map(Reply::page)
        .ok_or_else(Error::no_page)
}
