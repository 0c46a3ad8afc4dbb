//! What lives as long as the process: the client, the settings, and what was
//! learnt from Nomad and is worth remembering between requests.

use crate::consul::Consul;
use crate::nomad::{Client, SetupError};
use crate::settings::Settings;

/// What lives as long as the process.
pub struct App {
    /// The cluster.
    pub nomad: Client,
    /// Where the plugin keeps its progress, if an address was given.
    pub consul: Option<Consul>,
    /// What was set from outside.
    pub settings: Settings,
    /// What was learnt.
    pub memory: crate::memory::Memory,
    /// Whose turn it is to change a job.
    pub turns: crate::cluster::writes::Turns,
}

impl App {
    /// Sets everything up. Nothing is sent to Nomad yet.
    ///
    /// # Errors
    /// When TLS material cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        Ok(Self {
            nomad: Client::new(&settings.nomad)?,
            consul: settings
                .consul
                .as_ref()
                .map(Consul::new)
                .transpose()
                .map_err(|cause| SetupError::Tls {
                    variable: "CONSUL_HTTP_ADDR",
                    cause: cause.to_string(),
                })?,
            settings,
            memory: crate::memory::Memory::default(),
            turns: crate::cluster::writes::Turns::default(),
        })
    }
}
