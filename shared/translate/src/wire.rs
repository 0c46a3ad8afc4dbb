//! The parts of Nomad's answers that the translation reads.
//!
//! Field names and meanings are those of Nomad's HTTP API (1.1.2 to 2.0). Every
//! field has a default, since whole allocations and evaluations leave empty ones
//! out and lists may be `null` [recordings nomad-1.1.2-*].

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::config::TaskConfig;

/// `null` as the default of the type.
fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A job as `GET /v1/jobs` lists it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct JobStub {
    /// The job's ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Index of its last change by a register or deregister.
    pub job_modify_index: u64,
    /// Index of its last change of any kind.
    pub modify_index: u64,
    /// `pending`, `running` or `dead`.
    pub status: String,
    /// How many allocations of each group are in which state.
    pub job_summary: Option<JobSummary>,
}

/// How many allocations of each group are in which state.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct JobSummary {
    /// By group.
    #[serde(deserialize_with = "nullable")]
    pub summary: BTreeMap<String, GroupSummary>,
    /// Index of the last change of a count.
    pub modify_index: u64,
}

/// Counts of a group's allocations. The stopped ones stay counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GroupSummary {
    /// Waiting for a node.
    pub queued: u64,
    /// Ended well.
    pub complete: u64,
    /// Ended badly.
    pub failed: u64,
    /// Running.
    pub running: u64,
    /// Placed, not yet running.
    pub starting: u64,
    /// On a node that is gone.
    pub lost: u64,
    /// On a node that is disconnected (Nomad 1.3).
    pub unknown: u64,
}

/// A job, whole but for what nobody here reads.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Job {
    /// The job's ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its name, which is what the dtle plugin keeps progress under.
    pub name: String,
    /// The region it was registered in.
    pub region: String,
    /// Where its tasks may run.
    #[serde(deserialize_with = "nullable")]
    pub datacenters: Vec<String>,
    /// Free texts, kept as they are.
    #[serde(deserialize_with = "nullable")]
    pub meta: BTreeMap<String, String>,
    /// `pending`, `running` or `dead`.
    pub status: String,
    /// Words to it, mostly empty.
    pub status_description: String,
    /// Whether it was deregistered without purging.
    pub stop: bool,
    /// Index of its creation.
    pub create_index: u64,
    /// Index of its last change of any kind.
    pub modify_index: u64,
    /// Index of its last change by a register or deregister.
    pub job_modify_index: u64,
    /// Constraints of all its groups.
    #[serde(deserialize_with = "nullable")]
    pub constraints: Vec<Constraint>,
    /// Its groups.
    #[serde(deserialize_with = "nullable")]
    pub task_groups: Vec<TaskGroup>,
}

/// A group of tasks that run on one node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskGroup {
    /// Its name.
    pub name: String,
    /// How many allocations there should be.
    #[serde(deserialize_with = "nullable")]
    pub count: u64,
    /// Constraints of its tasks.
    #[serde(deserialize_with = "nullable")]
    pub constraints: Vec<Constraint>,
    /// Preferences of its tasks.
    #[serde(deserialize_with = "nullable")]
    pub affinities: Vec<Constraint>,
    /// What happens to an allocation that failed.
    pub reschedule_policy: Option<ReschedulePolicy>,
    /// Its tasks.
    #[serde(deserialize_with = "nullable")]
    pub tasks: Vec<Task>,
}

/// What happens to an allocation that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReschedulePolicy {
    /// How many times it is replaced.
    pub attempts: i64,
    /// Whether it is replaced for ever.
    pub unlimited: bool,
}

/// A constraint, or an affinity, which reads alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Constraint {
    /// What is looked at: `${node.unique.name}`.
    #[serde(rename = "LTarget")]
    pub left: String,
    /// What it is compared with.
    #[serde(rename = "RTarget")]
    pub right: String,
    /// How: `=`.
    #[serde(rename = "Operand")]
    pub operand: String,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// Its driver: `dtle` for those this API knows.
    pub driver: String,
    /// What the driver is told.
    #[serde(deserialize_with = "nullable")]
    pub config: TaskConfig,
    /// Whether the group ends with it.
    pub leader: bool,
    /// Constraints of its own.
    #[serde(deserialize_with = "nullable")]
    pub constraints: Vec<Constraint>,
    /// Preferences of its own.
    #[serde(deserialize_with = "nullable")]
    pub affinities: Vec<Constraint>,
}

/// The answer to a register.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Registered {
    /// Raft index of the write.
    pub index: u64,
    /// The index at which the job changed; not the job's own for an unchanged one.
    pub job_modify_index: u64,
}

/// The answer to a deregister.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Deregistered {
    /// Raft index of the write.
    pub index: u64,
}

/// `GET /v1/job/{id}/versions`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound = "T: Deserialize<'de>")]
pub struct Versions<T> {
    /// The versions that Nomad still keeps.
    #[serde(default = "Vec::new", deserialize_with = "nullable")]
    pub versions: Vec<T>,
}

/// As much of a version of a job as tells whose change it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct JobVersion {
    /// 0 for the first since the job was made.
    pub version: u64,
    /// The index that the job was made at.
    pub create_index: u64,
    /// The index of this change.
    pub job_modify_index: u64,
    /// As of a job.
    #[serde(deserialize_with = "nullable")]
    pub meta: BTreeMap<String, String>,
}

/// The answer to a validation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Validated {
    /// Whether the configuration of the drivers was looked at.
    pub driver_config_validated: bool,
    /// All faults as one text, empty when there are none.
    pub error: String,
    /// The faults, one each.
    #[serde(deserialize_with = "nullable")]
    pub validation_errors: Vec<String>,
}

/// An allocation as lists show it: without its job.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AllocationStub {
    /// Its ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// The evaluation that placed it.
    #[serde(rename = "EvalID")]
    pub eval_id: String,
    /// Its job.
    #[serde(rename = "JobID")]
    pub job_id: String,
    /// The node it runs on.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// The group it is one of.
    pub task_group: String,
    /// `run`, `stop` or `evict`.
    pub desired_status: String,
    /// Why.
    pub desired_description: String,
    /// `pending`, `running`, `complete`, `failed`, `lost`, `unknown`.
    pub client_status: String,
    /// Words to it.
    pub client_description: String,
    /// An evaluation that will replace it later.
    #[serde(rename = "FollowupEvalID")]
    pub followup_eval_id: String,
    /// By task, absent before the node reported.
    #[serde(deserialize_with = "nullable")]
    pub task_states: BTreeMap<String, TaskState>,
    /// Index of its creation.
    pub create_index: u64,
    /// Index of its last change.
    pub modify_index: u64,
    /// Unix nanoseconds of its creation.
    pub create_time: i64,
    /// Unix nanoseconds of its last change.
    pub modify_time: i64,
}

/// Of an allocation in a list, what tells which of its tasks run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AllocationState {
    /// Its ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// `pending`, `running`, `complete`, `failed`, `lost`, `unknown`.
    pub client_status: String,
    /// By task, absent before the node reported.
    #[serde(deserialize_with = "nullable")]
    pub task_states: BTreeMap<String, TaskPhase>,
}

/// Of a task's state, the state alone: its events are most of a list.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskPhase {
    /// `pending`, `running` or `dead`.
    pub state: String,
}

impl AllocationState {
    /// Whether a task runs.
    #[must_use]
    pub fn runs(&self, task: &str) -> bool {
        self.client_status == "running"
            && self
                .task_states
                .get(task)
                .is_some_and(|phase| phase.state == "running")
    }
}

impl From<AllocationStub> for AllocationState {
    fn from(stub: AllocationStub) -> Self {
        let phase = |(name, state): (String, TaskState)| (name, TaskPhase { state: state.state });
        Self {
            id: stub.id,
            client_status: stub.client_status,
            task_states: stub.task_states.into_iter().map(phase).collect(),
        }
    }
}

/// An allocation, whole, with the job it was made for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "FlatAllocation")]
pub struct Allocation {
    /// What a list would show.
    pub stub: AllocationStub,
    /// The job as it was when the allocation was made.
    pub job: Option<Job>,
    /// The allocation it replaced.
    pub previous_allocation: String,
    /// Index of the scheduler's last change.
    pub alloc_modify_index: u64,
    /// How it was placed.
    pub metrics: Option<Metrics>,
}

/// An [`Allocation`] as it is read. `flatten` would say the same in one line, at
/// the price of building the whole document in memory first, the larger part of
/// which nobody reads.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct FlatAllocation {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "EvalID")]
    eval_id: String,
    #[serde(rename = "JobID")]
    job_id: String,
    #[serde(rename = "NodeID")]
    node_id: String,
    task_group: String,
    desired_status: String,
    desired_description: String,
    client_status: String,
    client_description: String,
    #[serde(rename = "FollowupEvalID")]
    followup_eval_id: String,
    #[serde(deserialize_with = "nullable")]
    task_states: BTreeMap<String, TaskState>,
    create_index: u64,
    modify_index: u64,
    create_time: i64,
    modify_time: i64,
    job: Option<Job>,
    previous_allocation: String,
    alloc_modify_index: u64,
    metrics: Option<Metrics>,
}

impl From<FlatAllocation> for Allocation {
    fn from(flat: FlatAllocation) -> Self {
        Self {
            stub: AllocationStub {
                id: flat.id,
                eval_id: flat.eval_id,
                job_id: flat.job_id,
                node_id: flat.node_id,
                task_group: flat.task_group,
                desired_status: flat.desired_status,
                desired_description: flat.desired_description,
                client_status: flat.client_status,
                client_description: flat.client_description,
                followup_eval_id: flat.followup_eval_id,
                task_states: flat.task_states,
                create_index: flat.create_index,
                modify_index: flat.modify_index,
                create_time: flat.create_time,
                modify_time: flat.modify_time,
            },
            job: flat.job,
            previous_allocation: flat.previous_allocation,
            alloc_modify_index: flat.alloc_modify_index,
            metrics: flat.metrics,
        }
    }
}

/// How an allocation was placed, or why it was not.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Metrics {
    /// Nodes looked at.
    pub nodes_evaluated: u64,
    /// Nodes that did not qualify.
    pub nodes_filtered: u64,
    /// Nodes without room.
    pub nodes_exhausted: u64,
    /// Nodes per datacenter.
    #[serde(deserialize_with = "nullable")]
    pub nodes_available: Option<BTreeMap<String, u64>>,
    /// Nodes filtered, by class.
    #[serde(deserialize_with = "nullable")]
    pub class_filtered: Option<BTreeMap<String, u64>>,
    /// Nodes filtered, by constraint.
    #[serde(deserialize_with = "nullable")]
    pub constraint_filtered: Option<BTreeMap<String, u64>>,
    /// Nodes without room, by class.
    #[serde(deserialize_with = "nullable")]
    pub class_exhausted: Option<BTreeMap<String, u64>>,
    /// Nodes without room, by resource.
    #[serde(deserialize_with = "nullable")]
    pub dimension_exhausted: Option<BTreeMap<String, u64>>,
    /// Scores, by node.
    #[serde(deserialize_with = "nullable")]
    pub scores: Option<BTreeMap<String, f64>>,
    /// Nanoseconds the placement took.
    pub allocation_time: u64,
    /// Failures of the same kind that are not listed.
    pub coalesced_failures: u64,
}

/// The state of a task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskState {
    /// `pending`, `running` or `dead`.
    pub state: String,
    /// Whether it failed.
    pub failed: bool,
    /// RFC 3339; `null` or year 1 when it has not started.
    pub started_at: Option<String>,
    /// RFC 3339; `null` or year 1 when it has not finished.
    pub finished_at: Option<String>,
    /// The last ten things that happened to it, oldest first.
    #[serde(deserialize_with = "nullable")]
    pub events: Vec<Event>,
}

/// Something that happened to a task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Event {
    /// `Started`, `Terminated` and so on.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Unix nanoseconds.
    pub time: i64,
    /// Nomad's sentence about it.
    pub display_message: String,
    /// MB.
    pub disk_limit: i64,
    /// What the driver could not do.
    pub driver_error: String,
    /// What the driver says.
    pub driver_message: String,
    /// The task's exit code.
    pub exit_code: i64,
    /// The task because of which this one failed.
    pub failed_sibling: String,
    /// Whether the task failed with it.
    pub fails_task: bool,
    /// Why killing failed.
    pub kill_error: String,
    /// Why it was killed.
    pub kill_reason: String,
    /// Nanoseconds.
    pub kill_timeout: i64,
    /// Words to it.
    pub message: String,
    /// Why it was restarted, or not.
    pub restart_reason: String,
    /// Why it could not be set up.
    pub setup_error: String,
    /// Nanoseconds until it starts.
    pub start_delay: i64,
    /// The signal it was sent.
    pub task_signal: String,
    /// Why it was sent.
    pub task_signal_reason: String,
    /// Why its configuration was refused.
    pub validation_error: String,
}

/// An evaluation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Evaluation {
    /// Its ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its job.
    #[serde(rename = "JobID")]
    pub job_id: String,
    /// The node because of which it was made.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// What it was made for: `job-register` and so on.
    pub triggered_by: String,
    /// `pending`, `complete`, `blocked`, `failed`, `canceled`.
    pub status: String,
    /// Words to it.
    pub status_description: String,
    /// When it will run, RFC 3339.
    pub wait_until: Option<String>,
    /// Nanoseconds it waits.
    pub wait: i64,
    /// The one after it.
    pub next_eval: String,
    /// The one before it.
    pub previous_eval: String,
    /// The one that waits for room.
    pub blocked_eval: String,
    /// Whether constraints are not covered by node classes.
    pub escaped_computed_class: bool,
    /// Which node classes qualify.
    #[serde(deserialize_with = "nullable")]
    pub class_eligibility: Option<BTreeMap<String, bool>>,
    /// Why groups could not be placed.
    #[serde(rename = "FailedTGAllocs", deserialize_with = "nullable")]
    pub failed_tg_allocs: Option<BTreeMap<String, Metrics>>,
    /// Allocations waiting for a node, by group.
    #[serde(deserialize_with = "nullable")]
    pub queued_allocations: Option<BTreeMap<String, i64>>,
    /// Whether it only made a plan.
    pub annotate_plan: bool,
    /// Index of the job it saw.
    pub job_modify_index: u64,
    /// Index of the node it saw.
    pub node_modify_index: u64,
    /// Index of the state it saw.
    pub snapshot_index: u64,
    /// Index of its creation.
    pub create_index: u64,
    /// Index of its last change.
    pub modify_index: u64,
}

/// A node as `GET /v1/nodes` lists it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NodeStub {
    /// Its ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its datacenter.
    pub datacenter: String,
    /// Its IP, without a port.
    pub address: String,
    /// `initializing`, `ready`, `down`, `disconnected`.
    pub status: String,
    /// Words to it.
    pub status_description: String,
    /// Its drivers, undetected ones too.
    #[serde(deserialize_with = "nullable")]
    pub drivers: BTreeMap<String, DriverInfo>,
    /// Index of its creation.
    pub create_index: u64,
    /// Index of its last change.
    pub modify_index: u64,
}

/// A node, whole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Node {
    /// What a list would show, the address apart.
    #[serde(flatten)]
    pub stub: NodeStub,
    /// `ip:port` of its HTTP API.
    #[serde(rename = "HTTPAddr")]
    pub http_addr: String,
    /// The class it was put into.
    pub computed_class: String,
    /// Unix seconds of its last change of status.
    pub status_updated_at: i64,
}

/// A driver on a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DriverInfo {
    /// Whether it is there.
    pub detected: bool,
    /// What it says of itself.
    #[serde(deserialize_with = "nullable")]
    pub attributes: BTreeMap<String, String>,
}

/// The answer to a node evaluation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NodeEvaluated {
    /// Raft index of the write.
    pub index: u64,
    /// Index of the evaluations.
    pub eval_create_index: u64,
    /// The evaluations made, one a job on the node.
    #[serde(rename = "EvalIDs", deserialize_with = "nullable")]
    pub eval_ids: Option<Vec<String>>,
    /// Nanoseconds until the node must report.
    #[serde(rename = "HeartbeatTTL")]
    pub heartbeat_ttl: i64,
    /// `ip:port`.
    #[serde(rename = "LeaderRPCAddr")]
    pub leader_rpc_addr: String,
    /// Index of the node.
    pub node_modify_index: u64,
    /// Nodes in the cluster.
    pub num_nodes: u64,
    /// Servers of the cluster.
    #[serde(deserialize_with = "nullable")]
    pub servers: Option<Vec<ServerInfo>>,
}

/// A server that a node may talk to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ServerInfo {
    /// Its datacenter.
    pub datacenter: String,
    /// `ip:port`.
    #[serde(rename = "RPCAdvertiseAddr")]
    pub rpc_advertise_addr: String,
    /// Version of its RPC protocol.
    #[serde(rename = "RPCMajorVersion")]
    pub rpc_major_version: i64,
    /// Version of its RPC protocol.
    #[serde(rename = "RPCMinorVersion")]
    pub rpc_minor_version: i64,
}

/// `GET /v1/agent/members`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AgentMembers {
    /// The answering server's name.
    pub server_name: String,
    /// Its region.
    pub server_region: String,
    /// Its datacenter.
    #[serde(rename = "ServerDC")]
    pub server_dc: String,
    /// All servers it knows.
    #[serde(deserialize_with = "nullable")]
    pub members: Vec<Member>,
}

/// A server as its gossip layer sees it; 2.x shows the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase", default)]
pub struct Member {
    /// IP of its gossip port.
    pub addr: String,
    /// Version of the delegate protocol in use.
    pub delegate_cur: u64,
    /// Newest it speaks.
    pub delegate_max: u64,
    /// Oldest it speaks.
    pub delegate_min: u64,
    /// `name.region`.
    pub name: String,
    /// Its gossip port.
    pub port: u64,
    /// Version of the protocol in use.
    pub protocol_cur: u64,
    /// Newest it speaks.
    pub protocol_max: u64,
    /// Oldest it speaks.
    pub protocol_min: u64,
    /// `alive`, `leaving`, `left`, `failed`.
    pub status: String,
    /// What it says of itself.
    #[serde(deserialize_with = "nullable")]
    pub tags: BTreeMap<String, String>,
}

/// `GET /v1/agent/self`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AgentSelf {
    /// Its configuration, redacted by Nomad.
    #[serde(deserialize_with = "nullable")]
    pub config: Map<String, Value>,
    /// Itself as a server.
    pub member: Member,
    /// Figures by subsystem, all of them texts.
    #[serde(deserialize_with = "nullable")]
    pub stats: BTreeMap<String, BTreeMap<String, String>>,
}

/// The answer to a join.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Joined {
    /// Why it failed, empty when it did not.
    pub error: String,
    /// Servers joined.
    pub num_joined: u64,
}

/// `GET /v1/operator/raft/configuration`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RaftConfiguration {
    /// Index of the configuration.
    pub index: u64,
    /// Its servers.
    #[serde(deserialize_with = "nullable")]
    pub servers: Vec<RaftServer>,
}

/// A server in the Raft configuration; 2.x shows the same.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase", default)]
pub struct RaftServer {
    /// `ip:port`.
    pub address: String,
    /// Its ID in Raft.
    #[serde(rename = "ID")]
    pub id: String,
    /// Whether it leads.
    pub leader: bool,
    /// `name.region`.
    pub node: String,
    /// Whether it votes.
    pub voter: bool,
}

impl Job {
    /// Whether this is a dtle job: one whose every task has the driver `dtle`.
    /// Others belong to other tenants and do not exist for a caller.
    #[must_use]
    pub fn is_dtle(&self) -> bool {
        let mut tasks = self.task_groups.iter().flat_map(|group| &group.tasks);
        tasks.clone().next().is_some() && tasks.all(|task| task.driver == "dtle")
    }
}

impl NodeStub {
    /// Whether dtle runs there. Undetected drivers are listed too.
    #[must_use]
    pub fn has_dtle(&self) -> bool {
        self.drivers
            .get("dtle")
            .is_some_and(|driver| driver.detected)
    }
}
