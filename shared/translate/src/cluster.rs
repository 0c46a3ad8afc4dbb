//! The servers of the cluster.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::v2;
use crate::wire;

/// The servers. 2.x's command line looks for the role `server`.
#[must_use]
pub fn to_members(answer: wire::AgentMembers) -> v2::Members {
    v2::Members {
        members: answer.members.into_iter().map(to_member).collect(),
        server_dc: answer.server_dc,
        server_name: answer.server_name,
        server_region: answer.server_region,
    }
}

/// One server.
#[must_use]
pub fn to_member(mut member: wire::Member) -> v2::Member {
    if let Some(role) = member.tags.get_mut("role") {
        "server".clone_into(role);
    }
    member
}

/// The answering server. Its configuration is told in 2.x's fields: what Nomad
/// calls by the same name has Nomad's value, the rest is empty, and what else
/// Nomad has (other plugins' settings among it) is nobody's business here.
#[must_use]
pub fn to_self(agent: wire::AgentSelf) -> v2::AgentSelf {
    let mut stats: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for group in ["client", "raft", "runtime", "serf", "server"] {
        // Nomad calls its server half by its own name.
        let name = if group == "server" { "nomad" } else { group };
        let figures = agent.stats.get(name).cloned().unwrap_or_default();
        stats.insert(group.to_owned(), figures);
    }
    // The command line reads this one without looking whether it is there.
    let client = stats.entry("client".to_owned()).or_default();
    client.entry("node_id".to_owned()).or_default();
    let mut config = empty_config();
    let mut theirs = agent.config;
    // From 1.7 on Nomad knows several Consuls; the one of the gateway's jobs is the
    // default.
    if let Some(Value::Array(consuls)) = theirs.remove("Consuls") {
        let named = consuls.iter().find(|one| one["Name"] == "default");
        if let Some(consul) = named.or(consuls.first()) {
            theirs.insert("Consul".to_owned(), consul.clone());
        }
    }
    fill(&mut config, &Value::Object(theirs));
    for secret in ["/Consul/Auth", "/Consul/Token"] {
        if let Some(place) = config.pointer_mut(secret) {
            *place = json!("");
        }
    }
    v2::AgentSelf {
        config: match config {
            Value::Object(fields) => fields,
            _ => Map::new(),
        },
        member: to_member(agent.member),
        stats,
    }
}

/// Takes over values of the same name and kind, at every depth.
fn fill(ours: &mut Value, theirs: &Value) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (key, value) in ours.iter_mut() {
                if let Some(theirs) = theirs.get(key) {
                    fill(value, theirs);
                }
            }
        }
        (ours @ Value::String(_), Value::String(_))
        | (ours @ Value::Number(_), Value::Number(_))
        | (ours @ Value::Bool(_), Value::Bool(_))
        | (ours @ Value::Array(_), Value::Array(_)) => *ours = theirs.clone(),
        _ => {}
    }
}

/// Every field of 2.x's configuration [045], empty. A field that is `null` there
/// takes no value of Nomad's.
fn empty_config() -> Value {
    serde_json::from_str(include_str!("self_config.json")).unwrap_or_default()
}
