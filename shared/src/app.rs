//! What lives as long as the process: the client, the settings, and what was
//! learnt from Nomad and is worth remembering between requests.

use crate::nomad::Client;
use crate::settings::Settings;

/// What lives as long as the process.
pub struct App {
    /// The cluster.
    pub nomad: Client,
    /// What was set from outside.
    pub settings: Settings,
    /// What was learnt.
    pub memory: crate::memory::Memory,
}

impl App {
    /// Sets everything up. Nothing is sent to Nomad yet.
    ///
    /// # Errors
    /// When TLS material cannot be used.
    pub fn new(settings: Settings) -> Result<Self, crate::nomad::SetupError> {
        Ok(Self {
            nomad: Client::new(&settings.nomad)?,
            settings,
            memory: crate::memory::Memory::default(),
        })
    }
}
