//! Writes: jobs are registered, stopped, looked at again, and forgotten.
//!
//! Each makes an evaluation, which the scheduler takes up a moment later.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::json::{extend, flag, list, text};
use crate::objects::{Alloc, Job, JobKey};
use crate::options::Era;
use crate::state::State;
use crate::{canonical, go};

/// What a register or deregister call answers with.
pub(crate) struct Written {
    pub(crate) eval: String,
    pub(crate) index: u64,
    pub(crate) job_modify_index: u64,
}

impl Job {
    /// Makes what there is an earlier version, of which so many are kept.
    fn next_version(&mut self, index: u64, kept: usize) {
        self.earlier.insert(0, Arc::clone(&self.doc));
        self.earlier.truncate(kept);
        self.version += 1;
        self.modify_index = index;
        self.job_modify_index = index;
    }
}

impl State {
    /// The check behind `EnforceIndex`; the error is a 500's text (recordings
    /// 061 and 062).
    pub(crate) fn enforce(&self, id: &JobKey, wanted: u64) -> Result<(), String> {
        let index = self.jobs.get(id).map(|job| job.job_modify_index);
        let why = match index {
            None if wanted == 0 => return Ok(()),
            Some(index) if wanted == index => return Ok(()),
            None => "job does not exist".to_owned(),
            Some(_) if wanted == 0 => "job already exists".to_owned(),
            Some(index) => format!("job exists with conflicting job modify index: {index}"),
        };
        Err(format!("Enforcing job modify index {wanted}: {why}"))
    }

    /// Registers a job in its full form. The same job once more gets no new
    /// version, only an evaluation: the answer then carries the job's own
    /// JobModifyIndex (or ModifyIndex), beside the evaluation's index.
    pub(crate) fn register(&mut self, mut doc: Value) -> Written {
        let key = JobKey::of(&doc);
        let index = self.next_index();
        let kept = self.agent.job_tracked_versions.saturating_sub(1);
        let registered = self.jobs.get(&key);
        if registered.is_none_or(|job| canonical::changed(&job.doc, &doc)) {
            extend(&mut doc, json!({"SubmitTime": go::now_nanoseconds()}));
            let groups = list(&doc, "TaskGroups").iter();
            let groups: Vec<String> = groups.map(|g| text(g, "Name").to_owned()).collect();
            let job = self.jobs.entry(key.clone()).or_insert_with(|| Job {
                create_index: index,
                status: "pending",
                summary_index: index,
                ..Job::default()
            });
            if job.create_index == index {
                // It is new.
                job.modify_index = index;
                job.job_modify_index = index;
                self.tables.summaries = index;
            } else {
                job.next_version(index, kept);
            }
            job.stopped = flag(&doc, "Stop");
            job.doc = Arc::new(doc);
            for group in groups {
                job.summary.entry(group).or_default();
            }
            job.sync();
            self.tables.jobs = index;
        }
        let unchanged_is_modify_index = self.agent.rules.unchanged_is_modify_index;
        let told = |job: &Job| match unchanged_is_modify_index {
            true => job.modify_index,
            false => job.job_modify_index,
        };
        let job_modify_index = self.jobs.get(&key).map_or(index, told);
        Written {
            eval: self.enqueue(self.new_eval(&key, "job-register", index)),
            index,
            job_modify_index,
        }
    }

    /// Stops a job, or forgets it. An unknown one is deregistered all the same; later
    /// releases make no evaluation of that (recordings 096).
    pub(crate) fn deregister(&mut self, key: &JobKey, purge: bool) -> Written {
        if self.agent.rules.era != Era::First && !self.jobs.contains_key(key) {
            return Written {
                eval: String::new(),
                index: 0,
                job_modify_index: 0,
            };
        }
        let index = self.next_index();
        let mut eval = self.new_eval(key, "job-deregister", index);
        eval.job_modify_index = index;
        let kept = self.agent.job_tracked_versions.saturating_sub(1);
        if purge && self.jobs.remove(key).is_some() {
            self.tables.jobs = index;
            self.tables.summaries = index;
        } else if self.jobs.contains_key(key) {
            self.edit_job(key, |job| {
                job.next_version(index, kept);
                job.stopped = true;
            });
            self.tables.jobs = index;
        }
        Written {
            eval: self.enqueue(eval),
            index,
            job_modify_index: index,
        }
    }

    /// Has a node looked at again: one evaluation for each job on it.
    pub(crate) fn evaluate_node(&mut self) -> (Vec<String>, u64) {
        let index = self.next_index();
        let jobs = self.allocs.values().map(|alloc| alloc.job_id.clone());
        let jobs: BTreeSet<JobKey> = jobs.collect();
        let mut ids = Vec::new();
        for job in jobs {
            let mut eval = self.new_eval(&job, "node-update", index);
            eval.job_modify_index = 0;
            eval.node.clone_from(&self.agent.node);
            eval.node_modify_index = self.node_modify_index;
            ids.push(self.enqueue(eval));
        }
        (ids, index)
    }

    /// Has one job looked at again (`/v1/job/{id}/evaluate`). By force it places failed
    /// allocations anew at once, if their group may be rescheduled at all: with
    /// rescheduling off, force changes nothing (tried).
    pub(crate) fn evaluate_job(&mut self, key: &JobKey, force: bool) -> Option<Written> {
        let job_modify_index = self.jobs.get(key)?.job_modify_index;
        let index = self.next_index();
        let eval = self.new_eval(key, "job-register", index);
        let failed = self.allocs_of(key).filter(|alloc| {
            force && alloc.client == "failed" && self.reschedule_delay(&alloc.id).is_some()
        });
        let failed: Vec<String> = failed.map(|alloc| alloc.id.clone()).collect();
        for id in failed {
            self.touch_alloc(&id, index);
            if let Some(alloc) = self.allocs.get_mut(&id) {
                alloc.followup.clone_from(&eval.id);
            }
        }
        Some(Written {
            eval: self.enqueue(eval),
            index,
            job_modify_index,
        })
    }

    /// `/v1/system/gc`: forgets finished evaluations and allocations, and jobs that were
    /// stopped. A job with Count 0 is not stopped: it stays.
    pub(crate) fn collect_garbage(&mut self) {
        let index = self.next_index();
        let (done, kept): (Vec<&Alloc>, Vec<&Alloc>) = self
            .allocs
            .values()
            .partition(|alloc| self.is_garbage(alloc));
        let needed: HashSet<&str> = kept.iter().map(|alloc| alloc.eval.as_str()).collect();
        let done: HashSet<String> = done.iter().map(|alloc| alloc.id.clone()).collect();
        let evals = self.evals.values();
        let over = evals.filter(|eval| eval.terminal() && !needed.contains(eval.id.as_str()));
        let over: HashSet<String> = over.map(|eval| eval.id.clone()).collect();
        self.evals.retain(|id, _| !over.contains(id));
        // An allocation goes with its evaluation, or after it.
        let evals = &self.evals;
        self.allocs
            .retain(|id, alloc| evals.contains_key(&alloc.eval) || !done.contains(id));
        for links in self.links.values_mut() {
            links.allocs.retain(|id| self.allocs.contains_key(id));
            links.evals.retain(|id| self.evals.contains_key(id));
        }
        self.links
            .retain(|_, links| !links.allocs.is_empty() || !links.evals.is_empty());
        let before = self.jobs.len();
        let links = &self.links;
        self.jobs
            .retain(|key, job| !job.stopped || job.status != "dead" || links.contains_key(key));
        self.tables.evals = index;
        self.tables.allocs = index;
        if self.jobs.len() < before {
            self.tables.jobs = index;
        }
    }

    /// Whether nothing will ever be made of an allocation again.
    fn is_garbage(&self, alloc: &Alloc) -> bool {
        let job = self.jobs.get(&alloc.job_id);
        alloc.terminal()
            && alloc.client != "running"
            && (job.is_none_or(|job| job.stopped || job.status == "dead")
                || alloc.desired == "stop"
                || alloc.client != "failed"
                || self.reschedule_delay(&alloc.id).is_none()
                || !alloc.next.is_empty())
    }
}
