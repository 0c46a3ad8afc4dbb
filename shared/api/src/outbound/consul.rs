//! The plugin's progress, which it keeps in Consul under `dtle/<Name>/`.
//!
//! Optional: without an address everything else works, and Config shows what was
//! registered. A Consul that does not answer must not take the API with it, so
//! every read has little time, and after a failure none is tried for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dtle_nomad::Process;
use dtle_outbound::{
    Answer, ClientError, Fault, Method, Profile, StatusCode, TokenSource, Trust, secret_header,
};
use dtle_translate::progress::Progress;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::expiring::Expiring;
use crate::outbound::credential::Credential;
use crate::settings::ConsulSettings;

/// One read or delete.
const CALL: Duration = Duration::from_secs(2);
/// The largest answer read, in bytes: the progress of all jobs comes in one.
const LARGEST_ANSWER: usize = 64 << 20;
/// How long a connection is kept between calls: a function that was frozen wakes up
/// with connections that the other side has long forgotten.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a Consul that failed is left alone.
const REST: Duration = Duration::from_secs(5);
/// Where the plugin keeps its jobs.
const ROOT: &str = "dtle";

/// Consul did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsulError {
    /// It could not be reached, or did not answer in time.
    #[error("Consul is unreachable: {0}")]
    Unreachable(String),
    /// Its token cannot be had.
    #[error("no token for Consul: {0}")]
    NoToken(String),
    /// It refused the token.
    #[error("Consul refused the gateway's token")]
    Forbidden,
    /// It answered something else than documented.
    #[error("Consul answered {0}")]
    Unexpected(String),
    /// It failed a moment ago and is left alone.
    #[error("Consul failed a moment ago")]
    Resting,
}

/// A Consul agent.
pub struct Consul {
    http: dtle_outbound::Client,
    base: String,
    token: Option<Arc<Credential>>,
    rest: Mutex<Option<Expiring<()>>>,
}

/// An entry of Consul's key-value store.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    /// In base64; `null` for an empty one.
    value: Option<String>,
}

impl Consul {
    /// Makes a client. No connection is opened yet.
    ///
    /// # Errors
    /// When the TLS backend cannot be set up.
    pub fn new(
        settings: &ConsulSettings,
        token: Option<Arc<Credential>>,
        process: Process,
    ) -> Result<Self, ClientError> {
        let http = dtle_outbound::Client::new(&Profile {
            connect: CALL,
            total: CALL,
            // A function keeps one idle connection, and that is to Nomad.
            idle: match process {
                Process::Gateway => 2,
                Process::Function => 0,
            },
            idle_for: IDLE_TIMEOUT,
            largest: LARGEST_ANSWER,
            trust: match settings.address.scheme() {
                "https" => Trust::System,
                _ => Trust::Nobody,
            },
            identity: None,
        })?;
        Ok(Self {
            http,
            base: settings.address.as_str().trim_end_matches('/').to_owned(),
            token,
            rest: Mutex::new(None),
        })
    }

    /// What the plugin has stored of one job, by its Nomad Name.
    ///
    /// # Errors
    /// See [`ConsulError`]; a job without progress is no error.
    pub async fn progress(&self, name: &str) -> Result<Progress, ConsulError> {
        let stored = self.read(&format!("{ROOT}/{}/", segment(name))).await?;
        Ok(stored.all()?.remove(name).unwrap_or_default())
    }

    /// What the plugin has stored of all jobs, in one read.
    ///
    /// # Errors
    /// See [`ConsulError`].
    pub async fn stored(&self) -> Result<Stored, ConsulError> {
        self.read(&format!("{ROOT}/")).await
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// See [`ConsulError`].
    pub async fn answers(&self) -> Result<(), ConsulError> {
        // The key itself and not what is below it: an answer of no length. An empty name
        // below it would not do, since Consul redirects a path with two slashes.
        let answer = self.send(Method::GET, &format!("{ROOT}/")).await?;
        match answer.status {
            StatusCode::NOT_FOUND | StatusCode::OK => Ok(()),
            status => Err(ConsulError::Unexpected(status.to_string())),
        }
    }

    /// Removes what the plugin has stored of one job. The slash at the end
    /// matters: Consul deletes by prefix, and `dtle/a` takes `dtle/ab/…` along.
    ///
    /// # Errors
    /// See [`ConsulError`].
    pub async fn forget(&self, name: &str) -> Result<(), ConsulError> {
        let tree = format!("{ROOT}/{}/?recurse=true", segment(name));
        let answer = self.send(Method::DELETE, &tree).await?;
        match answer.status {
            status if status.is_success() => Ok(()),
            status => Err(ConsulError::Unexpected(status.to_string())),
        }
    }

    async fn read(&self, key: &str) -> Result<Stored, ConsulError> {
        let answer = self
            .send(Method::GET, &format!("{key}?recurse=true"))
            .await?;
        match answer.status {
            // No such key.
            StatusCode::NOT_FOUND => Ok(Stored::default()),
            status if status.is_success() => Ok(Stored(answer.body)),
            status => Err(ConsulError::Unexpected(status.to_string())),
        }
    }

    async fn send(&self, method: Method, key: &str) -> Result<Answer, ConsulError> {
        if self.rests() {
            return Err(ConsulError::Resting);
        }
        let url = format!("{}/v1/kv/{key}", self.base);
        let request = self.http.request(method, &url);
        let mut request = request.map_err(|fault| self.failed(&fault))?;
        let mut shown = None;
        if let Some(credential) = &self.token {
            let token = credential.token().await.map_err(ConsulError::NoToken)?;
            let header = secret_header(token.expose())
                .map_err(|cause| ConsulError::NoToken(cause.to_string()))?;
            request.headers_mut().insert("X-Consul-Token", header);
            shown = Some((credential, token));
        }
        let answer = self.http.send(request).await;
        let answer = answer.map_err(|fault| self.failed(&fault))?;
        if answer.status == StatusCode::FORBIDDEN {
            // The next request comes with another one, if there is one.
            if let Some((credential, token)) = shown {
                credential.renewed(&token).await;
            }
            return Err(ConsulError::Forbidden);
        }
        Ok(answer)
    }

    fn rests(&self) -> bool {
        let rest = self.rest.lock();
        rest.is_ok_and(|rest| rest.as_ref().is_some_and(|rest| rest.get().is_some()))
    }

    fn failed(&self, fault: &Fault) -> ConsulError {
        if let Ok(mut rest) = self.rest.lock() {
            *rest = Some(Expiring::new((), REST));
        }
        let text = fault.to_string();
        match fault {
            Fault::Redirected { .. } | Fault::TooLarge { .. } => ConsulError::Unexpected(text),
            _ => ConsulError::Unreachable(text),
        }
    }
}

/// What the plugin has stored, as Consul answered it. Two that are equal hold the same
/// progress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stored(Bytes);

impl Stored {
    /// The progress of each job, by Nomad Name.
    ///
    /// # Errors
    /// [`ConsulError::Unexpected`] when it is not what Consul documents.
    pub fn all(&self) -> Result<BTreeMap<String, Progress>, ConsulError> {
        if self.0.is_empty() {
            return Ok(BTreeMap::new());
        }
        let entries: Vec<Entry> = serde_json::from_slice(&self.0)
            .map_err(|error| ConsulError::Unexpected(format!("{:?}", error.classify())))?;
        let mut jobs: BTreeMap<String, Progress> = BTreeMap::new();
        for entry in entries {
            let mut parts = entry.key.rsplitn(2, '/');
            let (Some(what), Some(path)) = (parts.next(), parts.next()) else {
                continue;
            };
            let Some(name) = path.strip_prefix("dtle/") else {
                continue;
            };
            let value = entry
                .value
                .and_then(|value| STANDARD.decode(value).ok())
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .unwrap_or_default();
            jobs.entry(name.to_owned()).or_default().set(what, value);
        }
        Ok(jobs)
    }
}

fn segment(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}
