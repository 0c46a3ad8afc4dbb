//! Servers, and the agent that answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::nullable;

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
