//! The servers of the cluster.

use crate::nomad::wire;
use crate::v2;

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
