//! `GET /v1/evaluation/{id}`: one evaluation.

use dtle_translate::JobView;
use dtle_translate::evaluation::to_v2;
use dtle_translate::v2;

use crate::cluster::allocations::askable;
use crate::cluster::jobs;
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "evaluation-get",
    methods: &["GET"],
    paths: &["/v1/evaluation/{id}"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Evaluations",
        summary: "An evaluation",
        readme: Readme {
            vendor: false,
            english: "the evaluation; 404 `eval not found`",
            chinese: "evaluation；404 `eval not found`",
        },
        id: Some(Id::Evaluation),
        query: &[Query::Blocking, Query::Region],
        answer: Answer::Json(shape::<v2::Evaluation>()),
        headers: Headers::Read,
        missing: &["eval not found"],
        ..Doc::NOMAD
    },
};

const UNKNOWN: &str = "eval not found";

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = askable(context.call.id());
    let options = context.call.query.read_options()?;
    let evaluation = context
        .nomad
        .evaluation(id, &options)
        .await
        .map_err(|error| Error::or_not_found(error, UNKNOWN))?;
    let job =
        jobs::without_status(context.reader(), &evaluation.value.job_id, &options.plain()).await;
    let job = match job {
        Ok(job) => job.read()?,
        // The job is gone, or another tenant's.
        Err(error) if error.status() == 404 => {
            return Err(Error::not_found(UNKNOWN).with_meta(evaluation.meta));
        }
        Err(error) => return Err(error),
    };
    let evaluation = evaluation.map(|evaluation| to_v2(Some(&JobView::new(&job)), &evaluation));
    Reply::read(context.call.style(), &evaluation)
}
