//! The scheduler: from a registered job to allocations.
//!
//! A write to a job makes an evaluation; an evaluation, taken up a moment
//! later, compares what the job wants with what there is. It stops what is too
//! much, replaces what has changed (a change of Config, or of Meta at any
//! level, is destructive; a change of, say, a restart policy is not), places
//! what is missing, and leaves a blocked evaluation behind for what fits
//! nowhere. The order of raft entries is Nomad's: blocked evaluation, plan,
//! evaluation done (recordings 075 to 078).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::canonical::{self, list};
use super::clock::Action;
use super::driver;
use super::go;
use super::state::{Alloc, Counts, Deployment, Eval, Job, JobKey, Rollout, State, Task, new_id};

/// Why an allocation was stopped, in Nomad's words.
const NOT_NEEDED: &str = "alloc not needed due to job update";
const UPDATED: &str = "alloc is being updated due to job update";
const RESCHEDULED: &str = "alloc was rescheduled because it failed";

/// What a register or deregister call answers with.
pub(crate) struct Written {
    pub(crate) eval: String,
    pub(crate) index: u64,
    pub(crate) job_modify_index: u64,
}

/// Something the scheduler wants to place.
struct Placement {
    group: String,
    name: String,
    previous: Option<String>,
}

impl State {
    /// The check behind `EnforceIndex`; the error is a 500's text (recordings
    /// 061 and 062).
    pub(crate) fn enforce(&self, id: &JobKey, wanted: u64) -> Result<(), String> {
        match self.jobs.get(id) {
            None if wanted == 0 => Ok(()),
            None => Err(format!(
                "Enforcing job modify index {wanted}: job does not exist"
            )),
            Some(_) if wanted == 0 => {
                Err("Enforcing job modify index 0: job already exists".to_owned())
            }
            Some(job) if job.job_modify_index != wanted => Err(format!(
                "Enforcing job modify index {wanted}: job exists with conflicting job modify index: {}",
                job.job_modify_index
            )),
            Some(_) => Ok(()),
        }
    }

    /// Registers a job in its full form. The same job once more gets no new
    /// version, only an evaluation: the answer then carries the job's own
    /// JobModifyIndex, beside the evaluation's index.
    pub(crate) fn register(&mut self, mut doc: Value) -> Written {
        let id = JobKey::of(&doc);
        let unchanged = self
            .jobs
            .get(&id)
            .is_some_and(|job| !canonical::changed(&job.doc, &doc));
        let index = self.next_index();
        let earlier = self.agent.job_tracked_versions.saturating_sub(1);
        if !unchanged {
            if let Some(map) = doc.as_object_mut() {
                map.insert("SubmitTime".to_owned(), Value::from(go::now_nanoseconds()));
            }
            let stopped = doc.get("Stop").and_then(Value::as_bool).unwrap_or(false);
            let groups: Vec<String> = list(&doc, "TaskGroups")
                .iter()
                .map(|g| text(g, "Name"))
                .collect();
            if let Some(job) = self.jobs.get_mut(&id) {
                job.earlier.insert(0, Arc::clone(&job.doc));
                job.earlier.truncate(earlier);
                job.doc = Arc::new(doc);
                job.version += 1;
                job.stable = false;
                job.stopped = stopped;
                job.modify_index = index;
                job.job_modify_index = index;
                for group in groups {
                    job.summary.entry(group).or_default();
                }
                job.sync();
            } else {
                let mut job = Job {
                    doc: Arc::new(doc),
                    earlier: Vec::new(),
                    version: 0,
                    create_index: index,
                    modify_index: index,
                    job_modify_index: index,
                    status: "pending",
                    stable: false,
                    stopped,
                    summary: groups.into_iter().map(|g| (g, Counts::default())).collect(),
                    summary_index: index,
                    body: None,
                    stub: None,
                };
                job.sync();
                self.jobs.insert(id.clone(), job);
                self.tables.summaries = index;
            }
            self.tables.jobs = index;
        }
        let eval = self.new_eval(&id, "job-register", index);
        let eval_id = eval.id.clone();
        self.put_eval(eval);
        self.refresh_status(&id, index);
        self.later(self.pace.schedule, Action::Schedule(eval_id.clone()));
        let job_modify_index = self.jobs.get(&id).map_or(index, |job| job.job_modify_index);
        Written {
            eval: eval_id,
            index,
            job_modify_index,
        }
    }

    /// Stops a job, or forgets it. An unknown one is deregistered all the
    /// same (recording 096).
    pub(crate) fn deregister(&mut self, id: &JobKey, purge: bool) -> Written {
        let index = self.next_index();
        let known = self.jobs.contains_key(id);
        let earlier = self.agent.job_tracked_versions.saturating_sub(1);
        let mut eval = self.new_eval(id, "job-deregister", index);
        eval.job_modify_index = index;
        if known && purge {
            self.close_deployments(id, "Cancelled because job is stopped", index);
            self.jobs.remove(id);
            self.tables.jobs = index;
            self.tables.summaries = index;
        } else if known {
            self.edit_job(id, |job| {
                job.earlier.insert(0, Arc::clone(&job.doc));
                job.earlier.truncate(earlier);
                job.version += 1;
                job.stopped = true;
                job.modify_index = index;
                job.job_modify_index = index;
            });
            self.tables.jobs = index;
        }
        let eval_id = eval.id.clone();
        self.put_eval(eval);
        self.refresh_status(id, index);
        self.later(self.pace.schedule, Action::Schedule(eval_id.clone()));
        Written {
            eval: eval_id,
            index,
            job_modify_index: index,
        }
    }

    /// Has a node looked at again: one evaluation for each job on it.
    pub(crate) fn evaluate_node(&mut self) -> (Vec<String>, u64) {
        let index = self.next_index();
        let mut jobs: Vec<JobKey> = self.allocs.values().map(|a| a.job_id.clone()).collect();
        jobs.sort();
        jobs.dedup();
        let mut ids = Vec::new();
        for job in jobs {
            let mut eval = self.new_eval(&job, "node-update", index);
            eval.job_modify_index = 0;
            eval.node = self.agent.node.clone();
            eval.node_modify_index = self.node_modify_index;
            ids.push(eval.id.clone());
            let id = eval.id.clone();
            self.put_eval(eval);
            self.refresh_status(&job, index);
            self.later(self.pace.schedule, Action::Schedule(id));
        }
        (ids, index)
    }

    /// Has one job looked at again (`/v1/job/{id}/evaluate`).
    pub(crate) fn evaluate_job(&mut self, id: &JobKey, force: bool) -> Option<Written> {
        let job_modify_index = self.jobs.get(id)?.job_modify_index;
        let index = self.next_index();
        if force {
            // Only allocations whose group may be rescheduled at all are
            // touched: with rescheduling off this changes nothing (tried).
            let failed: Vec<String> = self.failed_allocs(id);
            for alloc in failed {
                if self.reschedule_delay(&alloc).is_some() {
                    self.touch_alloc(&alloc, index);
                    if let Some(alloc) = self.allocs.get_mut(&alloc) {
                        alloc.reschedule = true;
                    }
                }
            }
        }
        let eval = self.new_eval(id, "job-register", index);
        let eval_id = eval.id.clone();
        self.put_eval(eval);
        self.refresh_status(id, index);
        self.later(self.pace.schedule, Action::Schedule(eval_id.clone()));
        Some(Written {
            eval: eval_id,
            index,
            job_modify_index,
        })
    }

    pub(crate) fn new_eval(&self, job: &JobKey, trigger: &'static str, index: u64) -> Eval {
        let now = go::now_nanoseconds();
        let registered = self.jobs.get(job);
        Eval {
            id: new_id(),
            job_id: job.clone(),
            kind: registered
                .map_or("service", |job| job.text("Type"))
                .to_owned(),
            priority: registered
                .and_then(|job| job.doc.get("Priority"))
                .and_then(Value::as_i64)
                .unwrap_or(50),
            trigger,
            status: "pending",
            create_index: index,
            modify_index: index,
            create_time: now,
            modify_time: now,
            job_modify_index: registered.map_or(0, |job| job.job_modify_index),
            ..Eval::default()
        }
    }

    /// Takes up an evaluation.
    pub(crate) fn process(&mut self, id: &str) {
        let Some(mut eval) = self
            .evals
            .get(id)
            .filter(|eval| eval.status == "pending")
            .cloned()
        else {
            return;
        };
        eval.snapshot_index = self.index;
        let plan = self.plan(&eval);
        let job_id = eval.job_id.clone();

        let mut blocked = None;
        if !plan.failed.is_empty() {
            let index = self.next_index();
            let mut waiting = self.new_eval(&job_id, "queued-allocs", index);
            waiting.status = "blocked";
            "created to place remaining allocations".clone_into(&mut waiting.description);
            waiting.previous.clone_from(&eval.id);
            waiting.snapshot_index = eval.snapshot_index;
            waiting.failed.clone_from(&plan.failed);
            waiting.escaped = plan.escaped;
            eval.blocked.clone_from(&waiting.id);
            blocked = Some(waiting.id.clone());
            self.put_eval(waiting);
        }
        for followup in plan.followups {
            let index = self.next_index();
            self.delay_reschedule(&followup, &eval, index);
        }
        if !plan.stops.is_empty() || !plan.placements.is_empty() || !plan.in_place.is_empty() {
            let index = self.next_index();
            eval.deployment = self
                .deploy(&job_id, index, &plan.placements)
                .unwrap_or_default();
            for (alloc, why) in &plan.stops {
                self.stop(alloc, why, index);
            }
            for alloc in &plan.in_place {
                self.update_in_place(alloc, &eval.deployment, index);
            }
            for placement in plan.placements {
                self.place(placement, &eval, index);
            }
            self.refresh_status(&job_id, index);
        } else if let Some(newest) = self.deployments_of(&job_id).next_back() {
            eval.deployment.clone_from(&newest.id);
        }

        let index = self.next_index();
        eval.queued = plan.queued;
        eval.failed = plan.failed;
        eval.status = "complete";
        eval.modify_index = index;
        eval.modify_time = go::now_nanoseconds();
        self.settle_blocked(&job_id, blocked.as_deref(), &eval.id, index);
        if let Some(job) = self.jobs.get_mut(&job_id) {
            let mut moved = false;
            for (group, queued) in &eval.queued {
                let counts = job.summary.entry(group.clone()).or_default();
                if counts.queued != *queued {
                    counts.queued = *queued;
                    moved = true;
                }
            }
            if moved {
                job.summary_index = index;
                job.stub = None;
                self.tables.summaries = index;
            }
        }
        self.put_eval(eval);
        self.refresh_status(&job_id, index);
    }

    /// Ends the job's other blocked evaluations: a newer one took their place,
    /// or nothing is missing any more.
    fn settle_blocked(&mut self, job: &JobKey, newest: Option<&str>, by: &str, index: u64) {
        let old: Vec<String> = self
            .evals_of(job)
            .filter(|eval| eval.status == "blocked" && Some(eval.id.as_str()) != newest)
            .map(|eval| eval.id.clone())
            .collect();
        for id in old {
            if let Some(eval) = self.evals.get_mut(&id) {
                eval.status = "canceled";
                eval.description = match newest {
                    Some(_) => format!("existing blocked evaluation exists for job {:?}", job.id()),
                    None => format!("evaluation {by:?} successful"),
                };
                eval.modify_index = index;
                eval.modify_time = go::now_nanoseconds();
            }
        }
    }

    fn failed_allocs(&self, job: &JobKey) -> Vec<String> {
        self.allocs_of(job)
            .filter(|alloc| alloc.desired == "run" && alloc.client == "failed")
            .map(|alloc| alloc.id.clone())
            .collect()
    }

    /// Compares what a job wants with what there is.
    fn plan(&self, eval: &Eval) -> Plan {
        let mut plan = Plan::default();
        let live =
            |alloc: &&Alloc| alloc.desired == "run" && !matches!(alloc.client, "complete" | "lost");
        let Some(job) = self.jobs.get(&eval.job_id).filter(|job| !job.stopped) else {
            // Purged or stopped: everything goes.
            for alloc in self.allocs_of(&eval.job_id).filter(live) {
                plan.stops.push((alloc.id.clone(), NOT_NEEDED));
            }
            if let Some(job) = self.jobs.get(&eval.job_id) {
                plan.queued = job.summary.keys().map(|group| (group.clone(), 0)).collect();
            }
            return plan;
        };
        let present: Vec<&Alloc> = self.allocs_of(&eval.job_id).filter(live).collect();
        let groups = list(&job.doc, "TaskGroups");
        for alloc in &present {
            if !groups
                .iter()
                .any(|group| text(group, "Name") == alloc.group)
            {
                plan.stops.push((alloc.id.clone(), NOT_NEEDED));
            }
        }
        for group in groups {
            self.plan_group(job, group, eval, &present, &mut plan);
        }
        plan
    }

    fn plan_group(
        &self,
        job: &Job,
        group: &Value,
        eval: &Eval,
        present: &[&Alloc],
        plan: &mut Plan,
    ) {
        let name = text(group, "Name");
        let count =
            usize::try_from(group.get("Count").and_then(Value::as_i64).unwrap_or(1)).unwrap_or(0);
        let unfit = self.unfit(&job.doc, group);
        let mut taken: Vec<String> = Vec::new();
        let mut wanted: Vec<Placement> = Vec::new();
        let mut own: Vec<&&Alloc> = present.iter().filter(|alloc| alloc.group == name).collect();
        own.sort_by(|a, b| {
            a.name
                .len()
                .cmp(&b.name.len())
                .then_with(|| a.name.cmp(&b.name))
        });
        for (position, alloc) in own.into_iter().enumerate() {
            if position >= count {
                plan.stops.push((alloc.id.clone(), NOT_NEEDED));
                continue;
            }
            taken.push(alloc.name.clone());
            let same_version = alloc.version == job.version
                && alloc.job.get("CreateIndex").and_then(Value::as_u64) == Some(job.create_index);
            if alloc.client == "failed" && alloc.next.is_empty() {
                if alloc.followup == eval.id {
                    plan.stops.push((alloc.id.clone(), RESCHEDULED));
                    wanted.push(Placement {
                        group: name.clone(),
                        name: alloc.name.clone(),
                        previous: Some(alloc.id.clone()),
                    });
                    continue;
                }
                if same_version
                    && alloc.followup.is_empty()
                    && self.reschedule_delay(&alloc.id).is_some()
                {
                    plan.followups.push(alloc.id.clone());
                    continue;
                }
            }
            if same_version {
                continue;
            }
            if destructive(&alloc.job, &job.doc, &name) || unfit.is_some() {
                plan.stops.push((alloc.id.clone(), UPDATED));
                wanted.push(Placement {
                    group: name.clone(),
                    name: alloc.name.clone(),
                    previous: None,
                });
            } else {
                plan.in_place.push(alloc.id.clone());
            }
        }
        let mut slot = 0;
        let id = job.text("ID");
        while taken.len() < count {
            let candidate = format!("{id}.{name}[{slot}]");
            slot += 1;
            if !taken.contains(&candidate) {
                taken.push(candidate.clone());
                wanted.push(Placement {
                    group: name.clone(),
                    name: candidate,
                    previous: None,
                });
            }
        }
        let missing = i64::try_from(wanted.len()).unwrap_or(i64::MAX);
        match unfit {
            Some((metrics, escaped)) if missing > 0 => {
                let mut metrics = metrics;
                if let Some(map) = metrics.as_object_mut() {
                    map.insert("CoalescedFailures".to_owned(), Value::from(missing - 1));
                }
                plan.failed.insert(name.clone(), metrics);
                plan.escaped |= escaped;
                plan.queued.insert(name, missing);
            }
            _ => {
                plan.placements.append(&mut wanted);
                plan.queued.insert(name, 0);
            }
        }
    }

    /// Why a group fits on no node: the metrics of the failed placement, and
    /// whether a constraint named one node.
    fn unfit(&self, job: &Value, group: &Value) -> Option<(Value, bool)> {
        let metrics = |filtered: Value, available: Value, evaluated: u64| {
            json!({
                "AllocationTime": 4437,
                "ClassExhausted": null,
                "ClassFiltered": null,
                "CoalescedFailures": 0,
                "ConstraintFiltered": filtered,
                "DimensionExhausted": null,
                "NodesAvailable": available,
                "NodesEvaluated": evaluated,
                "NodesExhausted": 0,
                "NodesFiltered": evaluated,
                "QuotaExhausted": null,
                "ResourcesExhausted": null,
                "ScoreMetaData": null,
                "Scores": null,
            })
        };
        let here = &self.agent.datacenter;
        let datacenters = list(job, "Datacenters");
        let available: serde_json::Map<String, Value> = datacenters
            .iter()
            .filter_map(Value::as_str)
            .map(|dc| (dc.to_owned(), Value::from(u64::from(dc == here))))
            .collect();
        if !available.contains_key(here) {
            return Some((metrics(Value::Null, Value::Object(available), 0), false));
        }
        let tasks = list(group, "Tasks");
        if tasks
            .iter()
            .any(|task| !driver::known(&text(task, "Driver")))
        {
            return Some((
                metrics(json!({"missing drivers": 1}), Value::Object(available), 1),
                false,
            ));
        }
        let mut all: Vec<&Value> = list(job, "Constraints")
            .iter()
            .chain(list(group, "Constraints"))
            .collect();
        all.extend(tasks.iter().flat_map(|task| list(task, "Constraints")));
        all.into_iter()
            .find(|constraint| !self.meets(constraint))
            .map(|constraint| {
                let left = text(constraint, "LTarget");
                let shown = format!(
                    "{left} {} {}",
                    text(constraint, "Operand"),
                    text(constraint, "RTarget")
                );
                let escaped = left.contains(".unique.");
                (
                    metrics(json!({ shown: 1 }), Value::Object(available), 1),
                    escaped,
                )
            })
    }

    /// Whether the one node there is meets a constraint. Operands beyond
    /// equality and presence always hold.
    fn meets(&self, constraint: &Value) -> bool {
        let target = |field: &str| {
            let raw = text(constraint, field);
            match raw
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'))
            {
                Some(name) => driver::node_value(self, name),
                None => Some(raw),
            }
        };
        let (left, right) = (target("LTarget"), target("RTarget"));
        match text(constraint, "Operand").as_str() {
            "=" | "==" | "is" | "" => left.is_some() && left == right,
            "!=" | "not" => left != right,
            "is_set" => left.is_some(),
            "is_not_set" => left.is_none(),
            _ => true,
        }
    }

    fn stop(&mut self, id: &str, why: &'static str, index: u64) {
        self.touch_alloc(id, index);
        let Some(alloc) = self.allocs.get_mut(id) else {
            return;
        };
        alloc.desired = "stop";
        alloc.desired_description = why;
        alloc.alloc_modify_index = index;
        if matches!(alloc.client, "pending" | "running") {
            self.later(self.pace.stop, Action::Stopped(id.to_owned()));
        }
    }

    fn update_in_place(&mut self, id: &str, deployment: &str, index: u64) {
        self.touch_alloc(id, index);
        let Some(alloc) = self.allocs.get_mut(id) else {
            return;
        };
        let Some(job) = self.jobs.get(&alloc.job_id) else {
            return;
        };
        alloc.job = Arc::clone(&job.doc);
        alloc.version = job.version;
        alloc.alloc_modify_index = index;
        alloc.deployment = deployment.to_owned();
        alloc.health = None;
        if alloc.client == "running" {
            self.later(self.pace.healthy, Action::Healthy(id.to_owned()));
        }
    }

    fn place(&mut self, placement: Placement, eval: &Eval, index: u64) {
        let Some(job) = self.jobs.get_mut(&eval.job_id) else {
            return;
        };
        let now = go::now_nanoseconds();
        let id = self
            .reserved
            .remove(&(eval.job_id.clone(), placement.group.clone()))
            .unwrap_or_else(new_id);
        let mut tracker = Vec::new();
        let mut previous_id = String::new();
        if let Some(previous) = placement.previous
            && let Some(old) = self.allocs.get_mut(&previous)
        {
            old.next.clone_from(&id);
            tracker.clone_from(&old.tracker);
            tracker.push(json!({
                "Delay": 30_000_000_000_i64,
                "PrevAllocID": old.id,
                "PrevNodeID": self.agent.node,
                "RescheduleTime": now,
            }));
            previous_id = previous;
        }
        let counts = job.summary.entry(placement.group.clone()).or_default();
        counts.starting += 1;
        counts.queued = (counts.queued - 1).max(0);
        job.summary_index = index;
        job.stub = None;
        self.links
            .entry(eval.job_id.clone())
            .or_default()
            .allocs
            .push(id.clone());
        let alloc = Alloc {
            id: id.clone(),
            eval: eval.id.clone(),
            job_id: eval.job_id.clone(),
            job: Arc::clone(&job.doc),
            version: job.version,
            group: placement.group,
            name: placement.name,
            create_index: index,
            modify_index: index,
            alloc_modify_index: index,
            create_time: now,
            modify_time: now,
            desired: "run",
            desired_description: "",
            client: "pending",
            client_description: "",
            deployment: eval.deployment.clone(),
            health: None,
            reschedule: false,
            followup: String::new(),
            previous: previous_id,
            next: String::new(),
            tracker,
            tasks: Vec::new(),
            stub: None,
        };
        self.tables.summaries = index;
        self.tables.allocs = index;
        self.allocs.insert(id.clone(), alloc);
        self.later(self.pace.start, Action::Start(id));
    }

    /// The wait before a failed allocation is tried elsewhere, in nanoseconds;
    /// `None` when its group's policy does not want that.
    pub(crate) fn reschedule_delay(&self, alloc: &str) -> Option<i64> {
        let alloc = self.allocs.get(alloc)?;
        let policy = list(&alloc.job, "TaskGroups")
            .iter()
            .find(|group| text(group, "Name") == alloc.group)?
            .get("ReschedulePolicy")?;
        let number = |field: &str| {
            policy
                .get(field)
                .and_then(Value::as_i64)
                .unwrap_or_default()
        };
        let unlimited = policy
            .get("Unlimited")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let tried = i64::try_from(alloc.tracker.len()).unwrap_or(i64::MAX);
        if !unlimited && (number("Attempts") <= tried || number("Interval") == 0) {
            return None;
        }
        let base = number("Delay");
        let delay = match policy.get("DelayFunction").and_then(Value::as_str) {
            Some("constant") => base,
            _ => {
                let doublings = u32::try_from(tried.min(30)).unwrap_or(30);
                base.saturating_mul(2_i64.saturating_pow(doublings))
            }
        };
        let ceiling = number("MaxDelay");
        Some(if ceiling > 0 {
            delay.min(ceiling)
        } else {
            delay
        })
    }

    /// Leaves a pending evaluation that will place a failed allocation anew
    /// (recording 012 of the 4.x set).
    fn delay_reschedule(&mut self, alloc: &str, by: &Eval, index: u64) {
        let Some(delay) = self.reschedule_delay(alloc) else {
            return;
        };
        let wait = self.pace.scaled(delay);
        let mut eval = self.new_eval(&by.job_id, "alloc-failure", index);
        "created for delayed rescheduling".clone_into(&mut eval.description);
        eval.previous.clone_from(&by.id);
        eval.snapshot_index = by.snapshot_index;
        let wait_nanoseconds = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
        eval.wait_until = Some(go::now_nanoseconds().saturating_add(wait_nanoseconds));
        let id = eval.id.clone();
        self.put_eval(eval);
        self.touch_alloc(alloc, index);
        if let Some(alloc) = self.allocs.get_mut(alloc) {
            alloc.followup.clone_from(&id);
        }
        self.later(wait, Action::Schedule(id));
    }

    /// The deployment that a plan belongs to: made when something new is
    /// placed for this version.
    fn deploy(&mut self, job_id: &JobKey, index: u64, placements: &[Placement]) -> Option<String> {
        let job = self.jobs.get(job_id).filter(|job| !job.stopped)?;
        let version = job.version;
        if let Some(newest) = self.deployments_of(job_id).next_back()
            && newest.version == version
            && newest.job_create_index == job.create_index
        {
            return Some(newest.id.clone());
        }
        let why = "Cancelled due to newer version of job";
        let rolling: Vec<&Value> = list(&job.doc, "TaskGroups")
            .iter()
            .filter(|group| group.get("Update").is_some_and(|update| !update.is_null()))
            .collect();
        let wanted = rolling.iter().any(|group| {
            let name = text(group, "Name");
            placements.iter().any(|placement| placement.group == name)
        });
        if !wanted {
            self.close_deployments(job_id, why, index);
            return None;
        }
        let now = go::now_nanoseconds();
        let groups = rolling
            .into_iter()
            .map(|group| {
                let name = text(group, "Name");
                let deadline = group
                    .pointer("/Update/ProgressDeadline")
                    .and_then(Value::as_i64)
                    .unwrap_or(600_000_000_000);
                let placed = placements
                    .iter()
                    .filter(|placement| placement.group == name)
                    .count();
                let rollout = Rollout {
                    desired: group.get("Count").and_then(Value::as_i64).unwrap_or(1),
                    placed: i64::try_from(placed).unwrap_or(0),
                    healthy: 0,
                    unhealthy: 0,
                    progress_deadline: deadline,
                    require_by: now.saturating_add(deadline),
                };
                (name, rollout)
            })
            .collect();
        let deployment = Deployment {
            id: new_id(),
            job_id: job_id.clone(),
            version,
            job_create_index: job.create_index,
            job_modify_index: job.job_modify_index,
            create_index: index,
            modify_index: index,
            status: "running",
            description: "Deployment is running",
            groups,
        };
        let id = deployment.id.clone();
        self.close_deployments(job_id, why, index);
        self.deployments.insert(id.clone(), deployment);
        self.tables.deployments = index;
        self.links
            .entry(job_id.clone())
            .or_default()
            .deployments
            .push(id.clone());
        Some(id)
    }

    fn close_deployments(&mut self, job: &JobKey, why: &'static str, index: u64) {
        let Some(links) = self.links.get(job) else {
            return;
        };
        for id in &links.deployments {
            if let Some(deployment) = self.deployments.get_mut(id)
                && deployment.status == "running"
            {
                deployment.status = "cancelled";
                deployment.description = why;
                deployment.modify_index = index;
                self.tables.deployments = index;
            }
        }
    }

    /// An allocation has run long enough: its deployment counts it, and when
    /// it was the last one the job's version is stable (recording 026 ff.).
    pub(crate) fn became_healthy(&mut self, id: &str) {
        let Some(alloc) = self.allocs.get(id) else {
            return;
        };
        if alloc.client != "running" || alloc.desired != "run" || alloc.health.is_some() {
            return;
        }
        // A restart begins the wait anew, with a timer of its own.
        let wait = i64::try_from(self.pace.healthy.as_nanos()).unwrap_or(i64::MAX);
        let since = go::now_nanoseconds().saturating_sub(wait);
        let steady =
            |task: &Task| task.state == "running" && task.started.is_some_and(|at| at <= since);
        if !alloc.tasks.iter().all(steady) {
            return;
        }
        let deployment_id = alloc.deployment.clone();
        if self
            .deployments
            .get(&deployment_id)
            .is_none_or(|d| d.status != "running")
        {
            return;
        }
        let index = self.next_index();
        self.touch_alloc(id, index);
        let now = go::now_nanoseconds();
        let Some(alloc) = self.allocs.get_mut(id) else {
            return;
        };
        alloc.health = Some(super::state::Health {
            healthy: true,
            at: now,
            index,
        });
        let Some(deployment) = self.deployments.get_mut(&deployment_id) else {
            return;
        };
        if let Some(rollout) = deployment.groups.get_mut(&alloc.group) {
            rollout.healthy += 1;
            rollout.require_by = now.saturating_add(rollout.progress_deadline);
        }
        deployment.modify_index = index;
        self.tables.deployments = index;
        if deployment
            .groups
            .values()
            .any(|rollout| rollout.healthy < rollout.desired)
        {
            return;
        }
        let job_id = deployment.job_id.clone();
        self.watcher_eval(&job_id, &deployment_id);
        let index = self.next_index();
        if let Some(deployment) = self.deployments.get_mut(&deployment_id) {
            deployment.status = "successful";
            deployment.description = "Deployment completed successfully";
            deployment.modify_index = index;
        }
        self.tables.deployments = index;
        self.tables.allocs = index;
        self.tables.jobs = index;
        self.edit_job(&job_id, |job| {
            job.stable = true;
            job.modify_index = index;
        });
    }

    /// The deployment watcher lets go of an allocation that failed: it may be
    /// rescheduled from here on (recording 068: `Reschedule: true`).
    pub(crate) fn became_unhealthy(&mut self, id: &str) {
        let Some(alloc) = self.allocs.get(id) else {
            return;
        };
        let (job, deployment) = (alloc.job_id.clone(), alloc.deployment.clone());
        if self
            .deployments
            .get(&deployment)
            .is_none_or(|d| d.status != "running")
        {
            return;
        }
        let index = self.watcher_eval(&job, &deployment);
        self.touch_alloc(id, index);
        if let Some(alloc) = self.allocs.get_mut(id) {
            alloc.reschedule = true;
        }
    }

    fn watcher_eval(&mut self, job: &JobKey, deployment: &str) -> u64 {
        let index = self.next_index();
        let mut eval = self.new_eval(job, "deployment-watcher", index);
        eval.job_modify_index = 0;
        deployment.clone_into(&mut eval.deployment);
        let id = eval.id.clone();
        self.put_eval(eval);
        self.later(Duration::ZERO, Action::Schedule(id));
        index
    }

    /// `/v1/system/gc`: forgets finished evaluations and allocations, closed
    /// deployments, and jobs that were stopped. A job with Count 0 is not
    /// stopped: it stays.
    pub(crate) fn collect_garbage(&mut self) {
        let index = self.next_index();
        let collectable = |state: &Self, alloc: &Alloc| {
            if !alloc.terminal() || alloc.client == "running" {
                return false;
            }
            let over = state
                .jobs
                .get(&alloc.job_id)
                .is_none_or(|job| job.stopped || job.status == "dead");
            over || alloc.desired == "stop"
                || alloc.client != "failed"
                || state.reschedule_delay(&alloc.id).is_none()
                || !alloc.next.is_empty()
        };
        let keeping: HashSet<&str> = self
            .allocs
            .values()
            .filter(|alloc| !collectable(self, alloc))
            .map(|alloc| alloc.eval.as_str())
            .collect();
        let evals: HashSet<String> = self
            .evals
            .values()
            .filter(|eval| eval.terminal() && !keeping.contains(eval.id.as_str()))
            .map(|eval| eval.id.clone())
            .collect();
        self.evals.retain(|id, _| !evals.contains(id));
        // An allocation goes with its evaluation, or after it.
        let allocs: HashSet<String> = self
            .allocs
            .values()
            .filter(|alloc| !self.evals.contains_key(&alloc.eval) && collectable(self, alloc))
            .map(|alloc| alloc.id.clone())
            .collect();
        self.allocs.retain(|id, _| !allocs.contains(id));
        let held: HashSet<String> = self.allocs.values().map(|a| a.deployment.clone()).collect();
        self.deployments
            .retain(|id, d| d.status == "running" || held.contains(id));
        let gone: Vec<JobKey> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.stopped && job.status == "dead")
            .filter(|(id, _)| {
                self.allocs_of(id).next().is_none() && self.evals_of(id).next().is_none()
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in &gone {
            self.jobs.remove(id);
        }
        for links in self.links.values_mut() {
            links.allocs.retain(|id| self.allocs.contains_key(id));
            links.evals.retain(|id| self.evals.contains_key(id));
            links
                .deployments
                .retain(|id| self.deployments.contains_key(id));
        }
        self.links.retain(|id, links| {
            self.jobs.contains_key(id)
                || !(links.allocs.is_empty()
                    && links.evals.is_empty()
                    && links.deployments.is_empty())
        });
        self.tables.evals = index;
        self.tables.allocs = index;
        if !gone.is_empty() {
            self.tables.jobs = index;
        }
    }
}

/// What an evaluation wants done.
#[derive(Default)]
struct Plan {
    stops: Vec<(String, &'static str)>,
    in_place: Vec<String>,
    placements: Vec<Placement>,
    followups: Vec<String>,
    failed: BTreeMap<String, Value>,
    queued: BTreeMap<String, i64>,
    escaped: bool,
}

/// Nomad's `tasksUpdated`: whether a group's tasks must be replaced to get
/// from one job to the other.
fn destructive(old: &Value, new: &Value, group: &str) -> bool {
    let find = |job: &Value| {
        list(job, "TaskGroups")
            .iter()
            .find(|g| text(g, "Name") == group)
            .cloned()
    };
    let (Some(before), Some(after)) = (find(old), find(new)) else {
        return true;
    };
    for field in [
        "EphemeralDisk",
        "Networks",
        "Affinities",
        "Spreads",
        "Consul",
        "Volumes",
    ] {
        if before.get(field) != after.get(field) {
            return true;
        }
    }
    for field in ["Affinities", "Spreads"] {
        if old.get(field) != new.get(field) {
            return true;
        }
    }
    let (tasks_before, tasks_after) = (list(&before, "Tasks"), list(&after, "Tasks"));
    if tasks_before.len() != tasks_after.len() {
        return true;
    }
    tasks_before.iter().any(|task| {
        let name = text(task, "Name");
        let Some(other) = tasks_after.iter().find(|t| text(t, "Name") == name) else {
            return true;
        };
        let differs = [
            "Driver",
            "User",
            "Config",
            "Env",
            "Artifacts",
            "Vault",
            "Templates",
            "CSIPluginConfig",
            "Resources",
            "Affinities",
            "VolumeMounts",
            "Lifecycle",
        ]
        .iter()
        .any(|field| task.get(field) != other.get(field));
        differs || combined_meta(old, &before, task) != combined_meta(new, &after, other)
    })
}

/// The Meta a task sees: the job's, overlaid by the group's and its own.
fn combined_meta(job: &Value, group: &Value, task: &Value) -> BTreeMap<String, Value> {
    [job, group, task]
        .into_iter()
        .filter_map(|level| level.get("Meta").and_then(Value::as_object))
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// A text field of a document, empty when it is absent.
pub(crate) fn text(value: &Value, field: &str) -> String {
    value
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
