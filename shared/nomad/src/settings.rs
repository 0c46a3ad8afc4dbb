//! How the cluster is reached.

use std::path::PathBuf;

use dtle_outbound::{Secret, Url};

/// How Nomad is reached.
#[derive(Clone, Debug)]
pub struct NomadSettings {
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
