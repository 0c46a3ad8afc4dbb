//! Allocations and evaluations of the jobs that a caller may see.
//!
//! Nomad's lists of them carry neither the job nor the driver, so they are compared
//! with the dtle jobs that exist. What belongs to another tenant, to a deleted job,
//! or to an earlier job of the same ID does not exist for a caller.

use std::collections::BTreeMap;
use std::sync::Arc;

use dtle_nomad::{ReadOptions, Session};
use dtle_translate::allocation::{is_newest, to_v2, to_v2_list, to_v2_whole};
use dtle_translate::status::recorded;
use dtle_translate::v2;
use dtle_translate::wire::{Allocation, AllocationStub, Job};
use dtle_translate::{JobView, job, password};
use uuid::Uuid;

use super::events::Events;
use super::jobs::VisibleJobs;
use crate::clock::now;
use crate::reply::Error;

/// An ID that no object has.
const NOTHING: &str = "00000000-0000-0000-0000-000000000000";

/// The ID to ask Nomad for. Nomad answers an ID that cannot be a UUID with a 500, so
/// the ID that no object has is asked for instead: its 404 brings the index.
#[must_use]
pub fn askable(id: &str) -> &str {
    let is_uuid = id.len() == 36 && Uuid::try_parse(id).is_ok();
    if is_uuid { id } else { NOTHING }
}

/// The allocations that a caller may see, in 2.x's shape, sorted by ID.
/// `allocations` must hold all allocations of each job, since the newest of a paused
/// job is shown differently.
pub fn visible(
    events: &Events,
    jobs: &VisibleJobs,
    mut allocations: Vec<AllocationStub>,
) -> Vec<v2::AllocationStub> {
    // Another tenant's events are not this program's to remember.
    allocations.retain(|one| jobs.of(&one.job_id, one.create_index).is_some());
    events.complete_all(&mut allocations);
    let now = now();
    let mut by_job: BTreeMap<&str, (&Arc<Job>, Vec<AllocationStub>)> = BTreeMap::new();
    for allocation in allocations {
        if let Some((id, job)) = jobs.of(&allocation.job_id, allocation.create_index) {
            by_job
                .entry(id)
                .or_insert_with(|| (job, Vec::new()))
                .1
                .push(allocation);
        }
    }
    let mut list: Vec<_> = by_job
        .into_values()
        .flat_map(|(job, allocations)| to_v2_list(&JobView::new(job), &allocations, now))
        .collect();
    list.sort_by(|a, b| a.id.cmp(&b.id));
    list
}

/// Whether a list holds as long as what it was read from: what a task is started again
/// for is forgotten after a while.
#[must_use]
pub fn stays(list: &[v2::AllocationStub]) -> bool {
    let passes = |one: &v2::AllocationStub| {
        one.client_status != "failed" && !one.desired_description.is_empty()
    };
    !list.iter().any(passes)
}

/// Whether an allocation is the newest of its task and its job is paused now,
/// which 2.x shows as an allocation that waits [058].
///
/// # Errors
/// As Nomad's.
pub async fn is_paused(
    nomad: &Session<'_>,
    job: &Job,
    allocation: &AllocationStub,
    options: &ReadOptions,
) -> Result<bool, Error> {
    if !JobView::new(job).is_paused() {
        return Ok(false);
    }
    let all = nomad.job_allocations(&allocation.job_id, options).await;
    match all {
        Ok(all) => Ok(is_newest(&all.value, allocation)),
        // The job's ID holds a slash, and no path leads to it.
        Err(dtle_nomad::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A whole allocation in 2.x's shape; `None` for one that was made for another
/// tenant's job.
pub fn whole(
    events: &Events,
    allocation: &mut Allocation,
    paused: bool,
    mask_passwords: bool,
) -> Option<v2::Allocation> {
    let job = allocation.rest.job.as_ref().filter(|job| job.is_dtle())?;
    let view = JobView::new(job);
    events.complete(&mut allocation.stub);
    let stub = to_v2(&view, &allocation.stub, paused, now());
    let mut job = job::to_v2(&view, &recorded(job));
    if mask_passwords {
        password::mask(&mut job);
    }
    Some(to_v2_whole(stub, &allocation.rest, job))
}
