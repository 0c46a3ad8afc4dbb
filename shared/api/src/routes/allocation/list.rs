//! `GET /v1/allocations`: the allocations of all jobs.

use dtle_nomad::{Read, Table};
use dtle_translate::v2;

use crate::cluster::allocations::{stays, visible};
use crate::cluster::jobs;
use crate::cluster::lists::Fresh;
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Query, Readme, shape};
use crate::reply::{Error, Reply, text};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "allocations-list",
    methods: &["GET"],
    paths: &["/v1/allocations"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Allocations",
        summary: "The allocations of all jobs",
        readme: Readme {
            vendor: false,
            english: "allocation stubs",
            chinese: "分配摘要",
        },
        text: "Sorted by ID.",
        query: &[Query::Blocking, Query::Prefix, Query::Region],
        answer: Answer::Json(shape::<Vec<v2::AllocationStub>>()),
        headers: Headers::Read,
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let query = &context.call.query;
    let options = query.read_options()?;
    // Nomad refuses a prefix that is not even hexadecimal; text is text here.
    let prefix = query.get("prefix").unwrap_or_default();
    let read = async || -> Result<_, Error> {
        let Read { value, meta } = context.nomad.allocations(&options).await?;
        let jobs = jobs::visible(context.reader(), &options).await?;
        let mut value = visible(&context.app.events, &jobs, value).await;
        value.retain(|allocation| allocation.id.starts_with(prefix));
        Ok((Read { value, meta }, jobs.index))
    };
    if query.pretty() || !options.may_be_kept() {
        return Reply::read(context.call.style(), &read().await?.0);
    }
    let question = context.question(ROUTE.function, prefix).await?;
    let lists = &context.app.lists;
    let list = lists.answer(&context.nomad, question, async || {
        let (Read { value, meta }, jobs) = read().await?;
        let tables = meta.zip(jobs).filter(|_| stays(&value));
        Ok(Fresh {
            text: text(&value)?,
            meta,
            tables: tables
                .map(|(meta, jobs)| vec![(Table::Allocations, meta.index), (Table::Jobs, jobs)]),
        })
    });
    Ok(Reply::kept(list.await?))
}
