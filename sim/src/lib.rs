//! A small Nomad in memory, with the dtle driver, as seen over HTTP.
//!
//! It exists for two readers: people who want to try the API without a
//! cluster, and tests that want a Nomad that they can look into. Its model is the
//! **recordings** of a real Nomad 1.1.2 with the dtle plugins 3.20.10 and
//! 4.23.04 (`tests/recordings/nomad-1.1.2-*`): same words, same shapes, same
//! status codes and headers. It shares no types with the crate that talks to
//! Nomad, so that a mistake made there is not made here again.
//!
//! It leaves out Nomad's deployments: it has none, no job is ever `Stable`, and an
//! allocation has no `DeploymentStatus`.
//!
//! A module uses only modules further down in this table.
//!
//! | module | what it is |
//! |---|---|
//! | `clock` | makes happen what is due |
//! | `consul`, `http` | the key/value store beside Nomad; from HTTP to a call and back |
//! | `routes`, `routes_*` | which path is answered where, and how |
//! | `call`, `shared` | a request, its checks and its answer; what handlers and clock share |
//! | `documents`, `seed` | the JSON of each object; jobs to look at |
//! | `registry`, `scheduler` | writes; from a job to allocations |
//! | `client`, `replication` | what becomes of an allocation; tasks that replicate |
//! | `state`, `objects` | what the servers know |
//! | `canonical`, `validation` | the full form of a job; its faults |
//! | `pair`, `driver`, `plugin_schema`, `template` | progress; what a Config says |
//! | `events`, `timers`, `store` | what tasks are told; what comes later; Consul's keys |
//! | `options`, `data`, `json`, `go` | the setup; documents; reading JSON; Go's words |

mod call;
mod canonical;
mod client;
mod clock;
mod consul;
mod data;
mod documents;
mod driver;
mod events;
mod go;
mod http;
mod json;
mod objects;
mod options;
mod pair;
mod plugin_schema;
mod registry;
mod replication;
mod routes;
mod routes_agent;
mod routes_job;
mod routes_list;
mod routes_object;
mod scheduler;
pub mod seed;
mod shared;
mod state;
mod store;
mod template;
mod timers;
mod validation;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use options::{Acl, Options, Pace, Plugin};
pub use shared::{Asked, Requests};

use options::Rules;
use shared::Shared;
use state::{Agent, State};
use timers::TaskId;

/// A running simulation. Dropping it ends it as the end of a process would:
/// the ports are free, open connections are cut.
#[derive(Debug)]
pub struct NomadSim {
    address: SocketAddr,
    consul_address: SocketAddr,
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl NomadSim {
    /// Starts the servers, on free ports of this machine. They run on the current Tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start(options: Options) -> io::Result<Self> {
        let any = (Ipv4Addr::LOCALHOST, 0);
        let listener = TcpListener::bind(any).await?;
        let consul_listener = TcpListener::bind(any).await?;
        let address = listener.local_addr()?;
        let consul_address = consul_listener.local_addr()?;
        let rpc_port = address.port().saturating_add(1);
        let rules = Rules::of(&options);
        let agent = Agent {
            node: options.node_id,
            name: options.node_name,
            build: options.build,
            rules,
            datacenter: "dc1".to_owned(),
            region: options.region.clone(),
            http: address.to_string(),
            http_port: address.port(),
            rpc: format!("127.0.0.1:{rpc_port}"),
            rpc_port,
            serf_port: address.port().saturating_add(2),
            consul: consul_address.to_string(),
            nats: "127.0.0.1:8193".to_owned(),
            server: "facbba2f-8c6f-355b-38f9-d60a0f2d2503".to_owned(),
            job_tracked_versions: options.job_tracked_versions,
            started: go::now_nanoseconds(),
        };
        let mut state = State::new(agent);
        state.plugin = options.plugin;
        state.plugin_version = options.version.unwrap_or_default();
        state.pace = options.pace;
        if options.seed {
            seed::sow(&mut state);
        }
        let wake = Arc::clone(&state.wake);
        let shared = Arc::new(Shared {
            changes: state.changes.clone(),
            state: Mutex::new(state),
            requests: Requests::new(options.keeps_requests),
            rules,
            acl: options.acl,
            leader: options.leader,
            write_window: options.write_window,
            region: options.region,
            others: Mutex::default(),
        });
        let (nomad, consul) = (Arc::clone(&shared), Arc::clone(&shared));
        let nomad = http::serve(listener, move |asked| {
            http::handle(Arc::clone(&nomad), asked)
        });
        let consul = http::serve(consul_listener, move |asked| {
            consul::handle(Arc::clone(&consul), asked)
        });
        let clock = clock::run(Arc::clone(&shared), wake);
        let tasks = vec![
            tokio::spawn(clock),
            tokio::spawn(nomad),
            tokio::spawn(consul),
        ];
        Ok(Self {
            address,
            consul_address,
            shared,
            tasks,
        })
    }

    /// Joins the servers of two regions: each passes requests for the other on.
    pub fn federate(&self, other: &Self) {
        self.shared.join(&other.shared);
        other.shared.join(&self.shared);
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

    /// What was asked so far.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.shared.requests
    }

    /// The Config that a task's driver received: templates rendered. `None`
    /// when there is no such task, or its Config never passed the templates.
    #[must_use]
    pub fn task_config(&self, allocation: &str, task: &str) -> Option<Value> {
        let id = TaskId::new(allocation, task);
        self.shared.locked(|state| state.task(&id)?.config.clone())
    }

    /// Ends the simulation and waits until nothing of it runs any more.
    pub async fn shutdown(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // It was cancelled, which is the point.
            let _cancelled = task.await;
        }
    }
}

impl Drop for NomadSim {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
