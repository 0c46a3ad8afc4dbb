//! The Status and StatusDescription of a job.
//!
//! Nomad calls a job `running` while any of its tasks runs, but 2.x calls a
//! replication whose Src has failed for good `dead`. Therefore the counts of each
//! group's allocations are read too. Where the counts leave a doubt, [`first_look`]
//! says whether the allocations or the evaluations are needed, and [`settle`]
//! decides with them. A healthy job costs no further call.

use super::failure::{blamed, failure};
use super::view::is_paused;
use super::{JobView, Side};
use crate::wire::{AllocationStub, Evaluation, GroupSummary, Job, JobSummary, Metrics};

/// What 2.x says of a job's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// One of `pending`, `running`, `pause`, `dead` and `complete`.
    pub word: &'static str,
    /// The cause, when something went wrong; otherwise empty.
    pub description: String,
    /// Whether a task has failed and is started again.
    pub retries: bool,
    /// When a dead job failed, in Unix nanoseconds, if that is known.
    pub since: Option<i64>,
}

impl Status {
    const fn of(word: &'static str) -> Self {
        Self {
            word,
            description: String::new(),
            retries: false,
            since: None,
        }
    }

    /// Whether a resume has something to do.
    #[must_use]
    pub fn can_be_resumed(&self) -> bool {
        matches!(self.word, "pause" | "dead" | "complete")
    }
}

/// What the job and the counts of its allocations say about its Status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// They decide the Status.
    Known(Status),
    /// A group may have failed for good. Its allocations decide; when they leave
    /// open whether Nomad will try again, the evaluations do.
    Failed,
    /// A group waits for a node. The evaluations say why.
    Waiting,
}

/// Derives the Status from the job and the counts of its allocations, if they decide
/// it.
#[must_use]
pub fn first_look(job: &Job, summary: &JobSummary) -> Look {
    if is_paused(job) {
        return Look::Known(Status::of("pause"));
    }
    if job.stop {
        return Look::Known(Status::of("complete"));
    }
    if let Some(group) = job.task_groups.iter().find(|group| group.count == 0) {
        let side = JobView::new(job).side_of_group(&group.name);
        let side = side.map_or_else(|| group.name.clone(), |side| side.to_string());
        return Look::Known(Status {
            description: format!(
                "{side} was scaled to 0, so nothing is replicated; a resume starts it"
            ),
            ..Status::of("pause")
        });
    }
    let counts = || {
        job.task_groups.iter().map(|group| {
            summary
                .summary
                .get(&group.name)
                .copied()
                .unwrap_or_default()
        })
    };
    if counts().any(may_have_failed) {
        return Look::Failed;
    }
    if counts().any(|count| count.queued > 0 && count.running == 0) {
        return Look::Waiting;
    }
    Look::Known(own(job))
}

/// The Status in the job document itself. That is enough for the job that an
/// allocation was made for, and too little for a job as it is now.
#[must_use]
pub fn recorded(job: &Job) -> Status {
    own(job)
}

/// The Status that Nomad gives the job, in the words of 2.x.
fn own(job: &Job) -> Status {
    Status::of(match job.status.as_str() {
        "running" => "running",
        "dead" => "dead",
        // Any other state of Nomad's leads to one of these two.
        _ => "pending",
    })
}

/// Whether the failed allocations of a group may mean that the group has failed.
/// Nomad goes on counting stopped allocations, so failures beside a running
/// allocation mean nothing; failures without any other allocation do.
fn may_have_failed(count: GroupSummary) -> bool {
    count.failed > 0
        && count.running == 0
        && count.starting == 0
        && count.queued == 0
        && count.unknown == 0
}

/// Whether the evaluations are needed to know that Nomad will replace a failed
/// allocation: Nomad may do so by its own policy, or because the job was changed
/// since. That an allocation names an evaluation is not enough: once a deployment has
/// failed, that evaluation comes and places nothing.
#[must_use]
pub fn needs_evaluations(view: &JobView<'_>, allocations: &[AllocationStub]) -> bool {
    failed_groups(view, allocations)
        .iter()
        .any(|(_, reschedules, allocation)| {
            *reschedules || allocation.create_index < view.job.job_modify_index
        })
}

/// Decides the Status where [`first_look`] could not.
#[must_use]
pub fn settle(
    view: &JobView<'_>,
    look: &Look,
    allocations: &[AllocationStub],
    evaluations: &[Evaluation],
) -> Status {
    match look {
        Look::Known(status) => status.clone(),
        Look::Failed => {
            let failed = failed_groups(view, allocations);
            let (later, now): (Vec<_>, Vec<_>) = evaluations
                .iter()
                .filter(|eval| eval.status == "pending")
                .partition(|eval| is_set(eval.wait_until.as_deref()));
            // The job was resumed or changed, and Nomad has not yet acted on that.
            let changed = view.job.job_modify_index;
            if now.iter().any(|eval| eval.create_index >= changed) {
                return Status::of("pending");
            }
            let for_good: Vec<_> = failed
                .iter()
                .filter(|(_, reschedules, _)| !*reschedules || later.is_empty())
                .collect();
            if for_good.is_empty() {
                let mut status = own(view.job);
                let runs = |allocation: &AllocationStub| {
                    matches!(allocation.client_status.as_str(), "running" | "pending")
                };
                // A failed group that will be tried again is not the end. And from 2.0.1
                // on a job is `running` as long as its deployment lasts.
                if status.word == "dead" || !allocations.iter().any(runs) {
                    status.word = "pending";
                }
                let causes = failed.iter().filter_map(|(side, _, allocation)| {
                    let (time, text) = failure(allocation)?;
                    let (side, _) = blamed(*side, &text);
                    Some((time, format!("{side}: {text} (to be started again)")))
                });
                let first = causes.min_by_key(|(time, _)| *time);
                status.retries = true;
                status.description = first.map(|(_, text)| text).unwrap_or_default();
                return status;
            }
            // The first failure is the cause, the others follow from it, and some say so.
            let first = for_good
                .iter()
                .filter_map(|(side, _, allocation)| {
                    let (time, text) = failure(allocation)?;
                    Some((blamed(*side, &text).1, time, text))
                })
                .min_by_key(|(follows, time, _)| (*follows, *time));
            Status {
                since: first.as_ref().map(|(_, time, _)| *time),
                description: first.map(|(_, _, text)| text).unwrap_or_default(),
                ..Status::of("dead")
            }
        }
        Look::Waiting => Status {
            description: blocked(view, evaluations).unwrap_or_default(),
            ..Status::of("pending")
        },
    }
}

fn is_set(time: Option<&str>) -> bool {
    time.is_some_and(|time| !time.is_empty() && !time.starts_with("0001-01-01T"))
}

/// Groups whose newest allocation has failed: side, whether Nomad replaces
/// failed allocations, the allocation.
fn failed_groups<'a>(
    view: &JobView<'_>,
    allocations: &'a [AllocationStub],
) -> Vec<(Side, bool, &'a AllocationStub)> {
    view.tasks
        .iter()
        .filter_map(|(side, group, _)| {
            let newest = newest_of_group(allocations, &group.name)?;
            let reschedules = group
                .reschedule_policy
                .is_some_and(|policy| policy.unlimited || policy.attempts > 0);
            (newest.client_status == "failed").then_some((*side, reschedules, newest))
        })
        .collect()
}

/// The newest allocation of a group.
pub(super) fn newest_of_group<'a>(
    allocations: &'a [AllocationStub],
    group: &str,
) -> Option<&'a AllocationStub> {
    allocations
        .iter()
        .filter(|allocation| allocation.task_group == group)
        .max_by_key(|allocation| (allocation.create_index, allocation.create_time))
}

/// Why a job waits, in words: `Src: no node qualifies (constraint …: 1 node filtered)`.
fn blocked(view: &JobView<'_>, evaluations: &[Evaluation]) -> Option<String> {
    let newest = evaluations
        .iter()
        .filter(|eval| {
            eval.failed_tg_allocs
                .as_ref()
                .is_some_and(|groups| !groups.is_empty())
        })
        .max_by_key(|eval| (eval.status == "blocked", eval.modify_index))?;
    let reasons: Vec<String> = newest
        .failed_tg_allocs
        .iter()
        .flatten()
        .map(|(group, metrics)| {
            let side = view
                .side_of_group(group)
                .map_or_else(|| group.clone(), |side| side.to_string());
            format!("{side}: {}", reason(metrics, &view.job.datacenters))
        })
        .collect();
    Some(reasons.join("; "))
}

/// Nomad up to 1.4 counts the nodes of every datacenter of the job, later ones leave out
/// those without a node: then they are the `datacenters` of the job.
fn reason(metrics: &Metrics, datacenters: &[String]) -> String {
    if metrics.nodes_evaluated == 0 {
        let counted: Vec<&str> = metrics
            .nodes_available
            .iter()
            .flatten()
            .filter(|(_, nodes)| **nodes == 0)
            .map(|(name, _)| name.as_str())
            .collect();
        let names = match counted.as_slice() {
            [] => datacenters.join(", "),
            names => names.join(", "),
        };
        return format!("no node is in datacenter {names}");
    }
    let mut parts = Vec::new();
    for (what, nodes) in metrics.constraint_filtered.iter().flatten() {
        parts.push(format!("{nodes} filtered by {what}"));
    }
    for (what, nodes) in metrics.dimension_exhausted.iter().flatten() {
        parts.push(format!("{nodes} without enough {what}"));
    }
    let nodes = metrics.nodes_evaluated;
    let plural = if nodes == 1 { "node" } else { "nodes" };
    if parts.is_empty() {
        format!("none of {nodes} {plural} qualifies")
    } else {
        format!("none of {nodes} {plural} qualifies ({})", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A job whose two sides have failed and that Nomad reschedules for ever.
    fn failed(status: &str) -> (Job, Vec<AllocationStub>) {
        let group = |name: &str| {
            json!({"Name": name, "Count": 1, "ReschedulePolicy": {"Unlimited": true},
                "Tasks": [{"Name": name, "Driver": "dtle", "Config": {}}]})
        };
        let allocation = |name: &str| {
            json!({"ID": name, "TaskGroup": name, "ClientStatus": "failed", "CreateIndex": 4228,
                "FollowupEvalID": "26de8", "TaskStates": {}})
        };
        let job = json!({"ID": "j", "Name": "j", "Status": status, "JobModifyIndex": 3998,
            "TaskGroups": [group("Src"), group("Dest")]});
        let allocations = json!([allocation("Src"), allocation("Dest")]);
        (
            serde_json::from_value(job).unwrap(),
            serde_json::from_value(allocations).unwrap(),
        )
    }

    fn followup(status: &str) -> Vec<Evaluation> {
        let evaluation = json!({"ID": "26de8", "Status": status, "CreateIndex": 4282,
            "TriggeredBy": "alloc-reschedule", "WaitUntil": "2026-11-26T10:10:31.8Z"});
        vec![serde_json::from_value(evaluation).unwrap()]
    }

    /// Seen on Nomad 1.1.2 and 2.0.5: after `Failed due to progress deadline` nothing is
    /// placed any more, and the allocations go on naming the evaluation that would have.
    #[test]
    fn a_job_whose_deployment_has_failed_is_dead() {
        let (job, allocations) = failed("dead");
        let view = JobView::new(&job);
        assert!(needs_evaluations(&view, &allocations));
        let status = settle(&view, &Look::Failed, &allocations, &followup("complete"));
        assert_eq!(status.word, "dead");
        let status = settle(&view, &Look::Failed, &allocations, &followup("pending"));
        assert_eq!(status.word, "pending");
    }
    /// Seen on Nomad 2.0.5, where the job's own status was `running` all the while.
    #[test]
    fn a_job_that_waits_for_another_try_is_pending_while_its_deployment_lasts() {
        let (job, allocations) = failed("running");
        let view = JobView::new(&job);
        let status = settle(&view, &Look::Failed, &allocations, &followup("pending"));
        assert_eq!(status.word, "pending");
        let (_, mut one_runs) = failed("running");
        one_runs[1].client_status = "running".to_owned();
        let status = settle(&view, &Look::Failed, &one_runs, &followup("pending"));
        assert_eq!(status.word, "running");
    }
}
