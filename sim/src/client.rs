//! Nomad's client: what becomes of an allocation.
//!
//! A placed allocation's tasks are received, set up, checked and started. Failing
//! tasks go through their restart policy as the recordings show it (066 to 071),
//! event by event. On 4.x the failure of one side shows on the other: the Dest
//! restarts whenever its Src does, and a target that cannot be reached fails the
//! Src as well.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use crate::driver::{self, Side};
use crate::json::{integer, list, named, text};
use crate::objects::{JobKey, Task};
use crate::options::Plugin;
use crate::state::State;
use crate::timers::{Action, TaskId};
use crate::{events, go, pair, plugin_schema, template};

/// Why a task that never started is not started again.
const UNRECOVERABLE: &str = "Error was unrecoverable";

/// What is known of a task of an allocation: where it stands in its job.
struct Place {
    key: JobKey,
    job: Arc<Value>,
    group: Value,
    task: Value,
    side: Option<Side>,
}

impl Place {
    /// The name under which the plugin knows the job.
    fn name(&self) -> &str {
        text(&self.job, "Name")
    }

    fn is_dtle(&self) -> bool {
        text(&self.task, "Driver") == "dtle"
    }
}

impl State {
    fn place_of(&self, id: &TaskId) -> Option<Place> {
        let alloc = self.allocs.get(&id.alloc)?;
        let group = named(&alloc.job, "TaskGroups", &alloc.group)?.clone();
        let mut place = Place {
            key: alloc.job_id.clone(),
            job: Arc::clone(&alloc.job),
            task: named(&group, "Tasks", &id.name)?.clone(),
            group,
            side: None,
        };
        if place.is_dtle() {
            place.side = Side::of(self.plugin, &alloc.group, &id.name);
        }
        Some(place)
    }

    /// The client takes up a new allocation.
    pub(crate) fn start_alloc(&mut self, id: &str) {
        let Some(alloc) = self.allocs.get_mut(id) else {
            return;
        };
        if alloc.desired != "run" || alloc.client != "pending" {
            return;
        }
        let key = alloc.job_id.clone();
        let group = named(&alloc.job, "TaskGroups", &alloc.group);
        let tasks = group.map_or(&[][..], |group| list(group, "Tasks")).iter();
        alloc.tasks = tasks
            .map(|task| Task {
                name: text(task, "Name").to_owned(),
                driver: text(task, "Driver").to_owned(),
                state: "pending",
                events: events::received().into(),
                ..Task::default()
            })
            .collect();
        let index = self.next_index();
        self.set_client_status(id, "running", "Tasks are running", index);
        for task in self.task_ids(id) {
            self.validate_and_start(&task, index);
        }
        self.refresh_status(&key, index);
    }

    fn validate_and_start(&mut self, id: &TaskId, index: u64) {
        let Some(place) = self.place_of(id) else {
            return;
        };
        let mut faults = Vec::new();
        let sent = place.task.get("Config").filter(|sent| !sent.is_null());
        let mut config = sent.cloned().unwrap_or_else(|| json!({}));
        let lookup = |variable: &str| self.template_value(&id.alloc, &place, variable);
        template::render(&mut config, &lookup, &mut faults);
        if place.is_dtle() && faults.is_empty() {
            faults = plugin_schema::faults(self.plugin, &config);
        }
        if !faults.is_empty() {
            faults.insert(0, "failed to parse config: ".to_owned());
            let event = events::failed_validation(&go::multierror(&faults));
            return self.fail(id, vec![event], UNRECOVERABLE, index);
        }
        if let Some(task) = self.task_mut(id) {
            task.config = Some(config);
        }
        let refusal = driver::refusal(self.plugin, place.name(), place.side, &place.task);
        if let Some(error) = refusal.filter(|_| place.is_dtle()) {
            let event = events::driver_failure(&error);
            return self.fail(id, vec![event], UNRECOVERABLE, index);
        }
        self.started(id, &place);
    }

    /// The value of a name in a template.
    fn template_value(&self, alloc: &str, place: &Place, name: &str) -> Option<String> {
        if let Some(value) = self.node_value(name) {
            return Some(value);
        }
        let alloc = self.allocs.get(alloc)?;
        let name = name.strip_prefix("env.").unwrap_or(name);
        let value = match name {
            "NOMAD_ALLOC_ID" => &alloc.id,
            "NOMAD_ALLOC_NAME" => &alloc.name,
            "NOMAD_ALLOC_INDEX" => "0",
            "NOMAD_JOB_ID" => place.key.id(),
            "NOMAD_JOB_NAME" => place.name(),
            "NOMAD_GROUP_NAME" => &alloc.group,
            "NOMAD_TASK_NAME" => text(&place.task, "Name"),
            "NOMAD_DC" => &self.agent.datacenter,
            "NOMAD_REGION" => &self.agent.region,
            other => {
                let key = other.strip_prefix("NOMAD_META_")?;
                let levels = [&place.task, &place.group, &*place.job].into_iter();
                let mut metas = levels.filter_map(|level| level.get("Meta")?.get(key));
                metas.find_map(Value::as_str)?
            }
        };
        Some(value.to_owned())
    }

    /// A task's driver has started it.
    fn started(&mut self, id: &TaskId, place: &Place) {
        let Some(task) = self.task_mut(id) else {
            return;
        };
        task.tell(events::plain("Started", "Task started by client"));
        task.state = "running";
        task.started = Some(go::now_nanoseconds());
        task.finished = None;
        task.staged = false;
        let restarts = task.restarts;
        let Some(side) = place.side else { return };
        let registered = self.jobs.get(&place.key).map(|job| Arc::clone(&job.doc));
        let job = registered.unwrap_or_default();
        let failure = driver::failure(self.plugin, &job, side, &place.task);
        self.join_pair(place.name(), side, id, failure.is_none());
        if let Some(message) = failure {
            let action = Action::Terminate(id.clone(), restarts, message);
            self.later(self.pace.start, action);
        }
    }

    /// A task's driver gives up; `restarts` tells which start this is about.
    pub(crate) fn terminate_task(&mut self, id: &TaskId, restarts: u64, message: &str) {
        let alloc = self.allocs.get(&id.alloc);
        let wanted = alloc.is_some_and(|alloc| alloc.desired == "run");
        let (Some(place), true) = (self.place_of(id), wanted) else {
            return;
        };
        let policy = place.task.get("RestartPolicy").cloned().unwrap_or_default();
        let number = |field: &str| integer(&policy, field).unwrap_or_default();
        let interval = self.pace.scaled(number("Interval"));
        let Some(task) = self.task_mut(id) else {
            return;
        };
        if task.state != "running" || task.restarts != restarts {
            return;
        }
        task.attempts.retain(|at| at.elapsed() < interval);
        task.tell(events::terminated(message));
        let used = i64::try_from(task.attempts.len()).unwrap_or(i64::MAX);
        let allowed = number("Attempts");
        let index = self.next_index();
        self.leave_pair(place.name(), place.side, &id.alloc);
        if used >= allowed && text(&policy, "Mode") == "fail" {
            let interval = go::duration(number("Interval"));
            let reason = match allowed {
                0 => "Policy allows no restarts".to_owned(),
                _ => format!(
                    "Exceeded allowed attempts {allowed} in interval {interval} and mode is \"fail\""
                ),
            };
            return self.fail(id, Vec::new(), &reason, index);
        }
        // Up to a quarter of jitter, made from the clock: nothing rests on it.
        let jitter = number("Delay") / 100 * (go::now_nanoseconds() / 1_000 % 25);
        let (delay, reason) = if used >= allowed {
            let reason = "Exceeded allowed attempts, applying a delay";
            (number("Interval"), reason)
        } else {
            (number("Delay") + jitter, "Restart within policy")
        };
        if let Some(task) = self.task_mut(id) {
            task.attempts.push(Instant::now());
            task.state = "pending";
            task.restarts += 1;
            task.last_restart = Some(go::now_nanoseconds());
            task.tell(events::restarting(delay, reason));
        }
        self.recount(&id.alloc, index);
        let action = Action::Restart(id.clone());
        self.later(self.pace.scaled(delay), action);
    }

    /// The restart's delay is over.
    pub(crate) fn restart_task(&mut self, id: &TaskId) {
        let alloc = self.allocs.get(&id.alloc);
        let wanted = alloc.is_some_and(|alloc| alloc.desired == "run" && alloc.client != "failed");
        let (Some(place), true) = (self.place_of(id), wanted) else {
            return;
        };
        let index = self.next_index();
        self.started(id, &place);
        self.recount(&id.alloc, index);
        // 4.x: a Src that starts anew resets NatsAddr, and the Dest notices
        // (recording 068 of the 4.x set). One that cannot reach its target gives up for
        // that reason.
        let pair = self.pairs.get(place.name());
        let dest = pair.and_then(|pair| pair.dest.clone());
        if let Some(dest) = dest.filter(|dest| dest.connected)
            && self.plugin == Plugin::V4
            && place.side == Some(Side::Src)
        {
            let restarts = self.task(&dest.task).map_or(0, |task| task.restarts);
            let message = "DstPutNats: NatsAddr changed to wait. will restart dst";
            self.terminate_task(&dest.task, restarts, message);
        }
    }

    /// Nomad's client status of an allocation follows from its tasks.
    fn recount(&mut self, id: &str, index: u64) {
        let Some(alloc) = self.allocs.get(id) else {
            return;
        };
        let any = |state: &str| alloc.tasks.iter().any(|task| task.state == state);
        let (status, description) = if alloc.tasks.iter().any(|task| task.failed) {
            ("failed", "Failed tasks")
        } else if any("running") {
            ("running", "Tasks are running")
        } else if any("pending") {
            ("pending", "No tasks have started")
        } else {
            ("complete", "All tasks have completed")
        };
        self.set_client_status(id, status, description, index);
    }

    /// A task has failed for good, and its allocation with it. It is told these events,
    /// and then why it is not restarted.
    fn fail(&mut self, id: &TaskId, mut told: Vec<Value>, reason: &str, index: u64) {
        let Some(alloc) = self.allocs.get_mut(&id.alloc) else {
            return;
        };
        told.push(events::not_restarting(reason));
        for task in &mut alloc.tasks {
            if task.name == id.name {
                task.failed = true;
                told.drain(..).for_each(|event| task.tell(event));
            } else if task.state != "dead" {
                task.tell(events::sibling_failed(&id.name));
            }
            task.state = "dead";
            task.finished = Some(go::now_nanoseconds());
        }
        self.recount(&id.alloc, index);
        let Some(place) = self.place_of(id) else {
            return;
        };
        self.leave_pair(place.name(), place.side, &id.alloc);
        if place.side == Some(Side::Src) {
            self.source_lost(place.name());
        }
        self.refresh_status(&place.key, index);
        if self.reschedule_delay(&id.alloc).is_some() {
            self.enqueue(self.new_eval(&place.key, "alloc-failure", index));
        }
    }

    /// The client has stopped an allocation that the servers wanted stopped.
    pub(crate) fn stopped(&mut self, id: &str) {
        let Some(alloc) = self.allocs.get(id) else {
            return;
        };
        if !matches!(alloc.client, "pending" | "running") {
            return;
        }
        let key = alloc.job_id.clone();
        let index = self.next_index();
        for task_id in self.task_ids(id) {
            let Some(place) = self.place_of(&task_id) else {
                continue;
            };
            self.leave_pair(place.name(), place.side, id);
            let timeout = integer(&place.task, "KillTimeout").unwrap_or(5_000_000_000);
            let task = self.task_mut(&task_id);
            let Some(task) = task.filter(|task| task.state != "dead") else {
                continue;
            };
            if task.state == "running" {
                let [killing, terminated] = events::stopping(timeout);
                task.tell(killing);
                task.tell(terminated);
            }
            task.tell(events::plain("Killed", "Task successfully killed"));
            task.state = "dead";
            task.finished = Some(go::now_nanoseconds());
        }
        self.set_client_status(id, "complete", "All tasks have completed", index);
        self.refresh_status(&key, index);
    }

    /// A signal to one task, as its driver takes it. `Err` is the text of the
    /// error it comes back with, and dtle's statistics are such an error.
    pub(crate) fn signal_task(&mut self, id: &TaskId, signal: &str) -> Result<(), String> {
        let task = self.task(id).ok_or("Task not found")?;
        if task.state != "running" {
            return Err("Task not running".to_owned());
        }
        let dtle = task.driver == "dtle";
        self.tell_task(id, events::signaling(signal));
        if !dtle {
            return Ok(());
        }
        if self.plugin == Plugin::V4 {
            let message = format!("Task receive signal {signal}");
            self.tell_task(id, events::driver(&message));
        }
        let statistics = self.statistics(id).filter(|_| signal == "stats");
        let text = match (statistics, self.plugin) {
            (Some(statistics), _) => statistics,
            (None, Plugin::V4) => "DTLE_BUG SignalTask. should not reach here".to_owned(),
            (None, Plugin::V3) => return Ok(()),
        };
        Err(format!("rpc error: code = Unknown desc = {text}"))
    }

    /// The statistics a task has, as the plugin words them; `None` until it
    /// has any.
    fn statistics(&self, id: &TaskId) -> Option<String> {
        let place = self.place_of(id)?;
        let (side, task) = (place.side?, self.task(id)?);
        if side == Side::Dest && !task.staged {
            return None;
        }
        let (pair, started) = (self.pairs.get(place.name())?, task.started?);
        Some(pair::statistics(
            self.plugin,
            side,
            pair,
            &self.pace,
            started,
        ))
    }
}
