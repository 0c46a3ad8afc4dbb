//! `GET /v1/evaluations`: the evaluations of all jobs.

use dtle_nomad::{Read, Table};
use dtle_translate::JobView;
use dtle_translate::evaluation::to_v2;
use dtle_translate::v2;
use dtle_translate::v2::Evaluation;

use crate::cluster::jobs;
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};
use crate::routes::whole::{Listed, whole};

/// The route.
pub const ROUTE: Route = Route {
    function: "evaluations-list",
    methods: &["GET"],
    paths: &["/v1/evaluations"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Evaluations",
        summary: "The evaluations of all jobs",
        readme: Readme {
            vendor: false,
            english: "evaluations",
            chinese: "evaluation 数组",
        },
        text: "Sorted by ID.",
        query: &[Query::Blocking, Query::Prefix, Query::Region],
        answer: Answer::Json(shape::<Vec<v2::Evaluation>>()),
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
        let evaluations = context.nomad.evaluations(&options).await?;
        let jobs = jobs::visible(context.reader(), &options).await?;
        let mut value: Vec<Evaluation> = evaluations
            .value
            .iter()
            .filter(|evaluation| evaluation.id.starts_with(prefix))
            .filter_map(|evaluation| {
                let (_, job) = jobs.of(&evaluation.job_id, evaluation.create_index)?;
                Some(to_v2(Some(&JobView::new(job)), evaluation))
            })
            .collect();
        value.sort_by(|a, b| a.id.cmp(&b.id));
        let meta = evaluations.meta;
        let indexes = meta.zip(jobs.index);
        let tables =
            indexes.map(|(meta, jobs)| vec![(Table::Evaluations, meta.index), (Table::Jobs, jobs)]);
        let list = Read { value, meta };
        Ok(Listed { list, tables })
    })
    .await
}
