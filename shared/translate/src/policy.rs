//! How Nomad runs the tasks: what a Nomad job must say and a 2.x job does not.

use std::time::Duration;

/// How Nomad runs the tasks: what a Nomad job must say and a 2.x job does not.
///
/// It holds for what is new, a job or a task in it. An update keeps what is registered.
#[derive(Clone, Debug, PartialEq)]
pub struct JobPolicy {
    /// `DTLE_DATACENTERS`: where a job may run that names no Datacenters. Nomad 1.1
    /// refuses a job without any.
    pub datacenters: Vec<String>,
    /// `DTLE_NODE_POOL`: the pool of nodes. Without one nothing is sent, and Nomad's is
    /// `default`; Nomad before 1.6 knows no pools and ignores the field (tried on 1.1.2).
    pub node_pool: Option<String>,
    /// `DTLE_PRIORITY`: which job goes first when nodes are short of room. Without one
    /// nothing is sent, and Nomad's is 50, or in newer releases what the servers'
    /// configuration says (`job_default_priority`). Nomad takes 1 to 100, newer ones up to
    /// `job_max_priority`, of which the highest is 32766.
    pub priority: Option<u32>,
    /// `DTLE_RESTART_ATTEMPTS`: restarts of a task within the interval.
    pub restart_attempts: u32,
    /// `DTLE_RESTART_INTERVAL`.
    pub restart_interval: Duration,
    /// `DTLE_RESTART_DELAY`.
    pub restart_delay: Duration,
    /// `DTLE_TASK_CPU`, in MHz.
    pub cpu_mhz: u32,
    /// `DTLE_TASK_MEMORY`, in MB.
    pub memory_mb: u32,
}

impl Default for JobPolicy {
    fn default() -> Self {
        Self {
            // What 2.x gives to a job that names none.
            datacenters: vec!["dc1".to_owned()],
            node_pool: None,
            priority: None,
            restart_attempts: 3,
            restart_interval: Duration::from_secs(600),
            restart_delay: Duration::from_secs(15),
            cpu_mhz: 100,
            memory_mb: 64,
        }
    }
}
