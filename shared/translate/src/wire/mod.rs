//! The parts of Nomad's answers that the translation reads.
//!
//! Field names and meanings are those of Nomad's HTTP API (1.1.2 to 2.0). Every
//! field has a default, since whole allocations and evaluations leave empty ones
//! out and lists may be `null` [recordings nomad-1.1.2-*].

mod allocation;
mod evaluation;
mod job;
mod node;
mod server;
mod write;

use serde::{Deserialize, Deserializer};

pub use allocation::{Allocation, AllocationRest, AllocationStub, Event, Metrics, TaskState};
pub use evaluation::Evaluation;
pub use job::{
    Constraint, GroupSummary, Job, JobStub, JobSummary, JobVersionKey, ReschedulePolicy,
    RestartPolicy, Task, TaskGroup,
};
pub use node::{DriverInfo, Node, NodeEvaluated, NodeStub, ServerInfo};
pub use server::{AgentMembers, AgentSelf, Joined, Member, RaftConfiguration, RaftServer};
pub use write::{Deregistered, JobVersion, Registered, Validated, Versions};

/// `null` as the default of the type.
fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Whether a field has the value that it has when it is left out.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
