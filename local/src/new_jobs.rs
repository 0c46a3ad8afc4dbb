//! Options for what a new job gets: the settings of the same names, on a command line.

use clap::Args;

/// What a new job gets where it does not say itself. An update keeps what is registered.
///
/// Each is the text of a setting, which `dtle_api::settings` reads.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "New jobs (an update keeps what is registered)")]
pub struct NewJobs {
    /// The datacenters of a job that names none, separated by commas; dc1 otherwise.
    #[arg(long, env = "DTLE_DATACENTERS", value_name = "NAMES")]
    datacenters: Option<String>,

    /// The node pool; Nomad's own (default) otherwise. Nomad before 1.6 has no pools,
    /// and ignores it.
    #[arg(long, env = "DTLE_NODE_POOL", value_name = "NAME")]
    node_pool: Option<String>,

    /// The priority, 1 to 100; Nomad's own (50) otherwise.
    #[arg(long, env = "DTLE_PRIORITY", value_name = "NUMBER")]
    priority: Option<String>,

    /// How often Nomad restarts a failed task within the interval; 3 otherwise.
    #[arg(long, env = "DTLE_RESTART_ATTEMPTS", value_name = "NUMBER")]
    restart_attempts: Option<String>,

    /// The interval in which restarts are counted; 10m otherwise.
    #[arg(long, env = "DTLE_RESTART_INTERVAL", value_name = "DURATION")]
    restart_interval: Option<String>,

    /// The pause before a restart; 15s otherwise.
    #[arg(long, env = "DTLE_RESTART_DELAY", value_name = "DURATION")]
    restart_delay: Option<String>,

    /// MHz that a task reserves; 100 otherwise.
    #[arg(long, env = "DTLE_TASK_CPU", value_name = "MHZ")]
    task_cpu: Option<String>,

    /// MB of memory that a task reserves; 64 otherwise.
    #[arg(long, env = "DTLE_TASK_MEMORY", value_name = "MB")]
    task_memory: Option<String>,
}

impl NewJobs {
    /// The value of a setting, from its option or, without that, the environment; the
    /// outer `None` for a setting that is none of these.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<Option<String>> {
        let value = match name {
            "DTLE_DATACENTERS" => &self.datacenters,
            "DTLE_NODE_POOL" => &self.node_pool,
            "DTLE_PRIORITY" => &self.priority,
            "DTLE_RESTART_ATTEMPTS" => &self.restart_attempts,
            "DTLE_RESTART_INTERVAL" => &self.restart_interval,
            "DTLE_RESTART_DELAY" => &self.restart_delay,
            "DTLE_TASK_CPU" => &self.task_cpu,
            "DTLE_TASK_MEMORY" => &self.task_memory,
            _ => return None,
        };
        Some(value.clone())
    }
}
