//! How a simulation is set up, and which release of Nomad it plays.

use std::time::Duration;

/// Which dtle plugin the node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plugin {
    /// Up to 4.22.07: the "split" layout. Each side has its own connection, and the
    /// group's name decides the side.
    V3,
    /// From 4.22.11 on: the "merged" layout. Everything is in the Src task's Config, and
    /// the task's name decides the side.
    #[default]
    V4,
}

/// How long things take. Policies (restart, reschedule) keep the delays they
/// show; the real wait is that times `scale`.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Until an evaluation is taken up.
    pub schedule: Duration,
    /// Until a placed allocation starts, and until a started task that cannot
    /// work gives up.
    pub start: Duration,
    /// Until a Dest goes from the full copy to the increment.
    pub stage: Duration,
    /// Until an allocation that is told to stop has stopped.
    pub stop: Duration,
    /// How often the plugin refreshes its figures; 15 s in the real one.
    pub statistics: Duration,
    /// Real seconds a second of a restart or reschedule policy.
    pub scale: f64,
}

impl Pace {
    /// For tests: a few milliseconds each.
    #[must_use]
    pub fn instant() -> Self {
        Self {
            schedule: Duration::from_millis(1),
            start: Duration::from_millis(2),
            stage: Duration::from_millis(2),
            stop: Duration::from_millis(2),
            statistics: Duration::from_millis(100),
            scale: 0.002,
        }
    }

    /// For people: about a second each, so that states can be watched.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            schedule: Duration::from_millis(100),
            start: Duration::from_secs(1),
            stage: Duration::from_secs(1),
            stop: Duration::from_secs(1),
            statistics: Duration::from_secs(15),
            scale: 0.1,
        }
    }

    /// The real wait for the nanoseconds of a policy.
    pub(crate) fn scaled(&self, nanoseconds: i64) -> Duration {
        let shown = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0));
        Duration::try_from_secs_f64(shown.as_secs_f64() * self.scale)
            .unwrap_or(Duration::from_secs(3600))
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::instant()
    }
}

/// How a simulation is set up. Start from [`Options::default`].
#[derive(Debug, Clone)]
pub struct Options {
    /// The node's plugin.
    pub plugin: Plugin,
    /// What `driver.dtle.version` reports; `None` is empty, as in the
    /// recordings, whose plugins were built without it.
    pub version: Option<String>,
    /// Whether the vendor page's jobs are there from the start.
    pub seed: bool,
    /// How long things take.
    pub pace: Pace,
    /// The release that the server plays, like `1.1.2`.
    pub build: String,
    /// Whether `EnforceIndex` is checked and applied in one step even if the release
    /// does not do so.
    pub atomic_enforce_index: bool,
    /// Where that is not one step: the time between the check and the write.
    pub write_window: Duration,
    /// How many versions of a job are kept, the current one included: six, or
    /// `job_tracked_versions` in the configuration of a newer server.
    pub job_tracked_versions: usize,
    /// The tokens of a cluster with ACLs; without them everybody may do everything.
    pub acl: Option<Acl>,
    /// Whether the cluster has a leader. Without one the answer is a 500 `No cluster
    /// leader`, but for `?stale` reads, which answer with index 0 and a last contact of
    /// 9223372036854 ms, and for members, self and regions.
    pub leader: bool,
    /// Whether requests are kept, to be read with [`crate::NomadSim::requests`]. They
    /// are kept without a bound.
    pub keeps_requests: bool,
    /// The name of the region.
    pub region: String,
    /// The agent's name.
    pub node_name: String,
    /// The node's ID.
    pub node_id: String,
}

/// The tokens that a cluster with ACLs knows. Any other is unknown to it.
#[derive(Debug, Clone)]
pub struct Acl {
    /// May do everything.
    pub manages: String,
    /// May do nothing: of a client, with a policy that does not exist.
    pub weak: String,
    /// Had a time to live, which is over. Nomad has these from 1.4 on.
    pub expired: String,
}

impl Default for Acl {
    /// As the tokens of the recordings are called, all in one digit: 2 manages, 4 is weak,
    /// 3 has expired, and 1 is unknown.
    fn default() -> Self {
        let all = |digit: &str| {
            let groups = [8, 4, 4, 4, 12].map(|digits| digit.repeat(digits));
            groups.join("-")
        };
        Self {
            manages: all("2"),
            weak: all("4"),
            expired: all("3"),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            plugin: Plugin::default(),
            version: None,
            seed: false,
            pace: Pace::default(),
            build: "1.1.2".to_owned(),
            atomic_enforce_index: false,
            write_window: Duration::from_millis(2),
            job_tracked_versions: 6,
            acl: None,
            leader: true,
            keeps_requests: true,
            region: "global".to_owned(),
            node_name: "nomad1".to_owned(),
            node_id: "b571a970-320c-45ed-e00b-05028679abbd".to_owned(),
        }
    }
}

/// Whose documents the server sends: those of the newest of these releases that is not
/// newer than the one that is played.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Era {
    /// 1.1.2
    #[default]
    First,
    /// 1.10.5
    V1_10,
    /// 2.0.5
    V2_0,
}

/// What depends on the release of Nomad. Everything else is as in 1.1.2.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules {
    /// Whose documents are sent.
    pub(crate) era: Era,
    /// `EnforceIndex` is checked and applied in one step, as from 2.0.1. Before, the
    /// check sees a snapshot, and another writer may come in between.
    pub(crate) atomic_enforce_index: bool,
    /// The query names the namespace of a register, as from 1.2.16. Before, the job in
    /// the body alone does.
    pub(crate) query_names_namespace: bool,
    /// A server has a UUID as its ID in Raft, as with Raft protocol 3, the default from
    /// 1.3.0. Before, its address is its ID.
    pub(crate) raft_ids: bool,
    /// A token that is not known is a `Permission denied`, as from 1.5.0.
    pub(crate) denies_unknown_tokens: bool,
    /// A Raft peer is removed by its ID alone, as from 1.10.1.
    pub(crate) removes_peers_by_id: bool,
    /// A job is `running` while its deployment goes on, as from 2.0.1: for the in-memory
    /// Nomad, which has no deployments, while it waits for a node or for another try.
    pub(crate) deployments_run: bool,
    /// A register that changes nothing answers with the job's ModifyIndex, as from 1.11.2.
    pub(crate) unchanged_is_modify_index: bool,
}

impl Rules {
    pub(crate) fn of(options: &Options) -> Self {
        let numbers = options.build.split('.').map(str::parse::<u32>);
        let numbers: Vec<u32> = numbers.map(Result::unwrap_or_default).collect();
        let from = |release: [u32; 3]| numbers.as_slice() >= release.as_slice();
        Self {
            era: match () {
                () if from([2, 0, 0]) => Era::V2_0,
                () if from([1, 10, 0]) => Era::V1_10,
                () => Era::First,
            },
            atomic_enforce_index: options.atomic_enforce_index || from([2, 0, 1]),
            query_names_namespace: from([1, 2, 16]),
            raft_ids: from([1, 3, 0]),
            denies_unknown_tokens: from([1, 5, 0]),
            removes_peers_by_id: from([1, 10, 1]),
            deployments_run: from([2, 0, 1]),
            unchanged_is_modify_index: from([1, 11, 2]),
        }
    }
}
