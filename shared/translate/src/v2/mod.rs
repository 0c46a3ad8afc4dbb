//! The wire types of the dtle 2.x API, as its last release answers.
//!
//! Two rules hold for all of them: every field that 2.x always sends is always
//! sent, `null` and empty ones included, and fields come sorted by name, since
//! 2.x sorts them. So fields stand here in the order of their wire names.
//! Bracketed numbers name the recordings of 2.19.11.1 that show a shape.

mod allocation;
mod cluster;
mod evaluation;
mod job;
mod node;
mod statistics;

pub use allocation::{Allocation, AllocationStub, Event, Metrics, TaskState};
pub use cluster::{
    AgentSelf, Check, Joined, Member, Members, RaftConfiguration, TaskValidation, Validation,
};
pub use evaluation::{Evaluation, NodeEvaluation, ServerInfo};
pub use job::{Empty, Job, JobStub, Progress, Task, WriteReply};
pub use node::{Node, NodeStub};
pub use statistics::{
    AllocationStatistics, BufferStat, CurrentCoordinates, MsgStat, Statistics, TableStats,
    TimedCount,
};
