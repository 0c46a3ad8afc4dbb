//! What the simulated servers know.
//!
//! One raft log (a counter), one table a kind of object, all behind one lock.
//! The documents a client sees are made from this by `documents`; encoded
//! bodies are kept beside the object until it changes, so that reading a job
//! costs a map lookup and a reference count. Everything that changes an object
//! does it here or calls [`State::next_index`], which is also what wakes
//! blocking queries.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{Notify, watch};

use crate::go;
use crate::json::{integer, text};
use crate::objects::{Alloc, Eval, Job, JobKey, Links, Task, new_id};
use crate::options::{Pace, Plugin, Rules};
use crate::pair::Pair;
use crate::store::Store;
use crate::timers::{Action, TaskId, Timers};

/// The index that a list of each kind reports.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tables {
    pub(crate) jobs: u64,
    pub(crate) summaries: u64,
    pub(crate) allocs: u64,
    pub(crate) evals: u64,
    pub(crate) nodes: u64,
}

/// Who this agent is: its addresses are its own HTTP one and made-up RPC and
/// serf ports.
#[derive(Debug, Default, Clone)]
pub(crate) struct Agent {
    pub(crate) node: String,
    pub(crate) name: String,
    pub(crate) build: String,
    pub(crate) rules: Rules,
    pub(crate) datacenter: String,
    pub(crate) region: String,
    pub(crate) http: String,
    pub(crate) http_port: u16,
    pub(crate) rpc: String,
    pub(crate) rpc_port: u16,
    pub(crate) serf_port: u16,
    pub(crate) consul: String,
    pub(crate) nats: String,
    pub(crate) server: String,
    /// How many versions of a job the server keeps.
    pub(crate) job_tracked_versions: usize,
    pub(crate) started: i64,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) plugin: Plugin,
    pub(crate) plugin_version: String,
    pub(crate) pace: Pace,
    pub(crate) agent: Agent,
    pub(crate) index: u64,
    pub(crate) tables: Tables,
    /// The namespaces there are; `default` is one of them.
    pub(crate) namespaces: BTreeSet<String>,
    pub(crate) jobs: BTreeMap<JobKey, Job>,
    pub(crate) links: HashMap<JobKey, Links>,
    pub(crate) allocs: BTreeMap<String, Alloc>,
    pub(crate) evals: BTreeMap<String, Eval>,
    /// The two sides of each replication, by the job's Name: the plugin's own
    /// notion of identity.
    pub(crate) pairs: HashMap<String, Pair>,
    pub(crate) consul: Store,
    /// The servers a client agent was told to use.
    pub(crate) servers: Vec<String>,
    pub(crate) timers: Timers,
    timers_set: u64,
    /// Allocation IDs to hand out, by (job, group), for the seed.
    pub(crate) reserved: HashMap<(JobKey, String), String>,
    pub(crate) node_modify_index: u64,
    /// The index of the newest entry of the raft log, for those who wait for one.
    pub(crate) changes: watch::Sender<u64>,
    /// Wakes the clock.
    pub(crate) wake: Arc<Notify>,
}

/// The indexes a fresh cluster has behind it when its node is ready
/// (recordings 006 and 010).
const FIRST_INDEX: u64 = 10;
pub(crate) const NODE_CREATE_INDEX: u64 = 7;
const NODE_MODIFY_INDEX: u64 = 9;

impl State {
    /// A fresh cluster, whose node is ready.
    pub(crate) fn new(agent: Agent) -> Self {
        Self {
            servers: vec![agent.rpc.clone()],
            agent,
            index: FIRST_INDEX,
            tables: Tables {
                nodes: NODE_MODIFY_INDEX,
                ..Tables::default()
            },
            namespaces: BTreeSet::from(["default".to_owned()]),
            node_modify_index: NODE_MODIFY_INDEX,
            ..Self::default()
        }
    }

    /// A value of the node that constraints and templates can name.
    pub(crate) fn node_value(&self, name: &str) -> Option<String> {
        let value = match name {
            "node.unique.name" => &self.agent.name,
            "node.unique.id" => &self.agent.node,
            "node.datacenter" => &self.agent.datacenter,
            "node.region" => &self.agent.region,
            "node.class" => "",
            "attr.driver.dtle" => "1",
            "attr.driver.dtle.version" => &self.plugin_version,
            "attr.kernel.name" => "linux",
            "attr.cpu.arch" => "amd64",
            "attr.unique.hostname" => "vm",
            _ => return None,
        };
        Some(value.to_owned())
    }

    /// This server's ID in Raft.
    pub(crate) fn raft_id(&self) -> &str {
        match self.agent.rules.raft_ids {
            true => &self.agent.server,
            false => &self.agent.rpc,
        }
    }

    /// One more entry in the raft log. Wakes blocking queries, which look
    /// again once the lock is free.
    pub(crate) fn next_index(&mut self) -> u64 {
        self.index += 1;
        self.changes.send_replace(self.index);
        self.index
    }

    /// Does something later, on the simulation's own clock.
    pub(crate) fn later(&mut self, after: Duration, action: Action) {
        self.timers_set += 1;
        let due = (Instant::now() + after, self.timers_set);
        self.timers.insert(due, action);
        self.wake.notify_one();
    }

    /// Sets fields of a registered job's document and forgets its encodings.
    pub(crate) fn edit_job(&mut self, id: &JobKey, edit: impl FnOnce(&mut Job)) {
        if let Some(job) = self.jobs.get_mut(id) {
            edit(job);
            job.sync();
        }
    }

    /// Writes an allocation's change: index, time, encodings.
    pub(crate) fn touch_alloc(&mut self, id: &str, index: u64) {
        if let Some(alloc) = self.allocs.get_mut(id) {
            alloc.modify_index = index;
            alloc.modify_time = go::now_nanoseconds();
            alloc.stub = None;
            self.tables.allocs = index;
        }
    }

    /// A task of an allocation.
    pub(crate) fn task(&self, id: &TaskId) -> Option<&Task> {
        let mut tasks = self.allocs.get(&id.alloc)?.tasks.iter();
        tasks.find(|task| task.name == id.name)
    }

    /// A task of an allocation, to be changed.
    pub(crate) fn task_mut(&mut self, id: &TaskId) -> Option<&mut Task> {
        let mut tasks = self.allocs.get_mut(&id.alloc)?.tasks.iter_mut();
        tasks.find(|task| task.name == id.name)
    }

    /// The tasks of an allocation.
    pub(crate) fn task_ids(&self, alloc: &str) -> Vec<TaskId> {
        let tasks = self.allocs.get(alloc).into_iter().flat_map(|it| &it.tasks);
        tasks.map(|task| TaskId::new(alloc, &task.name)).collect()
    }

    /// Adds an event to a task and moves its allocation on.
    pub(crate) fn tell_task(&mut self, id: &TaskId, event: Value) {
        let index = self.next_index();
        self.touch_alloc(&id.alloc, index);
        if let Some(task) = self.task_mut(id) {
            task.tell(event);
        }
    }

    /// Moves an allocation to another client status and keeps its job's
    /// summary in step.
    pub(crate) fn set_client_status(
        &mut self,
        id: &str,
        status: &'static str,
        description: &'static str,
        index: u64,
    ) {
        self.touch_alloc(id, index);
        let Some(alloc) = self.allocs.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut alloc.client, status);
        alloc.client_description = description;
        let Some(job) = self.jobs.get_mut(&alloc.job_id) else {
            return;
        };
        // A job that was purged and made anew does not count its
        // predecessor's allocations.
        if before == status || alloc.create_index < job.create_index {
            return;
        }
        let counts = job.summary.entry(alloc.group.clone()).or_default();
        if matches!(before, "pending" | "running") {
            *counts.of(before) -= 1;
        }
        *counts.of(status) += 1;
        job.summary_index = index;
        job.stub = None;
        self.tables.summaries = index;
    }

    /// Recomputes a job's status the way Nomad derives it: running while an
    /// allocation lives, pending while an evaluation waits, dead otherwise.
    pub(crate) fn refresh_status(&mut self, id: &JobKey, index: u64) {
        let Some(job) = self.jobs.get(id) else { return };
        // Its deployment goes on while it waits for a node, or for another try.
        let deployed = self.agent.rules.deployments_run;
        let waits = |eval: &Eval| {
            deployed
                && (eval.status == "blocked" || !eval.terminal() && !eval.wait_until.is_empty())
        };
        let status =
            if self.allocs_of(id).any(|alloc| !alloc.terminal()) || self.evals_of(id).any(waits) {
                "running"
            } else if self.evals_of(id).any(|eval| !eval.terminal())
                || self
                    .links
                    .get(id)
                    .is_none_or(|l| l.evals.is_empty() && l.allocs.is_empty())
            {
                "pending"
            } else {
                "dead"
            };
        if status != job.status {
            self.edit_job(id, |job| {
                job.status = status;
                job.modify_index = index;
            });
            self.tables.jobs = index;
        }
    }

    /// The allocations under a job's ID, oldest first.
    pub(crate) fn allocs_of(&self, job: &JobKey) -> impl Iterator<Item = &Alloc> {
        let ids = self.links.get(job).map_or(&[][..], |links| &links.allocs);
        ids.iter().filter_map(|id| self.allocs.get(id))
    }

    /// The evaluations under a job's ID, oldest first.
    pub(crate) fn evals_of(&self, job: &JobKey) -> impl Iterator<Item = &Eval> {
        let ids = self.links.get(job).map_or(&[][..], |links| &links.evals);
        ids.iter().filter_map(|id| self.evals.get(id))
    }

    /// A new evaluation of a job, which is not stored yet.
    pub(crate) fn new_eval(&self, job: &JobKey, triggered_by: &'static str, index: u64) -> Eval {
        let now = go::now_nanoseconds();
        let registered = self.jobs.get(job);
        let doc = registered.map(|job| &*job.doc);
        Eval {
            id: new_id(),
            job_id: job.clone(),
            kind: doc.map_or("service", |doc| text(doc, "Type")).to_owned(),
            priority: doc.and_then(|doc| integer(doc, "Priority")).unwrap_or(50),
            triggered_by,
            status: "pending",
            create_index: index,
            modify_index: index,
            create_time: now,
            modify_time: now,
            job_modify_index: registered.map_or(0, |job| job.job_modify_index),
            ..Eval::default()
        }
    }

    /// Stores an evaluation and tells its job of it.
    pub(crate) fn put_eval(&mut self, eval: Eval) {
        self.tables.evals = eval.modify_index;
        let links = self.links.entry(eval.job_id.clone()).or_default();
        if !links.evals.contains(&eval.id) {
            links.evals.push(eval.id.clone());
        }
        self.evals.insert(eval.id.clone(), eval);
    }

    /// Stores a new evaluation, which a scheduler takes up later; returns its ID.
    pub(crate) fn enqueue(&mut self, eval: Eval) -> String {
        let (id, job, index) = (eval.id.clone(), eval.job_id.clone(), eval.modify_index);
        self.put_eval(eval);
        self.refresh_status(&job, index);
        self.later(self.pace.schedule, Action::Schedule(id.clone()));
        id
    }
}
