//! The servers of the cluster, and the report of a validation.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::wire;

/// A server [043]; Nomad shows the same fields.
pub type Member = wire::Member;

/// The answer to a join [052].
pub type Joined = wire::Joined;

/// The servers [043].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Members {
    /// All servers the answering one knows.
    #[serde(rename = "Members")]
    pub members: Vec<Member>,
    /// The answering server's datacenter.
    #[serde(rename = "ServerDC")]
    pub server_dc: String,
    /// The answering server's name.
    #[serde(rename = "ServerName")]
    pub server_name: String,
    /// The answering server's region.
    #[serde(rename = "ServerRegion")]
    pub server_region: String,
}

/// The answering server [045].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AgentSelf {
    /// Its configuration.
    pub config: Map<String, Value>,
    /// Itself as a member.
    pub member: Member,
    /// Figures of client, raft, runtime, serf and server, all of them texts.
    pub stats: BTreeMap<String, BTreeMap<String, String>>,
}

/// The Raft configuration (2.19's own route crashes; its shape is in its code).
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct RaftConfiguration {
    /// Index of the configuration.
    pub index: u64,
    /// Its servers.
    pub servers: Vec<wire::RaftServer>,
}

/// The report of a validation [110].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct Validation {
    /// Whether the tasks were looked at.
    pub driver_config_validated: bool,
    /// What is wrong with the job as a whole.
    pub error: String,
    /// One report a task.
    pub validation_tasks: Vec<TaskValidation>,
    /// What is probably not meant; absent when there is nothing. 2.x has no such field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What was checked of a task [110].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct TaskValidation {
    /// Whether the binary log is on.
    pub binlog: Check,
    /// Whether the database can be reached.
    pub connection: Check,
    /// Whether GTIDs are on.
    pub gtid_mode: Check,
    /// Whether replicated changes are logged.
    pub log_slave_updates: Check,
    /// Whether packets may be large enough.
    pub max_allowed_packet: Check,
    /// Whether the user may do what is needed.
    pub privileges: Check,
    /// Whether a server ID is set.
    #[serde(rename = "ServerID")]
    pub server_id: Check,
    /// `Src` or `Dest`.
    #[serde(rename = "Type")]
    pub kind: String,
}

/// One check. One that was not made reads false and has no error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct Check {
    /// Why it failed.
    pub error: String,
    /// Whether it was made and passed.
    pub success: bool,
}
