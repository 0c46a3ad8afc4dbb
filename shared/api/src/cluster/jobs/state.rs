//! The Status of a job, with the cause while Nomad still tries.
//!
//! The job and the counts of its allocations say nearly everything, and a job that
//! runs costs no further call. Why a task failed that Nomad starts again stands in the
//! job's allocations only. They are read while a task is starting, when the counts have
//! moved since the last look, and once for a job that was registered a moment ago.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dtle_nomad::ReadOptions;
use dtle_translate::JobView;
use dtle_translate::retry::{Retry, cause, retries};
use dtle_translate::status::{Look, Status, first_look, needs_evaluations, recorded, settle};
use dtle_translate::wire::{AllocationStub, Evaluation, Job, JobSummary, JobVersionKey};

use super::Reader;
use crate::clock::now;
use crate::reply::Error;

/// How long a job counts as new, in nanoseconds: longer than it takes until a task
/// that never runs is given up, by the default policy.
const NEW: i64 = 900 * 1_000_000_000;

/// How many new jobs one request looks at that it has never looked at before. The
/// next request goes on with the others.
pub(super) const FIRST_LOOKS: usize = 32;

/// What the last look at a job's allocations has shown.
#[derive(Clone)]
pub(super) struct Seen {
    /// The index of the counts at that time.
    index: u64,
    /// Whether the allocations were read at all.
    read: bool,
    /// The tasks that failed and are tried again.
    retries: Arc<[Retry]>,
    /// The version of the job at that time.
    version: JobVersionKey,
    /// The status of a job that has failed for good.
    dead: Option<Status>,
}

/// The status, and whether the job and its counts decided it without a further call
/// and for as long as they stay the same. `looks`: how many more new jobs this request
/// may look at.
pub(super) async fn status(
    reader: Reader<'_>,
    job: &Job,
    summary: &JobSummary,
    options: &ReadOptions,
    looks: &AtomicUsize,
) -> Result<(Status, bool), Error> {
    let look = first_look(job, summary);
    let (mut allocations, mut evaluations): (Vec<AllocationStub>, Vec<Evaluation>) =
        Default::default();
    match look {
        // No path leads to its allocations, so Nomad's own status has to do.
        Look::Known(status) if job.id.contains('/') => return Ok((status, true)),
        _ if job.id.contains('/') => return Ok((recorded(job), true)),
        Look::Known(status) if !matches!(status.word, "running" | "pending") => {
            return Ok((status, true));
        }
        Look::Known(mut status) => {
            let (cause, told) = retried(reader, job, summary, options, looks).await?;
            status.retries = !cause.is_empty();
            status.description = cause;
            return Ok((status, told));
        }
        Look::Failed => {
            // As long as neither the job nor a count changes, it stays dead.
            if let Some(dead) = known_as_dead(reader, job, summary).await? {
                return Ok((dead, true));
            }
            allocations = read(reader, job, options).await?;
            if needs_evaluations(&JobView::new(job), &allocations) {
                evaluations = reader.nomad.job_evaluations(&job.id, options).await?.value;
                // The evaluations may have placed allocations since the first read.
                allocations = read(reader, job, options).await?;
            }
        }
        Look::Waiting => {
            evaluations = reader.nomad.job_evaluations(&job.id, options).await?.value;
        }
    }
    let status = settle(&JobView::new(job), &look, &allocations, &evaluations);
    if status.word == "dead" && evaluations.is_empty() && !options.stale {
        let seen = Seen {
            index: summary.modify_index,
            read: true,
            retries: Arc::default(),
            version: job.version(),
            dead: Some(status.clone()),
        };
        let region = reader.nomad.region().await?;
        reader.cache.insert_seen(region, &job.id, seen);
    }
    Ok((status, false))
}

async fn known_as_dead(
    reader: Reader<'_>,
    job: &Job,
    summary: &JobSummary,
) -> Result<Option<Status>, Error> {
    let region = reader.nomad.region().await?;
    let seen = reader.cache.seen(region, &job.id);
    let same = |seen: &Seen| {
        // A summary without an index says nothing of changes.
        seen.index == summary.modify_index && seen.index != 0 && seen.version == job.version()
    };
    Ok(seen.filter(same).and_then(|seen| seen.dead))
}

async fn read(
    reader: Reader<'_>,
    job: &Job,
    options: &ReadOptions,
) -> Result<Vec<AllocationStub>, Error> {
    let answer = reader.nomad.job_allocations(&job.id, options).await?;
    let mut allocations = answer.value;
    reader.events.complete_all(&mut allocations);
    Ok(allocations)
}

/// Why a job's tasks are started again, if they are, and whether that holds for as
/// long as the counts stay the same.
async fn retried(
    reader: Reader<'_>,
    job: &Job,
    summary: &JobSummary,
    options: &ReadOptions,
    looks: &AtomicUsize,
) -> Result<(String, bool), Error> {
    let cache = reader.cache;
    let region = reader.nomad.region().await?;
    let index = summary.modify_index;
    let starting = summary.summary.values().any(|count| count.starting > 0);
    let seen = cache.seen(region, &job.id);
    let is_new = || now().saturating_sub(job.submit_time) < NEW;
    let may_look = || {
        let less = |left: usize| left.checked_sub(1);
        looks
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    };
    let look = match &seen {
        _ if starting => true,
        Some(seen) if seen.index == index => !seen.read && is_new() && may_look(),
        Some(_) => true,
        None => is_new() && may_look(),
    };
    let seen = match seen {
        Some(seen) if !look && seen.index == index => seen,
        _ => {
            let found = match look {
                true => retries(&JobView::new(job), &read(reader, job, options).await?),
                false => Vec::new(),
            };
            let seen = Seen {
                index,
                read: look,
                retries: found.into(),
                version: job.version(),
                dead: None,
            };
            // The counts of a stale read and the allocations may be of two servers.
            if !options.stale {
                cache.insert_seen(region, &job.id, seen.clone());
            }
            seen
        }
    };
    let text = cause(&seen.retries, now());
    let told = text.is_empty() && !starting && (seen.read || !is_new());
    Ok((text, told))
}
