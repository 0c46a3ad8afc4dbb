//! The long-lived half of the Nomad client: addresses, connections, identity.
//!
//! There is one for each process. It keeps idle connections and uses them again, but
//! not many: Nomad allows one client address 100 connections, and all functions in a
//! subnet share an address ([`Process`]).

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dtle_outbound::{self as outbound, ClientError, Profile, Secret, TokenSource, Trust, Url};
use tokio::sync::Semaphore;

use super::Session;
use crate::region::Regions;
use crate::settings::{NomadSettings, Process};

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
    kept: Mutex<outbound::Client>,
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
            kept: Mutex::new(http),
            fresh: OnceLock::new(),
            settings: settings.clone(),
            places: Semaphore::new(calls(settings)),
            addresses: settings.addresses.clone(),
            preferred: AtomicUsize::new(first(settings)),
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

    /// The client with the idle connections.
    pub(super) fn kept(&self) -> outbound::Client {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone()
    }

    /// A client that opens a connection for every call. After a freeze all kept
    /// ones may be dead without a sign, and each would cost an attempt.
    pub(super) fn fresh(&self) -> &outbound::Client {
        self.fresh.get_or_init(|| {
            // It was made of the same settings before.
            self.another(|profile| Profile { idle: 0, ..profile })
                .unwrap_or_else(|| self.kept())
        })
    }

    fn another(&self, change: impl FnOnce(Profile) -> Profile) -> Option<outbound::Client> {
        let profile = profile(&self.settings).ok()?;
        outbound::Client::new(&change(profile)).ok()
    }

    /// The server to try first, with its position.
    pub(super) fn server(&self) -> Option<(usize, &Url)> {
        let position = self.preferred.load(Ordering::Relaxed);
        let index = position.checked_rem(self.addresses.len())?;
        self.addresses.get(index).map(|url| (position, url))
    }

    /// Moves on from a server that failed, unless another request already did.
    pub(super) fn avoid(&self, position: usize) {
        let moved = self.preferred.compare_exchange(
            position,
            position.wrapping_add(1),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        // A function keeps one idle connection, and not one to each server.
        if moved.is_ok()
            && self.settings.process == Process::Function
            && self.addresses.len() > 1
            && let Some(client) = self.another(|profile| profile)
        {
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = client;
        }
    }
}

/// How many calls may be under way at the same time.
fn calls(settings: &NomadSettings) -> usize {
    let set = settings.connections.map(usize::try_from);
    match set {
        Some(Ok(calls @ 1..=Semaphore::MAX_PERMITS)) => calls,
        _ => settings.process.calls(),
    }
}

/// The server to ask first. Functions begin anywhere, so that their connections spread
/// over the servers; a gateway begins with the first, which may be the nearest.
fn first(settings: &NomadSettings) -> usize {
    match settings.process {
        Process::Gateway => 0,
        Process::Function => {
            // The standard library's own source of randomness.
            let random = RandomState::new().hash_one(());
            usize::try_from(random % settings.addresses.len().max(1) as u64).unwrap_or(0)
        }
    }
}

fn profile(settings: &NomadSettings) -> Result<Profile, SetupError> {
    let mut profile = Profile {
        connect: CONNECT_TIMEOUT,
        total: TOTAL_TIMEOUT,
        idle: settings.process.idle(),
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
