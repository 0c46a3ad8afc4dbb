//! Nomad's nodes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::nullable;

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
    /// Nomad's sentence about the status.
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
    /// Whether the driver is detected on the node.
    pub detected: bool,
    /// The attributes that the driver reports.
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

impl NodeStub {
    /// Whether dtle runs there. Undetected drivers are listed too.
    #[must_use]
    pub fn has_dtle(&self) -> bool {
        self.drivers
            .get("dtle")
            .is_some_and(|driver| driver.detected)
    }
}
