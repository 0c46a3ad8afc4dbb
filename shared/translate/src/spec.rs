//! A checked 2.x job, as a client sends it. What 2.x would accept and then lose is a
//! fault here, before anything is registered.

use super::{Driver, Side};
use crate::config::TaskConfig;

/// The longest ID, in bytes: the plugin keeps progress under it and takes no
/// longer name.
pub const LONGEST_ID: usize = 64;

/// A checked 2.x job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSpec {
    /// The ID sent, if one was.
    pub id: Option<String>,
    /// The Name.
    pub name: String,
    /// The Region, if one was sent.
    pub region: Option<String>,
    /// Where tasks may run; empty when not sent.
    pub datacenters: Vec<String>,
    /// Whether a failed task moves to another node.
    pub failover: bool,
    /// The Orders, if an array was sent.
    pub orders: Option<Vec<String>>,
    /// Whether the write is a compare-and-set.
    pub enforce_index: bool,
    /// The index it expects, 0 for "only if new".
    pub job_modify_index: u64,
    /// One Src and one Dest, in the order sent.
    pub tasks: Vec<TaskSpec>,
    /// What is probably not meant, in words.
    pub warnings: Vec<String>,
}

/// A task of a checked 2.x job.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskSpec {
    /// Its Type.
    pub side: Side,
    /// Its Driver.
    pub driver: Driver,
    /// The node it must run on, empty for any.
    pub node_id: String,
    /// The name of the node it must run on, empty for any.
    pub node_name: String,
    /// Leader, as sent.
    pub leader: bool,
    /// Its Config, keys in their canonical spelling.
    pub config: TaskConfig,
}

impl JobSpec {
    /// The task of one side.
    #[must_use]
    pub fn task(&self, side: Side) -> Option<&TaskSpec> {
        self.tasks.iter().find(|task| task.side == side)
    }
}

/// Whether an ID is one that a job of this API can have.
#[must_use]
pub fn is_addressable(id: &str) -> bool {
    fault_of_id(id).is_none()
}

/// What is wrong with an ID, if something is. The allowed characters are safe
/// in Nomad's paths, Consul's keys and NATS subjects.
#[must_use]
pub fn fault_of_id(id: &str) -> Option<String> {
    if id.is_empty() {
        return Some("ID is empty".to_owned());
    }
    if id.len() > LONGEST_ID {
        return Some(format!("ID is longer than {LONGEST_ID} bytes"));
    }
    // A path segment of dots names a directory wherever it appears.
    if id == "." || id == ".." {
        return Some("ID must not be `.` or `..`".to_owned());
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    id.chars().find(|c| !allowed(*c)).map(|c| {
        let shown = if c == ' ' {
            "a space".to_owned()
        } else {
            format!("{c:?}")
        };
        format!("ID contains {shown}: letters, digits and . _ : - are allowed")
    })
}
