//! Nodes: machines that run tasks.

use std::collections::BTreeMap;

use serde::Serialize;

/// A node in a list [034].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct NodeStub {
    /// Index of its creation.
    pub create_index: u64,
    /// Its datacenter.
    pub datacenter: String,
    /// `ip:port` of its HTTP API.
    #[serde(rename = "HTTPAddr")]
    pub http_addr: String,
    /// Its ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Index of its last change.
    pub modify_index: u64,
    /// Its name.
    pub name: String,
    /// `initializing`, `ready`, `down`.
    pub status: String,
    /// Words to it.
    pub status_description: String,
}

/// A node, whole [036].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct Node {
    /// `driver.MySQL` and `driver.Kafka` are `1`: the command line prints them.
    /// `dtle.version` is the release of the dtle plugin, where it reports one; 2.x has
    /// no such attribute.
    pub attributes: BTreeMap<String, String>,
    /// The class it was put into.
    pub computed_class: String,
    /// Index of its creation.
    pub create_index: u64,
    /// Its datacenter.
    pub datacenter: String,
    /// `ip:port` of its HTTP API.
    #[serde(rename = "HTTPAddr")]
    pub http_addr: String,
    /// Its ID.
    #[serde(rename = "ID")]
    pub id: String,
    /// Index of its last change.
    pub modify_index: u64,
    /// Its name.
    pub name: String,
    /// `ip:port` of its NATS server.
    pub nats_addr: String,
    /// `ip:port` of its NATS server as others see it.
    pub nats_advertise_addr: String,
    /// `initializing`, `ready`, `down`.
    pub status: String,
    /// Words to it.
    pub status_description: String,
    /// Unix seconds.
    pub status_updated_at: i64,
}
