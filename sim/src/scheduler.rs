//! The scheduler: from a registered job to allocations.
//!
//! It compares what the job wants with what there is. It stops what is too
//! much, replaces what has changed (a change of Config, or of Meta at any
//! level, is destructive; a change of, say, a restart policy is not), places
//! what is missing, and leaves a blocked evaluation behind for what fits
//! nowhere. The order of raft entries is Nomad's: blocked evaluation, plan,
//! evaluation done (recordings 075 to 078).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::data::Document;
use crate::driver;
use crate::go;
use crate::json::{extend, flag, integer, list, named, text};
use crate::objects::{Alloc, Eval, Job, new_id};
use crate::options::Era;
use crate::state::State;
use crate::timers::Action;

/// Why an allocation was stopped, in Nomad's words.
const NOT_NEEDED: &str = "alloc not needed due to job update";
const UPDATED: &str = "alloc is being updated due to job update";
const RESCHEDULED: &str = "alloc was rescheduled because it failed";

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

/// Something the scheduler wants to place.
struct Placement {
    group: String,
    name: String,
    /// What it takes the place of, and whether as another try of the same.
    previous: Option<(String, bool)>,
}

impl State {
    /// Takes up an evaluation.
    pub(crate) fn process(&mut self, id: &str) {
        let pending = self.evals.get(id).filter(|eval| eval.status == "pending");
        let Some(mut eval) = pending.cloned() else {
            return;
        };
        eval.snapshot_index = self.index;
        let plan = self.plan(&eval);
        let key = eval.job_id.clone();

        if !plan.failed.is_empty() {
            let index = self.next_index();
            let mut waiting = self.new_eval(&key, "queued-allocs", index);
            waiting.status = "blocked";
            "created to place remaining allocations".clone_into(&mut waiting.status_description);
            waiting.previous_eval.clone_from(&eval.id);
            waiting.snapshot_index = eval.snapshot_index;
            waiting.failed.clone_from(&plan.failed);
            waiting.escaped_computed_class = plan.escaped;
            eval.blocked_eval.clone_from(&waiting.id);
            self.put_eval(waiting);
        }
        for followup in plan.followups {
            let index = self.next_index();
            self.delay_reschedule(&followup, &eval, index);
        }
        if !plan.stops.is_empty() || !plan.placements.is_empty() || !plan.in_place.is_empty() {
            let index = self.next_index();
            for (alloc, why) in &plan.stops {
                self.stop(alloc, why, index);
            }
            for alloc in &plan.in_place {
                self.update_in_place(alloc, index);
            }
            for placement in plan.placements {
                self.place(placement, &eval, index);
            }
            self.refresh_status(&key, index);
        }

        let index = self.next_index();
        eval.queued_allocations = plan.queued;
        eval.failed = plan.failed;
        eval.status = "complete";
        eval.modify_index = index;
        eval.modify_time = go::now_nanoseconds();
        self.settle_blocked(&eval, index);
        if let Some(job) = self.jobs.get_mut(&key) {
            for (group, queued) in &eval.queued_allocations {
                let counts = job.summary.entry(group.clone()).or_default();
                if counts.queued != *queued {
                    counts.queued = *queued;
                    job.summary_index = index;
                    job.stub = None;
                    self.tables.summaries = index;
                }
            }
        }
        self.put_eval(eval);
        self.refresh_status(&key, index);
    }

    /// Ends the job's other blocked evaluations: a newer one took their place,
    /// or nothing is missing any more.
    fn settle_blocked(&mut self, by: &Eval, index: u64) {
        let links = self.links.get(&by.job_id);
        for id in links.into_iter().flat_map(|links| &links.evals) {
            let Some(eval) = self.evals.get_mut(id) else {
                continue;
            };
            if eval.status != "blocked" || eval.id == by.blocked_eval {
                continue;
            }
            eval.status = "canceled";
            eval.status_description = if by.blocked_eval.is_empty() {
                format!("evaluation {:?} successful", by.id)
            } else {
                let id = by.job_id.id();
                format!("existing blocked evaluation exists for job {id:?}")
            };
            eval.modify_index = index;
            eval.modify_time = go::now_nanoseconds();
        }
    }

    /// Compares what a job wants with what there is.
    fn plan(&self, eval: &Eval) -> Plan {
        let mut plan = Plan::default();
        let live =
            |alloc: &&Alloc| alloc.desired == "run" && !matches!(alloc.client, "complete" | "lost");
        let present: Vec<&Alloc> = self.allocs_of(&eval.job_id).filter(live).collect();
        let registered = self.jobs.get(&eval.job_id);
        let wanted = registered.filter(|job| !job.stopped);
        let no_group = |alloc: &&&Alloc| {
            wanted.is_none_or(|job| named(&job.doc, "TaskGroups", &alloc.group).is_none())
        };
        let superfluous = present.iter().filter(no_group);
        plan.stops = superfluous.map(|a| (a.id.clone(), NOT_NEEDED)).collect();
        match (wanted, registered) {
            (Some(job), _) => {
                for group in list(&job.doc, "TaskGroups") {
                    self.plan_group(job, group, eval, &present, &mut plan);
                }
            }
            (None, Some(job)) => {
                plan.queued = job.summary.keys().map(|group| (group.clone(), 0)).collect();
            }
            (None, None) => {}
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
        let count = usize::try_from(integer(group, "Count").unwrap_or(1)).unwrap_or(0);
        let unfit = self.unfit(&job.doc, group);
        let mut taken: Vec<String> = Vec::new();
        let mut wanted: Vec<Placement> = Vec::new();
        let mut place = |alloc_name: &str, previous: Option<(String, bool)>| {
            wanted.push(Placement {
                group: name.to_owned(),
                name: alloc_name.to_owned(),
                previous,
            });
        };
        let mut own: Vec<&&Alloc> = present.iter().filter(|alloc| alloc.group == name).collect();
        own.sort_by_key(|alloc| (alloc.name.len(), &alloc.name));
        for (position, alloc) in own.into_iter().enumerate() {
            if position >= count {
                plan.stops.push((alloc.id.clone(), NOT_NEEDED));
                continue;
            }
            taken.push(alloc.name.clone());
            let same_version =
                alloc.version == job.version && alloc.job_create_index() == Some(job.create_index);
            let failed = alloc.client == "failed" && alloc.next.is_empty();
            if failed && alloc.followup == eval.id {
                plan.stops.push((alloc.id.clone(), RESCHEDULED));
                place(&alloc.name, Some((alloc.id.clone(), true)));
            } else if same_version {
                let policy = || self.reschedule_delay(&alloc.id).is_some();
                if failed && alloc.followup.is_empty() && policy() {
                    plan.followups.push(alloc.id.clone());
                }
            } else if destructive(&alloc.job, &job.doc, name) || unfit.is_some() {
                plan.stops.push((alloc.id.clone(), UPDATED));
                place(&alloc.name, Some((alloc.id.clone(), false)));
            } else {
                plan.in_place.push(alloc.id.clone());
            }
        }
        let id = text(&job.doc, "ID");
        for slot in 0.. {
            if taken.len() >= count {
                break;
            }
            let candidate = format!("{id}.{name}[{slot}]");
            if !taken.contains(&candidate) {
                place(&candidate, None);
                taken.push(candidate);
            }
        }
        let missing = i64::try_from(wanted.len()).unwrap_or(i64::MAX);
        match unfit {
            Some((mut metrics, escaped)) if missing > 0 => {
                if let Some(failures) = metrics.get_mut("CoalescedFailures") {
                    *failures = Value::from(missing - 1);
                }
                plan.failed.insert(name.to_owned(), metrics);
                plan.escaped |= escaped;
                plan.queued.insert(name.to_owned(), missing);
            }
            _ => {
                plan.placements.append(&mut wanted);
                plan.queued.insert(name.to_owned(), 0);
            }
        }
    }

    /// Why a group fits on no node: the metrics of the failed placement, and
    /// whether a constraint named one node.
    fn unfit(&self, job: &Value, group: &Value) -> Option<(Value, bool)> {
        let here = self.agent.datacenter.as_str();
        let era = self.agent.rules.era;
        let datacenters = list(job, "Datacenters").iter().filter_map(Value::as_str);
        // Later releases know `*`, and count only datacenters that have nodes.
        let datacenters = datacenters.map(|dc| match dc {
            "*" if era != Era::First => here,
            dc => dc,
        });
        let available: Map<String, Value> = datacenters
            .filter(|dc| era == Era::First || *dc == here)
            .map(|dc| (dc.to_owned(), Value::from(u64::from(dc == here))))
            .collect();
        let evaluated = u64::from(available.contains_key(here));
        let tasks = list(group, "Tasks");
        let all = [job, group].into_iter().chain(tasks);
        let mut constraints = all.flat_map(|level| list(level, "Constraints"));
        let (filtered, escaped) = if evaluated == 0 {
            (Value::Null, false)
        } else if tasks.iter().any(|t| !driver::known(text(t, "Driver"))) {
            (json!({"missing drivers": 1}), false)
        } else {
            let constraint = constraints.find(|constraint| !self.meets(constraint))?;
            let [left, operand, right] =
                ["LTarget", "Operand", "RTarget"].map(|field| text(constraint, field));
            let shown = format!("{left} {operand} {right}");
            (json!({ shown: 1 }), left.contains(".unique."))
        };
        let mut metrics = era.document(Document::Metrics).clone();
        if metrics.get("NodesInPool").is_some() {
            extend(&mut metrics, json!({ "NodesInPool": evaluated }));
        }
        let found = json!({
            "ConstraintFiltered": filtered, "NodesAvailable": available,
            "NodesEvaluated": evaluated, "NodesFiltered": evaluated,
        });
        extend(&mut metrics, found);
        Some((metrics, escaped))
    }

    /// Whether the one node there is meets a constraint. Operands beyond
    /// equality and presence always hold.
    fn meets(&self, constraint: &Value) -> bool {
        let target = |field: &str| {
            let raw = text(constraint, field);
            let name = raw.strip_prefix("${").and_then(|it| it.strip_suffix('}'));
            match name {
                Some(name) => self.node_value(name),
                None => Some(raw.to_owned()),
            }
        };
        let (left, right) = (target("LTarget"), target("RTarget"));
        match text(constraint, "Operand") {
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

    fn update_in_place(&mut self, id: &str, index: u64) {
        self.touch_alloc(id, index);
        if let Some(alloc) = self.allocs.get_mut(id)
            && let Some(job) = self.jobs.get(&alloc.job_id)
        {
            alloc.job = Arc::clone(&job.doc);
            alloc.version = job.version;
            alloc.alloc_modify_index = index;
        }
    }

    fn place(&mut self, placement: Placement, eval: &Eval, index: u64) {
        let key = &eval.job_id;
        let Some(job) = self.jobs.get_mut(key) else {
            return;
        };
        let now = go::now_nanoseconds();
        let reserved = self
            .reserved
            .remove(&(key.clone(), placement.group.clone()));
        let mut alloc = Alloc {
            id: reserved.unwrap_or_else(new_id),
            eval: eval.id.clone(),
            job_id: key.clone(),
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
            client: "pending",
            ..Alloc::default()
        };
        if let Some((previous, again)) = placement.previous
            && let Some(old) = self.allocs.get_mut(&previous)
        {
            old.next.clone_from(&alloc.id);
            old.stub = None;
            if again {
                alloc.tracker.clone_from(&old.tracker);
                alloc.tracker.push(json!({
                    "Delay": 30_000_000_000_i64,
                    "PrevAllocID": old.id,
                    "PrevNodeID": self.agent.node,
                    "RescheduleTime": now,
                }));
            }
            alloc.previous = previous;
        }
        let counts = job.summary.entry(alloc.group.clone()).or_default();
        counts.starting += 1;
        counts.queued = (counts.queued - 1).max(0);
        job.summary_index = index;
        job.stub = None;
        let links = self.links.entry(key.clone()).or_default();
        links.allocs.push(alloc.id.clone());
        self.tables.summaries = index;
        self.tables.allocs = index;
        self.later(self.pace.start, Action::Start(alloc.id.clone()));
        self.allocs.insert(alloc.id.clone(), alloc);
    }

    /// The wait before a failed allocation is tried elsewhere, in nanoseconds;
    /// `None` when its group's policy does not want that.
    pub(crate) fn reschedule_delay(&self, alloc: &str) -> Option<i64> {
        let alloc = self.allocs.get(alloc)?;
        let group = named(&alloc.job, "TaskGroups", &alloc.group)?;
        let policy = group.get("ReschedulePolicy")?;
        let number = |field: &str| integer(policy, field).unwrap_or_default();
        let tried = u32::try_from(alloc.tracker.len()).unwrap_or(u32::MAX);
        let spent = number("Attempts") <= i64::from(tried) || number("Interval") == 0;
        if spent && !flag(policy, "Unlimited") {
            return None;
        }
        let delay = match text(policy, "DelayFunction") {
            "constant" => number("Delay"),
            _ => number("Delay").saturating_mul(2_i64.saturating_pow(tried.min(30))),
        };
        match number("MaxDelay") {
            ceiling if ceiling > 0 => Some(delay.min(ceiling)),
            _ => Some(delay),
        }
    }

    /// Leaves a pending evaluation that will place a failed allocation anew
    /// (recording 012 of the 4.x set).
    fn delay_reschedule(&mut self, alloc: &str, by: &Eval, index: u64) {
        let Some(delay) = self.reschedule_delay(alloc) else {
            return;
        };
        let wait = self.pace.scaled(delay);
        let mut eval = self.new_eval(&by.job_id, "alloc-failure", index);
        "created for delayed rescheduling".clone_into(&mut eval.status_description);
        eval.previous_eval.clone_from(&by.id);
        eval.snapshot_index = by.snapshot_index;
        let until = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
        eval.wait_until = go::rfc3339(go::now_nanoseconds().saturating_add(until));
        self.touch_alloc(alloc, index);
        if let Some(alloc) = self.allocs.get_mut(alloc) {
            alloc.followup.clone_from(&eval.id);
        }
        self.later(wait, Action::Schedule(eval.id.clone()));
        self.put_eval(eval);
    }
}

/// The fields of a group, and of a task, whose change replaces the task.
const OF_GROUP: &str = "EphemeralDisk Networks Affinities Spreads Consul Volumes";
const OF_TASK: &str = "Driver User Config Env Artifacts Vault Templates CSIPluginConfig \
                       Resources Affinities VolumeMounts Lifecycle";

/// Nomad's `tasksUpdated`: whether a group's tasks must be replaced to get
/// from one job to the other.
fn destructive(old: &Value, new: &Value, group: &str) -> bool {
    let find = |job| named(job, "TaskGroups", group);
    let (Some(before), Some(after)) = (find(old), find(new)) else {
        return true;
    };
    let differ = |fields: &str, one: &Value, other: &Value| {
        let mut fields = fields.split_whitespace();
        fields.any(|field| one.get(field) != other.get(field))
    };
    let tasks = list(before, "Tasks");
    differ("Affinities Spreads", old, new)
        || differ(OF_GROUP, before, after)
        || tasks.len() != list(after, "Tasks").len()
        || tasks.iter().any(|task| {
            named(after, "Tasks", text(task, "Name")).is_none_or(|other| {
                differ(OF_TASK, task, other)
                    || combined_meta([old, before, task]) != combined_meta([new, after, other])
            })
        })
}

/// The Meta a task sees: the job's, overlaid by the group's and its own.
fn combined_meta(levels: [&Value; 3]) -> BTreeMap<&String, &Value> {
    let metas = levels.into_iter().filter_map(|level| level.get("Meta"));
    metas.filter_map(Value::as_object).flatten().collect()
}
