//! How Nomad runs the tasks: what a Nomad job must say and a 2.x job does not.

use std::time::Duration;

/// How Nomad runs the tasks: what a Nomad job must say and a 2.x job does not.
#[derive(Clone, Debug, PartialEq)]
pub struct JobPolicy {
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
            restart_attempts: 3,
            restart_interval: Duration::from_secs(600),
            restart_delay: Duration::from_secs(15),
            cpu_mhz: 100,
            memory_mb: 64,
        }
    }
}
