//! What a caller who creates or updates a job should know of the jobs that are there.
//!
//! A warning is advice: where Nomad or Consul does not answer in time there is none,
//! and the write stands.

use std::time::Duration;

use dtle_nomad::ReadOptions;
use dtle_translate::scope::{Target, added};
use dtle_translate::spec::JobSpec;
use dtle_translate::status::recorded;
use dtle_translate::wire::Job;
use dtle_translate::{JobView, job, v2};

use crate::cluster::jobs;
use crate::context::Context;

/// How long a write waits for its warnings: a list of the jobs.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a validation waits for them.
const PATIENCE_OF_VALIDATION: Duration = Duration::from_secs(10);

/// How many jobs a write reads for its warnings besides the list of them. A process
/// that has just started knows none of them.
const READ: usize = 64;

/// How many other jobs a warning names.
const NAMED: usize = 3;

/// The warnings for a job that was or would be registered in the place of `before`.
/// `thorough`: every job is read for them, as a validation does.
pub(super) async fn of_the_cluster(
    context: &Context<'_>,
    spec: &JobSpec,
    id: &str,
    before: Option<&Job>,
    thorough: bool,
) -> Vec<String> {
    let before = before.map(|job| (job.name.as_str(), to_v2(job)));
    let before = before.as_ref();
    let warnings = async {
        let (added, shared) = tokio::join!(
            of_added(context, spec, before),
            of_shared(context, spec, id, before, thorough)
        );
        added.into_iter().chain(shared).collect()
    };
    let patience = match thorough {
        true => PATIENCE_OF_VALIDATION,
        false => PATIENCE,
    };
    let in_time = tokio::time::timeout(patience, warnings).await;
    in_time.unwrap_or_default()
}

/// The tables that an update adds to a job that has run. The plugin copies only once,
/// at the beginning.
async fn of_added(
    context: &Context<'_>,
    spec: &JobSpec,
    before: Option<&(&str, v2::Job)>,
) -> Option<String> {
    let (name, before) = before?;
    let added = added(before, spec);
    if added.is_empty() {
        return None;
    }
    if let Some(consul) = jobs::consul(context.reader()).await
        && let Ok(progress) = consul.progress(name).await
        && !progress.overrides()
    {
        // It has copied nothing yet.
        return None;
    }
    let names = added.iter().take(10).map(String::as_str);
    let names = names.collect::<Vec<_>>().join(", ");
    Some(format!(
        "{names}: added to a job that has run already. Rows that are there are not copied, and the first change of a table that the destination does not have stops the job: copy it first, or make a job of its own for it"
    ))
}

/// The other jobs that write the same tables of the same server. An update that leaves
/// what its job writes as it was is not told again: that would take a list of all jobs.
async fn of_shared(
    context: &Context<'_>,
    spec: &JobSpec,
    id: &str,
    before: Option<&(&str, v2::Job)>,
    thorough: bool,
) -> Option<String> {
    let target = Target::of_spec(spec)?;
    let had = before.and_then(|(_, before)| Target::of_job(before));
    if !thorough && had.as_ref() == Some(&target) {
        return None;
    }
    let most = if thorough { usize::MAX } else { READ };
    let options = ReadOptions::default();
    let visible = jobs::visible_cheaply(context.reader(), &options, most).await;
    let visible = visible.ok().flatten()?;
    let mut meets: Vec<(String, String)> = Vec::new();
    for other in visible.iter().filter(|other| other.id != id && !other.stop) {
        let theirs = Target::of_job(&to_v2(other));
        let shared = theirs.and_then(|theirs| target.shared(&theirs));
        meets.extend(shared.map(|shared| (other.id.clone(), shared)));
    }
    let (_, shared) = meets.first()?;
    let mut names: Vec<&str> = meets
        .iter()
        .take(NAMED)
        .map(|(id, _)| id.as_str())
        .collect();
    if meets.len() > NAMED {
        names.push("others");
    }
    let (jobs, write) = match names.len() {
        1 => ("job", "writes"),
        _ => ("jobs", "write"),
    };
    Some(format!(
        "the {jobs} {} {write} the same: {shared}. Two jobs that write one table overwrite each other's rows",
        names.join(", ")
    ))
}

fn to_v2(job: &Job) -> v2::Job {
    job::to_v2(&JobView::new(job), &recorded(job))
}
