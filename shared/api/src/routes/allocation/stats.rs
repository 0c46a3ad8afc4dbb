//! `GET /v1/agent/allocation/{id}/stats`: what the running tasks of an allocation
//! say about their work.
//!
//! Every question costs the cluster a write, so an answer is shared for as long
//! as the plugin itself does not refresh its figures. Whether a task runs is
//! asked each time. Only tasks whose driver is `dtle` are signalled: others
//! answer other things to the signal, and some would act on it.

use std::sync::Arc;

use dtle_nomad::{self as nomad, ReadOptions};
use dtle_translate::statistics::of_signal;
use dtle_translate::v2;
use dtle_translate::v2::{AllocationStatistics, Statistics};
use dtle_translate::wire::AllocationState;
use dtle_translate::{JobView, Side};
use futures_util::future::try_join_all;

use crate::cluster::allocations::askable;
use crate::context::Context;
use crate::document::{Answer, Doc, Id, Query, shape};
use crate::memory::Tasks;
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "allocation-stats",
    methods: &["GET"],
    // The vendor's page writes the path both ways.
    paths: &[
        "/v1/agent/allocation/{id}/stats",
        "/agent/allocation/{id}/stats",
    ],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Allocations",
        summary: "The statistics of an allocation",
        text: "By the type of the task. A task that is not running is absent. An answer is shared for as long as the plugin does not refresh its figures.",
        id: Some(Id::Allocation),
        query: &[Query::Region, Query::Task],
        answer: Answer::Json(shape::<v2::AllocationStatistics>()),
        missing: &[
            "alloc not found",
            "allocation \"33a7a1bb-8eb4-11a2-bd2c-0c7e0457dfc2\" has no task \"Nope\"",
        ],
        ..Doc::NOMAD
    },
};

const UNKNOWN: &str = "alloc not found";

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = askable(context.call.id());
    let (state, tasks) = match remembered(context, id).await? {
        Some(known) => known,
        None => asked(context, id).await?,
    };

    let wanted = context.call.query.get("task");
    if let Some(name) = wanted
        && !tasks.iter().any(|(side, _)| side.as_str() == name)
    {
        return Err(Error::not_found(format!(
            "allocation {id:?} has no task {name:?}"
        )));
    }
    let running = tasks
        .iter()
        .filter(|(side, task)| wanted.is_none_or(|name| side.as_str() == name) && state.runs(task));
    let answers = running.map(|(side, task)| async move {
        let statistics = statistics(context, id, task, *side).await?;
        Ok::<_, Error>(statistics.map(|s| (side.to_string(), Statistics::clone(&s))))
    });
    let tasks = try_join_all(answers).await?.into_iter().flatten().collect();
    Reply::json(context.call.style(), &AllocationStatistics { tasks })
}

/// An allocation as it is now, and its tasks, which are remembered: a list of one
/// is a fraction of the whole allocation, which carries its job.
async fn remembered(
    context: &Context<'_>,
    id: &str,
) -> Result<Option<(AllocationState, Tasks)>, Error> {
    let region = context.nomad.region().await?;
    let Some(tasks) = context.app.memory.tasks(region, id) else {
        return Ok(None);
    };
    // Gone: Nomad's own answer says so.
    let state = context.nomad.allocation_state(id).await?;
    Ok(state.map(|state| (state, tasks)))
}

async fn asked(context: &Context<'_>, id: &str) -> Result<(AllocationState, Tasks), Error> {
    let allocation = context
        .nomad
        .allocation(id, &ReadOptions::default())
        .await
        .map_err(|error| match error {
            nomad::Error::NotFound { .. } => Error::not_found(UNKNOWN),
            other => other.into(),
        })?
        .value;
    let job = allocation
        .rest
        .job
        .as_ref()
        .filter(|job| job.is_dtle())
        .ok_or_else(|| Error::not_found(UNKNOWN))?;
    let tasks: Tasks = JobView::new(job)
        .tasks
        .iter()
        .filter(|(_, group, _)| group.name == allocation.stub.task_group)
        .map(|(side, _, task)| (*side, task.name.clone()))
        .collect();
    let region = context.nomad.region().await?;
    context.app.memory.remember_tasks(region, id, &tasks);
    Ok((allocation.stub.into(), tasks))
}

async fn statistics(
    context: &Context<'_>,
    allocation: &str,
    task: &str,
    side: Side,
) -> Result<Option<Arc<Statistics>>, Error> {
    let memory = &context.app.memory;
    let region = context.nomad.region().await?;
    if let Some(known) = memory.statistics(region, allocation, task) {
        return Ok(known);
    }
    // Of those who ask meanwhile one asks the task, and the others share its answer.
    let _turn = context.app.signals.take(allocation).await;
    if let Some(known) = memory.statistics(region, allocation, task) {
        return Ok(known);
    }
    let text = match context.nomad.signal(allocation, task, "stats").await {
        Ok(text) => text,
        // The node is gone, or the task has just ended.
        Err(nomad::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let statistics = of_signal(&text, side).map(Arc::new);
    memory.remember_statistics(region, allocation, task, statistics.clone());
    Ok(statistics)
}
