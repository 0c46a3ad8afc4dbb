//! The long-lived half of the Nomad client: addresses, connections, identity.
//!
//! There is one for each process. It keeps idle connections and uses them again, but
//! not many: Nomad allows one client address 100 connections, and many functions may
//! share an address behind a NAT.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use dtle_outbound::{self as outbound, ClientError, Profile, Secret, TokenSource, Trust, Url};
use tokio::sync::Semaphore;

use super::Session;
use crate::region::Regions;
use crate::settings::NomadSettings;

/// How many idle connections to one server are kept. A function never has more than
/// eight calls under way, for a list. The number serves a gateway with many clients,
/// which would otherwise open and close connections all the time.
const IDLE_CONNECTIONS: usize = 32;
/// How many calls may be under way at the same time, blocking queries not counted.
/// Nomad refuses an address more than a hundred connections, and there can be more
/// connections than calls: a new one may be opened while another becomes idle.
const CALLS: usize = 64;
/// An idle connection older than this is not trusted: a function that was
/// frozen wakes up with connections that the other side has long forgotten.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server on the same private network may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call may take at most. Each has a shorter time of its own, blocking
/// queries too: none outlives its request.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(600);
/// The largest answer read, in bytes. Lambda carries six million of them out.
const LARGEST_ANSWER: usize = 64 << 20;

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A certificate or key file could not be read.
    #[error("{variable}: cannot read {path}: {cause}")]
    File {
        /// The setting that names the file.
        variable: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The TLS material is not usable.
    #[error("{variable}: not usable: {cause}")]
    Tls {
        /// The setting that holds the material.
        variable: &'static str,
        /// What the TLS library said.
        cause: String,
    },
}

/// A Nomad cluster as seen from this process.
pub struct Client {
    pub(super) http: outbound::Client,
    /// The same without kept connections, made when it is first needed.
    fresh: OnceLock<outbound::Client>,
    settings: NomadSettings,
    /// What a call needs to begin.
    pub(super) places: Semaphore,
    pub(super) addresses: Vec<Url>,
    preferred: AtomicUsize,
    pub(super) token: Option<Arc<dyn TokenSource>>,
    pub(super) namespace: Option<String>,
    pub(super) regions: Regions,
}

impl Client {
    /// Makes a client that shows that token, if there is one. No connection is
    /// opened yet.
    ///
    /// # Errors
    /// When the TLS material cannot be read or is not usable.
    pub fn new(
        settings: &NomadSettings,
        token: Option<Arc<dyn TokenSource>>,
    ) -> Result<Self, SetupError> {
        let http = outbound::Client::new(&profile(settings)?).map_err(|cause| SetupError::Tls {
            variable: match cause {
                ClientError::Identity => "NOMAD_CLIENT_KEY",
                _ => "NOMAD_CACERT",
            },
            cause: cause.to_string(),
        })?;
        Ok(Self {
            http,
            fresh: OnceLock::new(),
            settings: settings.clone(),
            places: Semaphore::new(CALLS),
            addresses: settings.addresses.clone(),
            preferred: AtomicUsize::new(0),
            token,
            namespace: settings.namespace.clone(),
            regions: Regions::new(settings),
        })
    }

    /// The namespace that everything of this API is in.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    /// The calls of one request, all of which end before `deadline`.
    #[must_use]
    pub fn session(&self, deadline: Instant) -> Session<'_> {
        Session::new(self, deadline)
    }

    /// A client that opens a connection for every call. After a freeze all kept
    /// ones may be dead without a sign, and each would cost an attempt.
    pub(super) fn fresh(&self) -> &outbound::Client {
        self.fresh.get_or_init(|| {
            profile(&self.settings)
                .ok()
                .and_then(|profile| outbound::Client::new(&Profile { idle: 0, ..profile }).ok())
                // It was made of the same settings before.
                .unwrap_or_else(|| self.http.clone())
        })
    }

    /// The server to try first, with its position.
    pub(super) fn server(&self) -> Option<(usize, &Url)> {
        let position = self.preferred.load(Ordering::Relaxed);
        let index = position.checked_rem(self.addresses.len())?;
        self.addresses.get(index).map(|url| (position, url))
    }

    /// Moves on from a server that failed, unless another request already did.
    pub(super) fn avoid(&self, position: usize) {
        let _ = self.preferred.compare_exchange(
            position,
            position.wrapping_add(1),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }
}

fn profile(settings: &NomadSettings) -> Result<Profile, SetupError> {
    let mut profile = Profile {
        connect: CONNECT_TIMEOUT,
        total: TOTAL_TIMEOUT,
        idle: IDLE_CONNECTIONS,
        idle_for: IDLE_TIMEOUT,
        largest: LARGEST_ANSWER,
        trust: Trust::Nobody,
        identity: None,
    };
    if !settings.addresses.iter().any(|url| url.scheme() == "https") {
        return Ok(profile);
    }
    profile.trust = match &settings.ca_cert {
        Some(source) => Trust::Only(read("NOMAD_CACERT", source)?),
        None => Trust::System,
    };
    if let (Some(certificate), Some(key)) = (&settings.client_cert, &settings.client_key) {
        let mut pem = read("NOMAD_CLIENT_CERT", certificate)?;
        pem.push(b'\n');
        pem.extend(read("NOMAD_CLIENT_KEY", key)?);
        profile.identity = Some(pem);
    }
    Ok(profile)
}

/// PEM text as it stands, or the content of the file that the setting names.
fn read(variable: &'static str, source: &Secret) -> Result<Vec<u8>, SetupError> {
    let source = source.expose();
    if source.contains("-----BEGIN") {
        return Ok(source.as_bytes().to_vec());
    }
    std::fs::read(source).map_err(|cause| SetupError::File {
        variable,
        path: source.to_owned(),
        cause,
    })
}
