//! What lives as long as the process: the client, the settings, and what was
//! learnt from Nomad and is worth remembering between requests.

use std::sync::atomic::AtomicBool;

use crate::consul::Consul;
use crate::memory::Memory;
use crate::nomad::{Client, SetupError};
use crate::observe::{Observer, to_log};
use crate::secrets::Sources;
use crate::settings::Settings;
use crate::turns::Turns;

/// What lives as long as the process.
pub struct App {
    /// The cluster.
    pub nomad: Client,
    /// Where the plugin keeps its progress, if an address was given.
    pub consul: Option<Consul>,
    /// What was set from outside.
    pub settings: Settings,
    /// What was learnt.
    pub memory: Memory,
    /// What becomes of the record of a request.
    pub observer: Observer,
    /// Whether a request has been answered.
    pub(crate) answered: AtomicBool,
    /// Whose turn it is to change a job.
    pub turns: Turns,
    /// Whose turn it is to signal a task.
    pub signals: Turns,
}

impl App {
    /// Sets everything up, with readable log lines. Nothing is sent to Nomad yet.
    ///
    /// # Errors
    /// When TLS material cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        Self::with_secrets(settings, Sources::default())
    }

    /// The same, with tokens from Secrets Manager where none are set.
    ///
    /// # Errors
    /// As [`App::new`].
    pub fn with_secrets(settings: Settings, secrets: Sources) -> Result<Self, SetupError> {
        Ok(Self {
            nomad: Client::new(&settings.nomad, secrets.nomad_token)?,
            consul: settings
                .consul
                .as_ref()
                .map(|consul| Consul::new(consul, secrets.consul_token))
                .transpose()
                .map_err(|cause| SetupError::Tls {
                    variable: "CONSUL_HTTP_ADDR",
                    cause: cause.to_string(),
                })?,
            settings,
            memory: Memory::default(),
            observer: Box::new(to_log),
            answered: AtomicBool::new(false),
            turns: Turns::default(),
            signals: Turns::default(),
        })
    }
}
