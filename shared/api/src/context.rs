//! What a route works with: [`App`] lives as long as the process, [`Context`] as
//! long as the request.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use dtle_nomad::{Client, Session};
use dtle_outbound::{Secret, TokenSource};

use crate::cluster::delay::{Delay, Delays};
use crate::cluster::events::Events;
use crate::cluster::history::Standing;
use crate::cluster::jobs::{self, Reader};
use crate::cluster::layout::Layouts;
use crate::cluster::lists::{Lists, Question};
use crate::cluster::locks::Locks;
use crate::cluster::nodes::Addresses;
use crate::cluster::servers::Servers;
use crate::cluster::statistics::StatisticsCache;
use crate::cluster::writes::Writer;
use crate::observe::{Kind, Observer, Subject, to_log};
use crate::outbound::consul::Consul;
use crate::outbound::credential::Credential;
use crate::outbound::plugin::Plugins;
use crate::outbound::secrets::Sources;
use crate::reply::Error;
use crate::request::Call;
use crate::settings::Settings;
use crate::watched::{Watched, WatchedError};

/// Bytes of lists remembered, those of jobs not counted.
const LISTS: u64 = 16 << 20;

/// Why the program cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The client of Nomad could not be made.
    #[error(transparent)]
    Nomad(#[from] dtle_nomad::SetupError),
    /// The client of Consul could not be made.
    #[error("CONSUL_HTTP_ADDR: not usable: {0}")]
    Consul(String),
    /// The client of the plugins could not be made.
    #[error("DTLE_PLUGIN_ADDRS: not usable: {0}")]
    Plugins(String),
    /// A file with a token cannot be used.
    #[error(transparent)]
    Token(#[from] WatchedError),
}

/// What lives as long as the process.
pub struct App {
    /// The cluster.
    pub nomad: Client,
    /// The Consul in which the plugin keeps its progress, if an address was given.
    pub consul: Option<Consul>,
    /// The plugins on the nodes, if their addresses were given.
    pub plugins: Option<Plugins>,
    /// The settings from the environment.
    pub settings: Settings,
    /// The cache of jobs.
    pub jobs: jobs::Cache,
    /// The events of tasks that were seen.
    pub events: Events,
    /// The lists of allocations, evaluations and nodes that were asked for last.
    pub lists: Lists,
    /// How far destinations are behind.
    pub delays: Delays,
    /// The cache of statistics.
    pub statistics: StatisticsCache,
    /// The cache of nodes' addresses.
    pub addresses: Addresses,
    /// The cache of the plugin's generation.
    pub layouts: Layouts,
    /// The cache of the servers' release.
    pub servers: Servers,
    /// The locks that let one writer of a job in at a time.
    pub writers: Locks,
    /// The versions of jobs that are known to stand.
    pub standing: Standing,
    /// What is done with the record of each request.
    pub observer: Observer,
    /// Whether a request has been answered.
    pub(crate) answered: AtomicBool,
    tokens: Vec<Arc<Credential>>,
    /// The size of the largest answer in bytes on the wire, where something limits
    /// it.
    pub largest_answer: Option<usize>,
}

impl App {
    /// Sets everything up, with readable log lines. Nothing is sent to Nomad yet.
    ///
    /// # Errors
    /// When TLS material or a file with a token cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        Self::with_secrets(settings, Sources::default())
    }

    /// The same, with tokens from Secrets Manager where none are set.
    ///
    /// # Errors
    /// As [`App::new`].
    pub fn with_secrets(settings: Settings, secrets: Sources) -> Result<Self, SetupError> {
        let nomad = &settings.nomad;
        let nomad_token = Credential::choose(
            "NOMAD_TOKEN_FILE",
            nomad.token_file.as_deref(),
            nomad.token.clone(),
            secrets.nomad_token,
        )?
        .map(Arc::new);
        let consul = settings.consul.as_ref();
        let consul_token = Credential::choose(
            "CONSUL_HTTP_TOKEN_FILE",
            consul.and_then(|consul| consul.token_file.as_deref()),
            consul.and_then(|consul| consul.token.clone()),
            secrets.consul_token,
        )?
        .map(Arc::new);
        let tokens = nomad_token.iter().chain(&consul_token).cloned().collect();
        Ok(Self {
            nomad: Client::new(
                &settings.nomad,
                nomad_token
                    .clone()
                    .map(|token| token as Arc<dyn TokenSource>),
            )?,
            consul: settings
                .consul
                .as_ref()
                .map(|consul| Consul::new(consul, consul_token, settings.nomad.process))
                .transpose()
                .map_err(|cause| SetupError::Consul(cause.to_string()))?,
            plugins: match settings.plugins.as_slice() {
                [] => None,
                addresses => Some(
                    Plugins::new(addresses)
                        .map_err(|cause| SetupError::Plugins(cause.to_string()))?,
                ),
            },
            tokens,
            standing: Standing::of(settings.nomad.process),
            settings,
            jobs: jobs::Cache::default(),
            events: Events::default(),
            lists: Lists::of_bytes(LISTS),
            delays: Delays::default(),
            statistics: StatisticsCache::default(),
            addresses: Addresses::default(),
            layouts: Layouts::default(),
            servers: Servers::default(),
            writers: Locks::default(),
            observer: Box::new(to_log),
            answered: AtomicBool::new(false),
            largest_answer: None,
        })
    }

    /// The files that hold this program's own tokens.
    pub fn token_files(&self) -> impl Iterator<Item = &Watched<Secret>> {
        self.tokens.iter().filter_map(|token| token.file())
    }
}

/// What a route works with.
pub struct Context<'a> {
    /// What lives as long as the process.
    pub app: &'a App,
    /// The request.
    pub call: &'a Call,
    /// The cluster, for this request.
    pub nomad: Session<'a>,
    /// What the request acts on, for the log, where its path does not say so.
    pub(crate) subject: OnceLock<Subject>,
}

impl Context<'_> {
    /// What is needed to read jobs.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader {
            nomad: &self.nomad,
            cache: &self.app.jobs,
            events: &self.app.events,
            consul: self.app.consul.as_ref(),
            mask_passwords: self.app.settings.mask_passwords,
        }
    }

    /// What a list is kept under: the function of its route, and the prefix of the IDs
    /// in it or the ID of what it is about.
    ///
    /// # Errors
    /// As Nomad's, for a region that may not be named.
    pub async fn question(&self, route: &'static str, id: &str) -> Result<Question, Error> {
        Ok(Question {
            route,
            region: self.nomad.region().await?.map(str::to_owned),
            id: id.to_owned(),
            all: false,
        })
    }

    /// What is needed to say how far a destination is behind.
    #[must_use]
    pub fn delay(&self) -> Delay<'_> {
        Delay {
            delays: &self.app.delays,
            statistics: &self.app.statistics,
            reader: self.reader(),
        }
    }

    /// What is needed to change jobs.
    #[must_use]
    pub fn writer(&self) -> Writer<'_> {
        Writer {
            nomad: &self.nomad,
            locks: &self.app.writers,
            standing: &self.app.standing,
            servers: &self.app.servers,
        }
    }

    /// Notes for the log what the request acts on, where its path does not say so.
    pub fn acts_on(&self, kind: Kind, id: &str) {
        // What the path says stays.
        let _noted_before = self.subject.set(Subject::new(kind, id));
    }
}
