//! `GET /v1/job/{id}/evaluations`: the evaluations of a job, by Status, then ID [017].

use dtle_nomad::Read;
use dtle_translate::JobView;
use dtle_translate::evaluation::to_v2;
use dtle_translate::v2;
use dtle_translate::v2::Evaluation;

use crate::cluster::jobs;
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "job-evaluations",
    methods: &["GET"],
    paths: &["/v1/job/{id}/evaluations"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Jobs",
        summary: "The evaluations of a job",
        readme: Readme {
            vendor: false,
            english: "evaluations, by Status, then ID",
            chinese: "evaluation，按 Status、ID 排序",
        },
        text: "Sorted by Status, then ID. An unknown job has none.",
        id: Some(Id::Job),
        query: &[Query::Blocking, Query::Region],
        answer: Answer::Json(shape::<Vec<v2::Evaluation>>()),
        headers: Headers::Read,
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = context.call.id();
    let options = context.call.query.read_options()?;
    let evaluations = context.nomad.job_evaluations(id, &options).await?;
    let mut list: Vec<Evaluation> =
        match jobs::without_status(context.reader(), id, &options.plain()).await {
            Ok(job) => {
                let job = job.read()?;
                let view = JobView::new(&job);
                evaluations
                    .value
                    .iter()
                    // Earlier ones are of an earlier job of the same ID.
                    .filter(|evaluation| evaluation.create_index >= job.create_index)
                    .map(|evaluation| to_v2(Some(&view), evaluation))
                    .collect()
            }
            // Unknown, or another tenant's.
            Err(error) if error.status() == 404 => Vec::new(),
            Err(error) => return Err(error),
        };
    list.sort_by(|a, b| (&a.status, &a.id).cmp(&(&b.status, &b.id)));
    Reply::read(
        context.call.style(),
        &Read {
            value: list,
            meta: evaluations.meta,
        },
    )
}
