//! `GET /v1/allocations`: the allocations of all jobs.

use dtle_nomad::{Read, Table};
use dtle_translate::v2;

use crate::cluster::allocations::{stays, visible};
use crate::cluster::jobs;
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};
use crate::routes::whole::{Listed, whole};

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
    whole(context, ROUTE.function, prefix, &options, async || {
        let Read { value, meta } = context.nomad.allocations(&options).await?;
        let jobs = jobs::visible(context.reader(), &options).await?;
        let mut value = visible(&context.app.events, &jobs, value);
        value.retain(|allocation| allocation.id.starts_with(prefix));
        let indexes = meta.zip(jobs.index).filter(|_| stays(&value));
        let tables =
            indexes.map(|(meta, jobs)| vec![(Table::Allocations, meta.index), (Table::Jobs, jobs)]);
        let list = Read { value, meta };
        Ok(Listed { list, tables })
    })
    .await
}
