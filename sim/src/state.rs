//! What the simulated servers know.
//!
//! One raft log (a counter), one table a kind of object, all behind one lock.
//! The documents a client sees are made from this by `documents`; encoded
//! bodies are kept beside the object until it changes, so that reading a job
//! costs a map lookup and a reference count. Everything that changes an object
//! does it here or calls [`State::next_index`], which is also what wakes
//! blocking queries.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{Notify, watch};

use super::clock::{Action, Timer};
use super::consul::Store;
use super::replication::Pair;
use super::{Pace, Plugin, go};

/// The index that a list of each kind reports.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tables {
    pub(crate) jobs: u64,
    pub(crate) summaries: u64,
    pub(crate) allocs: u64,
    pub(crate) evals: u64,
    pub(crate) deployments: u64,
    pub(crate) nodes: u64,
}

/// How many allocations of a group are in which state. `Complete`, `Failed`
/// and `Lost` only ever grow, as in Nomad.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) queued: i64,
    pub(crate) starting: i64,
    pub(crate) running: i64,
    pub(crate) complete: i64,
    pub(crate) failed: i64,
    pub(crate) lost: i64,
}

/// What names a job: an ID means one in each namespace. Ordered by namespace,
/// then ID, so that one namespace's IDs with a common beginning stand together.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct JobKey(String);

impl JobKey {
    /// Neither part may hold a NUL: Nomad refuses IDs with one.
    pub(crate) fn new(namespace: &str, id: &str) -> Self {
        Self(format!("{namespace}\0{id}"))
    }

    /// The key of a job's document.
    pub(crate) fn of(doc: &Value) -> Self {
        let text = |field: &str| doc.get(field).and_then(Value::as_str).unwrap_or_default();
        Self::new(text("Namespace"), text("ID"))
    }

    pub(crate) fn namespace(&self) -> &str {
        self.0
            .split_once('\0')
            .map_or("", |(namespace, _)| namespace)
    }

    pub(crate) fn id(&self) -> &str {
        self.0.split_once('\0').map_or("", |(_, id)| id)
    }
}

impl std::borrow::Borrow<str> for JobKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A registered job.
#[derive(Debug)]
pub(crate) struct Job {
    /// The full form, bookkeeping fields included.
    pub(crate) doc: Arc<Value>,
    /// Earlier versions, the newest first.
    pub(crate) earlier: Vec<Arc<Value>>,
    pub(crate) version: u64,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
    pub(crate) job_modify_index: u64,
    pub(crate) status: &'static str,
    pub(crate) stable: bool,
    pub(crate) stopped: bool,
    pub(crate) summary: BTreeMap<String, Counts>,
    pub(crate) summary_index: u64,
    /// The encoded job and list stub, until something changes.
    pub(crate) body: Option<Bytes>,
    pub(crate) stub: Option<Bytes>,
}

/// What belongs to a job ID, oldest first. It outlives a purge of the job, as
/// in Nomad, and a job made anew under the ID finds it.
#[derive(Debug, Default)]
pub(crate) struct Links {
    pub(crate) allocs: Vec<String>,
    pub(crate) evals: Vec<String>,
    pub(crate) deployments: Vec<String>,
}

/// A task of an allocation, as its client reports it.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) driver: String,
    /// `pending`, `running` or `dead`.
    pub(crate) state: &'static str,
    pub(crate) failed: bool,
    pub(crate) restarts: u64,
    pub(crate) last_restart: Option<i64>,
    pub(crate) started: Option<i64>,
    pub(crate) finished: Option<i64>,
    pub(crate) events: VecDeque<Value>,
    /// When it was restarted, for the restart policy's interval.
    pub(crate) attempts: Vec<Instant>,
    /// Told the stage `full` since it started (Dest only).
    pub(crate) staged: bool,
    /// What the plugin got as Config: templates rendered.
    pub(crate) config: Option<Value>,
}

/// Nomad keeps this many events of a task.
pub(crate) const EVENTS_KEPT: usize = 10;

impl Task {
    /// Adds an event, dropping the oldest when ten are there.
    pub(crate) fn tell(&mut self, event: Value) {
        while self.events.len() >= EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

/// What a deployment knows of an allocation's health.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Health {
    pub(crate) healthy: bool,
    pub(crate) at: i64,
    pub(crate) index: u64,
}

/// An allocation.
#[derive(Debug)]
pub(crate) struct Alloc {
    pub(crate) id: String,
    pub(crate) eval: String,
    pub(crate) job_id: JobKey,
    /// The job as it was when this was placed or updated in place.
    pub(crate) job: Arc<Value>,
    pub(crate) version: u64,
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
    /// Moves with the servers' own changes only.
    pub(crate) alloc_modify_index: u64,
    pub(crate) create_time: i64,
    pub(crate) modify_time: i64,
    pub(crate) desired: &'static str,
    pub(crate) desired_description: &'static str,
    pub(crate) client: &'static str,
    pub(crate) client_description: &'static str,
    pub(crate) deployment: String,
    pub(crate) health: Option<Health>,
    pub(crate) reschedule: bool,
    pub(crate) followup: String,
    pub(crate) previous: String,
    pub(crate) next: String,
    pub(crate) tracker: Vec<Value>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) stub: Option<Bytes>,
}

impl Alloc {
    /// Nomad's `TerminalStatus`: told to stop, or done by itself.
    pub(crate) fn terminal(&self) -> bool {
        self.desired == "stop" || matches!(self.client, "complete" | "failed" | "lost")
    }

    pub(crate) fn task_mut(&mut self, name: &str) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.name == name)
    }

    pub(crate) fn task(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == name)
    }
}

/// An evaluation. Empty fields are left out of its document.
#[derive(Debug, Default, Clone)]
pub(crate) struct Eval {
    pub(crate) id: String,
    pub(crate) job_id: JobKey,
    pub(crate) kind: String,
    pub(crate) priority: i64,
    pub(crate) trigger: &'static str,
    pub(crate) status: &'static str,
    pub(crate) description: String,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
    pub(crate) create_time: i64,
    pub(crate) modify_time: i64,
    pub(crate) job_modify_index: u64,
    pub(crate) snapshot_index: u64,
    pub(crate) deployment: String,
    pub(crate) previous: String,
    pub(crate) blocked: String,
    pub(crate) queued: BTreeMap<String, i64>,
    pub(crate) failed: BTreeMap<String, Value>,
    pub(crate) wait_until: Option<i64>,
    pub(crate) node: String,
    pub(crate) node_modify_index: u64,
    pub(crate) escaped: bool,
}

impl Eval {
    pub(crate) fn terminal(&self) -> bool {
        matches!(self.status, "complete" | "failed" | "canceled")
    }
}

/// A group in a deployment.
#[derive(Debug, Clone)]
pub(crate) struct Rollout {
    pub(crate) desired: i64,
    pub(crate) placed: i64,
    pub(crate) healthy: i64,
    pub(crate) unhealthy: i64,
    pub(crate) progress_deadline: i64,
    pub(crate) require_by: i64,
}

/// A deployment.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) job_id: JobKey,
    pub(crate) version: u64,
    pub(crate) job_create_index: u64,
    pub(crate) job_modify_index: u64,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
    pub(crate) status: &'static str,
    pub(crate) description: &'static str,
    pub(crate) groups: BTreeMap<String, Rollout>,
}

/// Who this agent is: its addresses are its own HTTP one and made-up RPC and
/// serf ports.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) node: String,
    pub(crate) name: String,
    pub(crate) build: String,
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
#[derive(Debug)]
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
    pub(crate) deployments: BTreeMap<String, Deployment>,
    /// The two sides of each replication, by the job's Name: the plugin's own
    /// notion of identity.
    pub(crate) pairs: HashMap<String, Pair>,
    pub(crate) consul: Store,
    /// The servers a client agent was told to use.
    pub(crate) servers: Vec<String>,
    pub(crate) timers: BinaryHeap<Reverse<Timer>>,
    pub(crate) timer_serial: u64,
    /// Allocation IDs to hand out, by (job, group), for the seed.
    pub(crate) reserved: HashMap<(JobKey, String), String>,
    pub(crate) node_modify_index: u64,
    changes: watch::Sender<u64>,
    wake: Arc<Notify>,
}

/// The indexes a fresh cluster has behind it when its node is ready
/// (recordings 006 and 010).
const FIRST_INDEX: u64 = 10;
pub(crate) const NODE_CREATE_INDEX: u64 = 7;
const NODE_MODIFY_INDEX: u64 = 9;

impl State {
    pub(crate) fn new(
        plugin: Plugin,
        plugin_version: String,
        pace: Pace,
        agent: Agent,
        changes: watch::Sender<u64>,
        wake: Arc<Notify>,
    ) -> Self {
        Self {
            plugin,
            plugin_version,
            pace,
            servers: vec![agent.rpc.clone()],
            agent,
            index: FIRST_INDEX,
            tables: Tables {
                nodes: NODE_MODIFY_INDEX,
                ..Tables::default()
            },
            namespaces: BTreeSet::from(["default".to_owned()]),
            jobs: BTreeMap::new(),
            links: HashMap::new(),
            allocs: BTreeMap::new(),
            evals: BTreeMap::new(),
            deployments: BTreeMap::new(),
            pairs: HashMap::new(),
            consul: Store::default(),
            timers: BinaryHeap::new(),
            timer_serial: 0,
            reserved: HashMap::new(),
            node_modify_index: NODE_MODIFY_INDEX,
            changes,
            wake,
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
        self.timer_serial += 1;
        let serial = self.timer_serial;
        self.timers.push(Reverse(Timer {
            at: Instant::now() + after,
            serial,
            action,
        }));
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

    /// Moves an allocation to another client status and keeps its job's
    /// summary in step.
    pub(crate) fn set_client_status(
        &mut self,
        id: &str,
        status: &'static str,
        description: &'static str,
        index: u64,
    ) {
        let Some(alloc) = self.allocs.get_mut(id) else {
            return;
        };
        let before = alloc.client;
        alloc.client = status;
        alloc.client_description = description;
        alloc.stub = None;
        if before == status {
            return;
        }
        let (job_id, group, created) = (
            alloc.job_id.clone(),
            alloc.group.clone(),
            alloc.create_index,
        );
        let Some(job) = self.jobs.get_mut(&job_id) else {
            return;
        };
        // A job that was purged and made anew does not count its
        // predecessor's allocations.
        if created < job.create_index {
            return;
        }
        let counts = job.summary.entry(group).or_default();
        match before {
            "pending" => counts.starting -= 1,
            "running" => counts.running -= 1,
            _ => {}
        }
        match status {
            "pending" => counts.starting += 1,
            "running" => counts.running += 1,
            "complete" => counts.complete += 1,
            "failed" => counts.failed += 1,
            "lost" => counts.lost += 1,
            _ => {}
        }
        job.summary_index = index;
        job.stub = None;
        self.tables.summaries = index;
    }

    /// Recomputes a job's status the way Nomad derives it: running while an
    /// allocation lives, pending while an evaluation waits, dead otherwise.
    pub(crate) fn refresh_status(&mut self, id: &JobKey, index: u64) {
        let Some(job) = self.jobs.get(id) else { return };
        let status = if self.allocs_of(id).any(|alloc| !alloc.terminal()) {
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

    /// The deployments under a job's ID, oldest first.
    pub(crate) fn deployments_of(
        &self,
        job: &JobKey,
    ) -> impl DoubleEndedIterator<Item = &Deployment> {
        let ids = self
            .links
            .get(job)
            .map_or(&[][..], |links| &links.deployments);
        ids.iter().filter_map(|id| self.deployments.get(id))
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
}

impl Job {
    /// Copies the bookkeeping into the document and forgets the encodings.
    pub(crate) fn sync(&mut self) {
        let Self {
            doc,
            version,
            create_index,
            modify_index,
            job_modify_index,
            status,
            stable,
            stopped,
            ..
        } = self;
        if let Some(map) = Arc::make_mut(doc).as_object_mut() {
            for (field, value) in [
                ("Version", Value::from(*version)),
                ("CreateIndex", Value::from(*create_index)),
                ("ModifyIndex", Value::from(*modify_index)),
                ("JobModifyIndex", Value::from(*job_modify_index)),
                ("Status", Value::from(*status)),
                ("Stable", Value::from(*stable)),
                ("Stop", Value::from(*stopped)),
            ] {
                map.insert(field.to_owned(), value);
            }
        }
        self.body = None;
        self.stub = None;
    }

    /// A text field of the document.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.doc
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// A random ID in the form Nomad gives its objects.
pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
