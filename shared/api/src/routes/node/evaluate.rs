//! `POST /v1/node/{id}/evaluate`, `PUT …`: makes the scheduler evaluate a node
//! again.

use dtle_nomad::ReadOptions;
use dtle_translate::evaluation::to_node_evaluation;
use dtle_translate::v2;

use crate::cluster::allocations::askable;
use crate::cluster::jobs;
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "node-evaluate",
    methods: &["POST", "PUT"],
    paths: &["/v1/node/{id}/evaluate"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Nodes",
        summary: "Evaluate the jobs of a node anew",
        readme: Readme {
            vendor: false,
            english: "`{EvalCreateIndex, EvalIDs, …}`",
            chinese: "`{EvalCreateIndex, EvalIDs, …}`",
        },
        text: "A body is not read.",
        id: Some(Id::Node),
        query: &[Query::Region],
        answer: Answer::Json(shape::<v2::NodeEvaluation>()),
        headers: Headers::Write,
        missing: &["node not found"],
        ..Doc::NOMAD
    },
};

const UNKNOWN: &str = "node not found";

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = askable(context.call.id());
    // A node without dtle is not this API's to touch.
    let node = context.nomad.node(id, &ReadOptions::default()).await;
    let node = node.map_err(|error| Error::or_not_found(error, UNKNOWN).with_meta(None))?;
    if !node.value.stub.has_dtle() {
        return Err(Error::not_found(UNKNOWN));
    }
    let mut evaluated = context.nomad.node_evaluate(id).await?;
    if let Some(ids) = &mut evaluated.eval_ids {
        // Other tenants' jobs on the node are looked at, too.
        let options = ReadOptions::default();
        let all = context.nomad.evaluations(&options).await?.value;
        let jobs = jobs::visible(context.reader(), &options).await?;
        let shown = |id: &String| {
            let found = all.iter().find(|one| one.id == *id);
            found.is_some_and(|one| jobs.of(&one.job_id, one.create_index).is_some())
        };
        ids.retain(shown);
    }
    let reply = to_node_evaluation(evaluated);
    Reply::write(context.call.style(), reply.index, &reply)
}
