//! TLS for the listening half, from a certificate and its key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file is not there, or is not PEM of its kind.
    #[error("{file}: no {what} in PEM: {cause}")]
    File {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What was found instead.
        cause: String,
    },
    /// The two do not belong together, or are of an unknown kind.
    #[error("the certificate and the key cannot be used: {0}")]
    Pair(#[from] rustls::Error),
}

/// Sets TLS up. HTTP/1.1 only, as without it.
///
/// # Errors
/// When a file cannot be read or the two do not belong together.
pub fn tls(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let fault = |file: &Path, what, cause: rustls::pki_types::pem::Error| TlsError::File {
        file: file.to_owned(),
        what,
        cause: cause.to_string(),
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|cause| fault(certificate, "certificate", cause))?;
    let secret =
        PrivateKeyDer::from_pem_file(key).map_err(|cause| fault(key, "private key", cause))?;
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, secret)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
