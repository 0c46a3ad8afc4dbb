//! How the cluster is reached.

use std::path::PathBuf;

use dtle_outbound::{Secret, Url};

/// What kind of process calls Nomad, which decides how many connections it may have:
/// Nomad allows one client address a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// A gateway with many clients, at an address of its own.
    Gateway,
    /// A Lambda function: one request at a time, beside many others that come from the
    /// same address, and frozen with the connections that it has.
    Function,
}

impl Process {
    /// How many calls may be under way at the same time, blocking queries not counted.
    pub(crate) fn calls(self) -> usize {
        match self {
            Self::Gateway => 64,
            Self::Function => 4,
        }
    }

    /// How many idle connections to a server are kept.
    pub(crate) fn idle(self) -> usize {
        match self {
            Self::Gateway => 32,
            Self::Function => 1,
        }
    }
}

/// How Nomad is reached.
#[derive(Clone, Debug)]
pub struct NomadSettings {
    /// What kind of process this is.
    pub process: Process,
    /// `DTLE_NOMAD_CONNECTIONS`: how many calls may be under way at the same time, if not
    /// as many as is usual for the process.
    pub connections: Option<u32>,
    /// `NOMAD_ADDR`: one address or several, separated by commas or spaces.
    pub addresses: Vec<Url>,
    /// `NOMAD_TOKEN`.
    pub token: Option<Secret>,
    /// `NOMAD_TOKEN_FILE`: a file with the token, read again when it changes. It
    /// goes before `NOMAD_TOKEN`.
    pub token_file: Option<PathBuf>,
    /// `NOMAD_NAMESPACE`.
    pub namespace: Option<String>,
    /// `NOMAD_REGION`, also the Region of jobs that name none.
    pub region: Option<String>,
    /// `DTLE_REGIONS`: the regions that callers may name besides the gateway's own.
    pub regions: Vec<String>,
    /// `NOMAD_CACERT`: a PEM file, or PEM text.
    pub ca_cert: Option<Secret>,
    /// `NOMAD_CLIENT_CERT`: a PEM file, or PEM text.
    pub client_cert: Option<Secret>,
    /// `NOMAD_CLIENT_KEY`: a PEM file, or PEM text.
    pub client_key: Option<Secret>,
}
