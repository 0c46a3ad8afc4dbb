//! `GET /v1/agent/allocation/{id}/stats`: the statistics of the running tasks of an
//! allocation.
//!
//! Every signal costs the cluster a write and pushes out one of the ten events that
//! Nomad keeps for a task. So an answer is remembered until the plugin renews its
//! figures, and callers who ask at the same moment share one signal. Whether a task
//! runs is asked each time. Only tasks whose driver is `dtle` get the signal:
//! another driver would answer something else, and some would act on it.

use std::sync::Arc;

use dtle_nomad::{self as nomad, ReadOptions};
use dtle_translate::JobView;
use dtle_translate::v2::{self, AllocationStatistics};
use dtle_translate::wire::AllocationStub;
use futures_util::future::try_join_all;

use crate::cluster::allocations::askable;
use crate::cluster::statistics::{Tasks, statistics};
use crate::context::Context;
use crate::document::{Answer, Doc, Id, Query, Readme, shape};
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
        readme: Readme {
            vendor: true,
            english: "`{Tasks: {type: statistics}}`; `?task=`",
            chinese: "`{Tasks: {类型: 统计}}`；`?task=`",
        },
        text: "By the type of the task. A task that is not running is absent. An answer is shared for as long as the plugin does not refresh its figures. `DelayCount.Num` is the transactions that Src has read and Dest has not applied; while that stands still, `DelayCount.Time` and `DelayTime` are the seconds since it last moved, and ETA and ProgressPct do not claim that Dest has caught up.",
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
    let (mut state, tasks) = match remembered(context, id).await? {
        Some(known) => known,
        None => asked(context, id).await?,
    };
    // The signals below push events out of Nomad's memory.
    context.app.events.complete(&mut state);

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
    let (cache, nomad) = (&context.app.statistics, &context.nomad);
    let job = &state.job_id;
    let answers = running.map(|(side, task)| async move {
        let Some(said) = statistics(cache, nomad, id, task, *side).await? else {
            return Ok::<_, Error>(None);
        };
        let said = context.delay().honest(job, id, *side, &said).await;
        Ok(Some((side.to_string(), said)))
    });
    let tasks = try_join_all(answers).await?.into_iter().flatten().collect();
    Reply::json(context.call.style(), &AllocationStatistics { tasks })
}

/// An allocation as it is now, and its tasks, which are remembered: a list of one
/// is a fraction of the whole allocation, which carries its job.
async fn remembered(
    context: &Context<'_>,
    id: &str,
) -> Result<Option<(AllocationStub, Tasks)>, Error> {
    let Some(tasks) = context.app.statistics.tasks.get(id) else {
        return Ok(None);
    };
    // Gone: Nomad's own answer says so.
    let state = context.nomad.allocation_state(id).await?;
    Ok(state.map(|state| (state, tasks)))
}

async fn asked(context: &Context<'_>, id: &str) -> Result<(AllocationStub, Tasks), Error> {
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
    let known = &context.app.statistics.tasks;
    known.insert(id.to_owned(), Arc::clone(&tasks));
    Ok((allocation.stub, tasks))
}
