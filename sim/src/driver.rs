//! The client and its task drivers: what becomes of an allocation.
//!
//! A placed allocation's tasks are received, set up, checked and started; what
//! they do then is decided by their Config alone, so that a test can choose an
//! outcome by writing it down:
//!
//! - a MySQL connection to **port 1** is refused, any other works;
//! - Kafka is unreachable when **every broker is on this machine** (`127.*`,
//!   `localhost`, `::1`) or on port 1 (recording 069), reachable otherwise
//!   (`kafka:9092`);
//! - a Config the plugin's schema does not know fails before it starts.
//!
//! Failing tasks go through their restart policy as the recordings show it
//! (066 to 071), event by event. On 4.x the failure of one side shows on the
//! other: the Dest restarts whenever its Src does, and a target that cannot be
//! reached fails the Src as well.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::canonical::list;
use super::clock::Action;
use super::scheduler::text;
use super::state::{Health, JobKey, State, Task};
use super::{Plugin, go, plugin_schema, replication, template};

/// The end of a replication that a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Src,
    Dest,
}

impl Side {
    /// The side a name stands for, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "src" | "source" => Some(Self::Src),
            "dst" | "dest" | "destination" => Some(Self::Dest),
            _ => None,
        }
    }
}

/// Whether the node has a driver of this name.
pub(crate) fn known(driver: &str) -> bool {
    matches!(driver, "dtle" | "mock_driver")
}

/// A value that constraints and templates can name.
pub(crate) fn node_value(state: &State, name: &str) -> Option<String> {
    let agent = &state.agent;
    match name {
        "node.unique.name" => Some(agent.name.clone()),
        "node.unique.id" => Some(agent.node.clone()),
        "node.datacenter" => Some(agent.datacenter.clone()),
        "node.region" => Some(agent.region.clone()),
        "node.class" => Some(String::new()),
        "attr.driver.dtle" => Some("1".to_owned()),
        "attr.driver.dtle.version" => Some(state.plugin_version.clone()),
        "attr.kernel.name" => Some("linux".to_owned()),
        "attr.cpu.arch" => Some("amd64".to_owned()),
        "attr.unique.hostname" => Some("vm".to_owned()),
        _ => None,
    }
}

/// A task event; `fields` are those that are set.
fn event(kind: &str, display: &str, details: Value, fields: Value) -> Value {
    let mut event = json!({
        "DiskLimit": 0,
        "DisplayMessage": display,
        "DownloadError": "",
        "DriverError": "",
        "DriverMessage": "",
        "ExitCode": 0,
        "FailedSibling": "",
        "FailsTask": false,
        "GenericSource": "",
        "KillError": "",
        "KillReason": "",
        "KillTimeout": 0,
        "Message": "",
        "RestartReason": "",
        "SetupError": "",
        "Signal": 0,
        "StartDelay": 0,
        "TaskSignal": "",
        "TaskSignalReason": "",
        "Time": go::now_nanoseconds(),
        "Type": kind,
        "ValidationError": "",
        "VaultError": "",
    });
    if let (Some(event), Value::Object(fields)) = (event.as_object_mut(), fields) {
        event.insert("Details".to_owned(), details);
        event.extend(fields);
    }
    event
}

fn plain(kind: &str, display: &str) -> Value {
    event(kind, display, json!({}), json!({}))
}

/// What the plugin tells of itself.
pub(crate) fn driver_event(message: &str) -> Value {
    event(
        "Driver",
        message,
        Value::Null,
        json!({"DriverMessage": message}),
    )
}

fn not_restarting(reason: &str) -> Value {
    event(
        "Not Restarting",
        reason,
        json!({"restart_reason": reason, "fails_task": "true"}),
        json!({"RestartReason": reason, "FailsTask": true}),
    )
}

fn terminated(message: &str) -> Value {
    event(
        "Terminated",
        &format!("Exit Code: 2, Exit Message: {message:?}"),
        json!({"exit_code": "2", "signal": "0", "oom_killed": "false", "exit_message": message}),
        json!({"ExitCode": 2, "Message": message}),
    )
}

/// What is known of a task of an allocation: where it stands in its job.
struct Place {
    job: JobKey,
    plugin_name: String,
    group: Value,
    task: Value,
    side: Option<Side>,
}

impl State {
    fn place_of(&self, alloc: &str, task: &str) -> Option<Place> {
        let alloc = self.allocs.get(alloc)?;
        let group = list(&alloc.job, "TaskGroups")
            .iter()
            .find(|g| text(g, "Name") == alloc.group)?;
        let found = list(group, "Tasks")
            .iter()
            .find(|t| text(t, "Name") == task)?;
        let side = if text(found, "Driver") == "dtle" {
            match self.plugin {
                Plugin::V3 => Side::named(&alloc.group),
                Plugin::V4 => Side::named(task),
            }
        } else {
            None
        };
        Some(Place {
            job: alloc.job_id.clone(),
            plugin_name: text(&alloc.job, "Name"),
            group: group.clone(),
            task: found.clone(),
            side,
        })
    }

    /// The client takes up a new allocation.
    pub(crate) fn start_alloc(&mut self, id: &str) {
        let Some(alloc) = self.allocs.get(id) else {
            return;
        };
        if alloc.desired != "run" || alloc.client != "pending" {
            return;
        }
        let names: Vec<(String, String)> = list(&alloc.job, "TaskGroups")
            .iter()
            .filter(|group| text(group, "Name") == alloc.group)
            .flat_map(|group| list(group, "Tasks"))
            .map(|task| (text(task, "Name"), text(task, "Driver")))
            .collect();
        let index = self.next_index();
        self.touch_alloc(id, index);
        self.set_client_status(id, "running", "Tasks are running", index);
        for (name, driver) in &names {
            let task = Task {
                name: name.clone(),
                driver: driver.clone(),
                state: "pending",
                failed: false,
                restarts: 0,
                last_restart: None,
                started: None,
                finished: None,
                events: VecDeque::from([
                    plain("Received", "Task received by client"),
                    event(
                        "Task Setup",
                        "Building Task Directory",
                        json!({"message": "Building Task Directory"}),
                        json!({"Message": "Building Task Directory"}),
                    ),
                ]),
                attempts: Vec::new(),
                staged: false,
                config: None,
            };
            if let Some(alloc) = self.allocs.get_mut(id) {
                alloc.tasks.push(task);
            }
        }
        for (name, _) in names {
            self.validate_and_start(id, &name, index);
        }
        let running = self
            .allocs
            .get(id)
            .is_some_and(|alloc| alloc.client == "running");
        if running {
            self.later(self.pace.healthy, Action::Healthy(id.to_owned()));
        }
        if let Some(job) = self.allocs.get(id).map(|alloc| alloc.job_id.clone()) {
            self.refresh_status(&job, index);
        }
    }

    fn validate_and_start(&mut self, id: &str, name: &str, index: u64) {
        let Some(place) = self.place_of(id, name) else {
            return;
        };
        let mut faults = Vec::new();
        let empty = json!({});
        let sent = place
            .task
            .get("Config")
            .filter(|config| !config.is_null())
            .unwrap_or(&empty);
        let lookup = |variable: &str| self.template_value(id, &place, variable);
        let config = template::render(sent, &lookup, &mut faults);
        let dtle = text(&place.task, "Driver") == "dtle";
        if dtle && faults.is_empty() {
            faults = plugin_schema::faults(self.plugin, &config);
        }
        if !faults.is_empty() {
            let mut all = vec!["failed to parse config: ".to_owned()];
            all.append(&mut faults);
            let message = go::multierror(&all);
            let event = event(
                "Failed Validation",
                &message,
                json!({"validation_error": message}),
                json!({"ValidationError": message}),
            );
            self.give_up(id, name, event, "Error was unrecoverable", index);
            return;
        }
        if let Some(task) = self
            .allocs
            .get_mut(id)
            .and_then(|alloc| alloc.task_mut(name))
        {
            task.config = Some(config);
        }
        if dtle && let Some(fault) = self.refusal(&place) {
            let event = event(
                "Driver Failure",
                &fault,
                json!({"driver_error": fault}),
                json!({"DriverError": fault}),
            );
            self.give_up(id, name, event, "Error was unrecoverable", index);
            return;
        }
        self.started(id, name);
    }

    /// What the plugin itself refuses at the start. These texts are not
    /// recorded: only that it refuses is known.
    fn refusal(&self, place: &Place) -> Option<String> {
        if place.side.is_none() {
            return Some(format!(
                "rpc error: code = Unknown desc = unknown task type: {}",
                text(&place.task, "Name")
            ));
        }
        if place.plugin_name.len() > 64 {
            return Some(format!(
                "rpc error: code = Unknown desc = job name too long: {}",
                place.plugin_name.len()
            ));
        }
        if self.plugin == Plugin::V4 {
            for db in list(place.task.get("Config")?, "ReplicateDoDb") {
                if !text(db, "TableSchemaRegex").is_empty()
                    && text(db, "TableSchemaRename").is_empty()
                {
                    return Some(
                        "rpc error: code = Unknown desc = TableSchemaRegex needs TableSchemaRename"
                            .to_owned(),
                    );
                }
                let bare = |table: &Value| {
                    !text(table, "TableRegex").is_empty() && text(table, "TableRename").is_empty()
                };
                if list(db, "Tables").iter().any(bare) {
                    return Some(
                        "rpc error: code = Unknown desc = TableRegex needs TableRename".to_owned(),
                    );
                }
            }
        }
        None
    }

    fn template_value(&self, alloc: &str, place: &Place, name: &str) -> Option<String> {
        if let Some(value) = node_value(self, name) {
            return Some(value);
        }
        let alloc = self.allocs.get(alloc)?;
        match name.strip_prefix("env.").unwrap_or(name) {
            "NOMAD_ALLOC_ID" => Some(alloc.id.clone()),
            "NOMAD_ALLOC_NAME" => Some(alloc.name.clone()),
            "NOMAD_ALLOC_INDEX" => Some("0".to_owned()),
            "NOMAD_JOB_ID" => Some(place.job.id().to_owned()),
            "NOMAD_JOB_NAME" => Some(place.plugin_name.clone()),
            "NOMAD_GROUP_NAME" => Some(alloc.group.clone()),
            "NOMAD_TASK_NAME" => Some(text(&place.task, "Name")),
            "NOMAD_DC" => Some(self.agent.datacenter.clone()),
            "NOMAD_REGION" => Some(self.agent.region.clone()),
            other => {
                let key = other.strip_prefix("NOMAD_META_")?;
                [&place.task, &place.group, &*alloc.job]
                    .into_iter()
                    .find_map(|level| {
                        let meta = level.get("Meta")?.as_object()?;
                        meta.get(key)?.as_str().map(str::to_owned)
                    })
            }
        }
    }

    /// A task's driver has started it.
    fn started(&mut self, id: &str, name: &str) {
        let Some(place) = self.place_of(id, name) else {
            return;
        };
        let Some(task) = self
            .allocs
            .get_mut(id)
            .and_then(|alloc| alloc.task_mut(name))
        else {
            return;
        };
        task.tell(plain("Started", "Task started by client"));
        task.state = "running";
        task.started = Some(go::now_nanoseconds());
        task.finished = None;
        task.staged = false;
        let restarts = task.restarts;
        let Some(side) = place.side else { return };
        let failure = self.failure(&place, side);
        self.join_pair(
            &place.plugin_name,
            side,
            id,
            name,
            failure.is_none(),
            restarts,
        );
        if let Some(message) = failure {
            self.later(
                self.pace.start,
                Action::Terminate {
                    alloc: id.to_owned(),
                    task: name.to_owned(),
                    restarts,
                    message,
                },
            );
        }
    }

    /// Why a started task will give up, if it will.
    fn failure(&self, place: &Place, side: Side) -> Option<String> {
        let own = place.task.get("Config").unwrap_or(&Value::Null);
        match self.plugin {
            Plugin::V3 => own
                .get("ConnectionConfig")
                .and_then(refused)
                .or_else(|| own.get("KafkaConfig").and_then(unreachable_brokers)),
            Plugin::V4 => {
                let config = match side {
                    Side::Src => own.clone(),
                    // The Dest reads what the Src has put into Consul.
                    Side::Dest => self.merged_config(&place.job).unwrap_or_default(),
                };
                let target = config
                    .get("DestConnectionConfig")
                    .and_then(refused)
                    .or_else(|| config.get("KafkaConfig").and_then(unreachable_brokers));
                match side {
                    Side::Src => config
                        .get("SrcConnectionConfig")
                        .and_then(refused)
                        .or_else(|| config.get("SrcOracleConfig").and_then(refused))
                        .or_else(|| target.map(|message| format!("applier error: {message}"))),
                    Side::Dest => target,
                }
            }
        }
    }

    /// The Src task's Config of a registered job, if it would pass validation.
    fn merged_config(&self, job: &JobKey) -> Option<Value> {
        let job = self.jobs.get(job)?;
        list(&job.doc, "TaskGroups")
            .iter()
            .flat_map(|group| list(group, "Tasks"))
            .find(|task| Side::named(&text(task, "Name")) == Some(Side::Src))
            .and_then(|task| task.get("Config"))
            .filter(|config| plugin_schema::faults(Plugin::V4, config).is_empty())
            .cloned()
    }

    /// A task's driver gives up; `restarts` tells which start this is about.
    pub(crate) fn terminate_task(&mut self, id: &str, name: &str, restarts: u64, message: &str) {
        let Some(place) = self.place_of(id, name) else {
            return;
        };
        let Some(alloc) = self.allocs.get_mut(id) else {
            return;
        };
        if alloc.desired != "run" {
            return;
        }
        let Some(task) = alloc.task_mut(name) else {
            return;
        };
        if task.state != "running" || task.restarts != restarts {
            return;
        }
        let policy = place.task.get("RestartPolicy").cloned().unwrap_or_default();
        let number = |field: &str| {
            policy
                .get(field)
                .and_then(Value::as_i64)
                .unwrap_or_default()
        };
        let interval = self.pace.scaled(number("Interval"));
        let now = Instant::now();
        task.attempts
            .retain(|at| now.duration_since(*at) < interval);
        let used = i64::try_from(task.attempts.len()).unwrap_or(i64::MAX);
        let allowed = number("Attempts");
        let mode = text(&policy, "Mode");
        task.tell(terminated(message));
        let index = self.next_index();
        self.leave_pair(&place.plugin_name, place.side, id);
        if used >= allowed && mode == "fail" {
            let reason = if allowed == 0 {
                "Policy allows no restarts".to_owned()
            } else {
                format!(
                    "Exceeded allowed attempts {allowed} in interval {} and mode is \"fail\"",
                    go::duration(number("Interval"))
                )
            };
            self.fail(id, name, &not_restarting(&reason), index);
            return;
        }
        // Up to a quarter of jitter, made from the clock: nothing rests on it.
        let jitter = number("Delay") / 100 * (go::now_nanoseconds() / 1_000 % 25);
        let (delay, reason) = if used >= allowed {
            (
                number("Interval"),
                "Exceeded allowed attempts, applying a delay",
            )
        } else {
            (number("Delay") + jitter, "Restart within policy")
        };
        let Some(task) = self
            .allocs
            .get_mut(id)
            .and_then(|alloc| alloc.task_mut(name))
        else {
            return;
        };
        task.attempts.push(now);
        task.state = "pending";
        task.restarts += 1;
        task.last_restart = Some(go::now_nanoseconds());
        task.tell(event(
            "Restarting",
            &format!("Task restarting in {}", go::duration(delay)),
            json!({"start_delay": delay.to_string(), "restart_reason": reason}),
            json!({"RestartReason": reason, "StartDelay": delay}),
        ));
        self.touch_alloc(id, index);
        self.recount(id, index);
        self.later(
            self.pace.scaled(delay),
            Action::Restart {
                alloc: id.to_owned(),
                task: name.to_owned(),
            },
        );
    }

    /// The restart's delay is over.
    pub(crate) fn restart_task(&mut self, id: &str, name: &str) {
        let Some(alloc) = self.allocs.get(id) else {
            return;
        };
        if alloc.desired != "run" || alloc.client == "failed" {
            return;
        }
        let Some(place) = self.place_of(id, name) else {
            return;
        };
        let index = self.next_index();
        self.touch_alloc(id, index);
        self.started(id, name);
        self.recount(id, index);
        // 4.x: a Src that starts anew resets NatsAddr, and the Dest notices
        // (recording 068 of the 4.x set).
        if self.plugin == Plugin::V4
            && place.side == Some(Side::Src)
            && let Some(dest) = self
                .pairs
                .get(&place.plugin_name)
                .and_then(|pair| pair.dest.clone())
            // One that cannot reach its target gives up for that reason.
            && dest.connected
        {
            let restarts = self
                .allocs
                .get(&dest.alloc)
                .and_then(|alloc| alloc.task(&dest.task))
                .map_or(0, |task| task.restarts);
            self.terminate_task(
                &dest.alloc,
                &dest.task,
                restarts,
                "DstPutNats: NatsAddr changed to wait. will restart dst",
            );
        }
        self.later(self.pace.healthy, Action::Healthy(id.to_owned()));
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

    /// A task that never started is given up.
    fn give_up(&mut self, id: &str, name: &str, why: Value, reason: &str, index: u64) {
        if let Some(task) = self
            .allocs
            .get_mut(id)
            .and_then(|alloc| alloc.task_mut(name))
        {
            task.tell(why);
        }
        self.fail(id, name, &not_restarting(reason), index);
    }

    /// A task has failed for good, and its allocation with it.
    fn fail(&mut self, id: &str, name: &str, last: &Value, index: u64) {
        let now = go::now_nanoseconds();
        let Some(alloc) = self.allocs.get(id) else {
            return;
        };
        let deployment = alloc.deployment.clone();
        let rolling = self
            .deployments
            .get(&deployment)
            .is_some_and(|d| d.status == "running")
            && alloc.health.is_none();
        let Some(alloc) = self.allocs.get_mut(id) else {
            return;
        };
        for task in &mut alloc.tasks {
            if task.name == name {
                task.failed = true;
                task.tell(last.clone());
                if rolling {
                    let message = "Unhealthy because of failed task";
                    task.tell(event(
                        "Alloc Unhealthy",
                        message,
                        json!({"message": message}),
                        json!({"Message": message}),
                    ));
                }
            } else if task.state != "dead" {
                task.tell(event(
                    "Sibling Task Failed",
                    &format!("Task's sibling {name:?} failed"),
                    json!({"failed_sibling": name}),
                    json!({"FailedSibling": name}),
                ));
            }
            task.state = "dead";
            task.finished = Some(now);
        }
        if rolling {
            alloc.health = Some(Health {
                healthy: false,
                at: now,
                index,
            });
            let group = alloc.group.clone();
            if let Some(deployment) = self.deployments.get_mut(&deployment) {
                deployment.modify_index = index;
                if let Some(rollout) = deployment.groups.get_mut(&group) {
                    rollout.unhealthy += 1;
                }
            }
            self.tables.deployments = index;
            self.later(self.pace.stage, Action::Unhealthy(id.to_owned()));
        }
        self.touch_alloc(id, index);
        self.recount(id, index);
        if let Some(place) = self.place_of(id, name) {
            self.leave_pair(&place.plugin_name, place.side, id);
            if place.side == Some(Side::Src) {
                self.source_lost(&place.plugin_name);
            }
            self.refresh_status(&place.job, index);
            if self.reschedule_delay(id).is_some() {
                let eval = self.new_eval(&place.job, "alloc-failure", index);
                let eval_id = eval.id.clone();
                self.put_eval(eval);
                self.refresh_status(&place.job, index);
                self.later(self.pace.schedule, Action::Schedule(eval_id));
            }
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
        let names: Vec<String> = alloc.tasks.iter().map(|task| task.name.clone()).collect();
        let index = self.next_index();
        for name in &names {
            let Some(place) = self.place_of(id, name) else {
                continue;
            };
            self.leave_pair(&place.plugin_name, place.side, id);
            let timeout = place
                .task
                .get("KillTimeout")
                .and_then(Value::as_i64)
                .unwrap_or(5_000_000_000);
            let shown = go::duration(timeout);
            let Some(task) = self
                .allocs
                .get_mut(id)
                .and_then(|alloc| alloc.task_mut(name))
            else {
                continue;
            };
            if task.state == "dead" {
                continue;
            }
            if task.state == "running" {
                task.tell(event(
                    "Killing",
                    &format!("Sent interrupt. Waiting {shown} before force killing"),
                    json!({"kill_timeout": shown}),
                    json!({"KillTimeout": timeout}),
                ));
                task.tell(event(
                    "Terminated",
                    "Exit Code: 0",
                    json!({"exit_code": "0", "signal": "0", "oom_killed": "false"}),
                    json!({}),
                ));
            }
            task.tell(plain("Killed", "Task successfully killed"));
            task.state = "dead";
            task.finished = Some(go::now_nanoseconds());
        }
        self.touch_alloc(id, index);
        self.set_client_status(id, "complete", "All tasks have completed", index);
        if let Some(job) = self.allocs.get(id).map(|alloc| alloc.job_id.clone()) {
            self.refresh_status(&job, index);
        }
    }

    /// Adds an event to a running task and moves its allocation on.
    pub(crate) fn tell_task(&mut self, id: &str, name: &str, event: Value) {
        let index = self.next_index();
        self.touch_alloc(id, index);
        if let Some(task) = self
            .allocs
            .get_mut(id)
            .and_then(|alloc| alloc.task_mut(name))
        {
            task.tell(event);
        }
    }

    /// A signal to one task, as its driver takes it. `Err` is the text of the
    /// error it comes back with, and dtle's statistics are such an error.
    pub(crate) fn signal_task(&mut self, id: &str, name: &str, signal: &str) -> Result<(), String> {
        let task = self
            .allocs
            .get(id)
            .and_then(|alloc| alloc.task(name))
            .ok_or_else(|| "Task not found".to_owned())?;
        if task.state != "running" {
            return Err("Task not running".to_owned());
        }
        let dtle = task.driver == "dtle";
        self.tell_task(
            id,
            name,
            event(
                "Signaling",
                "Task being sent a signal",
                json!({"signal": signal}),
                json!({}),
            ),
        );
        if !dtle {
            return Ok(());
        }
        if self.plugin == Plugin::V4 {
            self.tell_task(
                id,
                name,
                driver_event(&format!("Task receive signal {signal}")),
            );
        }
        let nothing = "rpc error: code = Unknown desc = DTLE_BUG SignalTask. should not reach here";
        match (signal, self.statistics(id, name), self.plugin) {
            ("stats", Some(statistics), _) => {
                Err(format!("rpc error: code = Unknown desc = {statistics}"))
            }
            (_, _, Plugin::V4) => Err(nothing.to_owned()),
            (_, _, Plugin::V3) => Ok(()),
        }
    }

    /// The statistics a task has, as the plugin words them; `None` until it
    /// has any.
    fn statistics(&self, id: &str, name: &str) -> Option<String> {
        let place = self.place_of(id, name)?;
        let side = place.side?;
        let task = self.allocs.get(id)?.task(name)?;
        if side == Side::Dest && !task.staged {
            return None;
        }
        let pair = self.pairs.get(&place.plugin_name)?;
        Some(replication::statistics(
            self.plugin,
            side,
            pair,
            &self.pace,
            task.started.unwrap_or_default(),
        ))
    }
}

/// The dial error of a MySQL (or Oracle) connection, if it would be refused.
fn refused(connection: &Value) -> Option<String> {
    let port = number(connection.get("Port")?)?;
    let host = text(connection, "Host");
    (port == 1).then(|| format!("dial tcp {host}:{port}: connect: connection refused"))
}

fn unreachable_brokers(kafka: &Value) -> Option<String> {
    let brokers = list(kafka, "Brokers");
    let unreachable = |broker: &Value| {
        let broker = broker.as_str().unwrap_or_default();
        let (host, port) = broker.rsplit_once(':').unwrap_or((broker, ""));
        port == "1" || host.starts_with("127.") || matches!(host, "localhost" | "::1" | "[::1]")
    };
    brokers.iter().all(unreachable).then(|| {
        "kafka: client has run out of available brokers to talk to (Is your cluster reachable?)"
            .to_owned()
    })
}

/// A number that may have been sent as text.
pub(crate) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => {
            number.as_i64().or_else(|| {
                let float = number.as_f64()?;
                // Ports and sizes: small, and whole.
                #[allow(clippy::cast_possible_truncation)]
                (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
            })
        }
        _ => None,
    }
}

/// The nanoseconds of a policy as a real wait.
pub(crate) fn scaled(nanoseconds: i64, scale: f64) -> Duration {
    let seconds =
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0)).as_secs_f64() * scale;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(3600))
}

/// The Config of each task of an allocation, as its driver got it.
pub(crate) fn received(task: &Task) -> Option<Map<String, Value>> {
    task.config.as_ref()?.as_object().cloned()
}
