//! A small Nomad in memory, with the dtle driver, as seen over HTTP.
//!
//! It exists for two readers: people who want to try the API without a
//! cluster, and tests that want a Nomad they can break. Its model is the
//! **recordings** of a real Nomad 1.1.2 with the dtle plugins 3.20.10 and
//! 4.23.04 (`tests/recordings/nomad-1.1.2-*`): same words, same shapes, same
//! status codes and headers. It shares no types with the crate that talks to
//! Nomad, so that a mistake made there is not made here again.
//!
//! | module | idea |
//! |---|---|
//! | `http` | requests, answers, headers, blocking reads |
//! | `routes` | what each path does |
//! | `canonical` | the full form of a job, its validation |
//! | `state` | what the servers know |
//! | `scheduler` | from a job to allocations |
//! | `driver` | what becomes of an allocation |
//! | `plugin_schema`, `template` | what a task's Config may say |
//! | `replication` | progress and statistics of a pair |
//! | `consul` | the key/value store beside it |
//! | `documents` | the JSON of each object |
//! | `clock` | what happens later |
//! | `faults` | what goes wrong, and the request log |
//! | `net` | connections that can be cut |
//! | `seed` | jobs to look at |
//! | `go` | how Go prints things |

mod canonical;
mod clock;
mod consul;
mod documents;
mod driver;
mod faults;
mod go;
mod http;
mod net;
mod plugin_schema;
mod replication;
mod routes;
mod scheduler;
pub mod seed;
mod state;
mod template;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::Router;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

pub use faults::{Drop as DropPoint, Faults, Logged};

use net::{Connections, Cut, CutListener};
use state::{Agent, State};

/// Which dtle plugin the node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plugin {
    /// 3.x, up to 4.22.07: the "split" layout. Each side has its own
    /// connection, the group's name decides the side.
    V3,
    /// From 4.22.11: the "merged" layout. All is in the Src task's Config, the
    /// task's name decides the side.
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
    /// How long an allocation runs before its deployment calls it healthy.
    pub healthy: Duration,
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
            healthy: Duration::from_millis(10),
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
            healthy: Duration::from_secs(10),
            statistics: Duration::from_secs(15),
            scale: 0.1,
        }
    }

    pub(crate) fn scaled(&self, nanoseconds: i64) -> Duration {
        driver::scaled(nanoseconds, self.scale)
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
    /// Where Nomad listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where Consul listens.
    pub consul_listen: SocketAddr,
    /// The node's plugin.
    pub plugin: Plugin,
    /// What `driver.dtle.version` reports; `None` is empty, as in the
    /// recordings, whose plugins were built without it.
    pub version: Option<String>,
    /// Whether the vendor page's jobs are there from the start.
    pub seed: bool,
    /// How long things take.
    pub pace: Pace,
    /// The release that the server says it is. Its behaviour stays that of 1.1.2.
    pub build: String,
    /// Whether `EnforceIndex` is checked and applied in one step, as from
    /// Nomad 2.0.1. Before, the check sees a snapshot.
    pub atomic_enforce_index: bool,
    /// Without atomicity: the time between the check and the write.
    pub write_window: Duration,
    /// How many versions of a job are kept, the current one included: six, or
    /// `job_tracked_versions` in the configuration of a newer server.
    pub job_tracked_versions: usize,
    /// With a token, ACLs are on, and this is the only one that is known.
    pub acl_token: Option<String>,
    /// Whether the query names the namespace of a register, as from Nomad
    /// 1.2.16. Before, the job in the body alone does.
    pub query_names_namespace: bool,
    /// The name of the region.
    pub region: String,
    /// The agent's name.
    pub node_name: String,
    /// The node's ID.
    pub node_id: String,
}

impl Default for Options {
    fn default() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: any,
            consul_listen: any,
            plugin: Plugin::default(),
            version: None,
            seed: false,
            pace: Pace::default(),
            build: "1.1.2".to_owned(),
            atomic_enforce_index: false,
            write_window: Duration::from_millis(2),
            job_tracked_versions: 6,
            acl_token: None,
            query_names_namespace: false,
            region: "global".to_owned(),
            node_name: "nomad1".to_owned(),
            node_id: "b571a970-320c-45ed-e00b-05028679abbd".to_owned(),
        }
    }
}

/// What handlers and the clock share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) faults: Faults,
    pub(crate) token: Option<String>,
    pub(crate) atomic_enforce_index: bool,
    pub(crate) write_window: Duration,
    pub(crate) query_names_namespace: bool,
    pub(crate) region: String,
    /// The servers of the other regions that these are joined with.
    pub(crate) others: Mutex<Vec<Weak<Shared>>>,
}

impl Shared {
    /// The other regions' servers that still run.
    pub(crate) fn others(&self) -> Vec<Arc<Self>> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.iter().filter_map(Weak::upgrade).collect()
    }
}

/// A running simulation. Dropping it ends it as the end of a process would:
/// the ports are free, open connections are cut.
#[derive(Debug)]
pub struct NomadSim {
    address: SocketAddr,
    consul_address: SocketAddr,
    shared: Arc<Shared>,
    connections: Connections,
    tasks: Vec<JoinHandle<()>>,
}

impl NomadSim {
    /// Starts the servers. They run on the current Tokio runtime.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let consul_listener = TcpListener::bind(options.consul_listen).await?;
        let address = listener.local_addr()?;
        let consul_address = consul_listener.local_addr()?;
        let wake = Arc::new(Notify::new());
        let changes = watch::Sender::new(0);
        let rpc_port = address.port().saturating_add(1);
        let agent = Agent {
            node: options.node_id,
            name: options.node_name,
            build: options.build,
            datacenter: "dc1".to_owned(),
            region: options.region.clone(),
            http: address.to_string(),
            http_port: address.port(),
            rpc: format!("127.0.0.1:{rpc_port}"),
            rpc_port,
            serf_port: address.port().saturating_add(2),
            consul: consul_address.to_string(),
            nats: "127.0.0.1:8193".to_owned(),
            job_tracked_versions: options.job_tracked_versions,
            server: "facbba2f-8c6f-355b-38f9-d60a0f2d2503".to_owned(),
            started: go::now_nanoseconds(),
        };
        let mut state = State::new(
            options.plugin,
            options.version.unwrap_or_default(),
            options.pace,
            agent,
            changes.clone(),
            Arc::clone(&wake),
        );
        if options.seed {
            seed::sow(&mut state);
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changes,
            faults: Faults::default(),
            token: options.acl_token,
            atomic_enforce_index: options.atomic_enforce_index,
            write_window: options.write_window,
            query_names_namespace: options.query_names_namespace,
            region: options.region,
            others: Mutex::default(),
        });
        let connections = Connections::default();
        let nomad = Router::new()
            .fallback(http::handle)
            .with_state(Arc::clone(&shared))
            .into_make_service_with_connect_info::<Cut>();
        let consul = Router::new()
            .fallback(consul::handle)
            .with_state(Arc::clone(&shared))
            .into_make_service_with_connect_info::<Cut>();
        let nomad_listener = CutListener::new(listener, connections.clone());
        let consul_listener = CutListener::new(consul_listener, connections.clone());
        let tasks = vec![
            tokio::spawn(clock::run(Arc::clone(&shared), wake)),
            tokio::spawn(async move {
                // Serving ends with the task.
                let _never = axum::serve(nomad_listener, nomad).await;
            }),
            tokio::spawn(async move {
                let _never = axum::serve(consul_listener, consul).await;
            }),
        ];
        Ok(Self {
            address,
            consul_address,
            shared,
            connections,
            tasks,
        })
    }

    /// Joins the servers of two regions: each passes requests for the other on.
    pub fn federate(&self, other: &Self) {
        for (one, joined) in [(self, other), (other, self)] {
            one.shared
                .others
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Arc::downgrade(&joined.shared));
        }
    }

    /// Nomad's address, as NOMAD_ADDR wants it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Consul's address, as CONSUL_HTTP_ADDR wants it.
    #[must_use]
    pub fn consul_url(&self) -> String {
        format!("http://{}", self.consul_address)
    }

    /// Where Nomad listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What can go wrong, and the request log.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// The Config that a task's driver received: templates rendered. `None`
    /// when there is no such task, or its Config never passed the templates.
    #[must_use]
    pub fn task_config(&self, allocation: &str, task: &str) -> Option<Value> {
        let state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let task = state.allocs.get(allocation)?.task(task)?;
        driver::received(task).map(Value::Object)
    }

    /// The raft index: it moves with every write, a signal's included.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .index
    }

    /// Ends the simulation and waits until nothing of it runs any more.
    pub async fn shutdown(mut self) {
        let tasks = std::mem::take(&mut self.tasks);
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            // Aborted: that is the point.
            let _cancelled = task.await;
        }
        self.connections.cut_all();
    }
}

impl Drop for NomadSim {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.connections.cut_all();
    }
}
