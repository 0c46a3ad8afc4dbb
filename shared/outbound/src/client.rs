//! HTTP to other programs: the one place that makes clients and reads bodies.
//!
//! The other side may be wrong, slow, or taken over, and a call often carries a
//! token. So these rules hold for every client:
//!
//! - No redirect is followed. The client library would repeat the request, with
//!   the headers that it does not know to be secret, at an address that nobody
//!   configured. A 3xx is [`Fault::Redirected`], and its text says where to.
//! - A body is read up to a bound, whatever its headers announce.
//! - A call has a time limit, which includes reading the body.
//! - Proxies that the environment names are not used: what is called stands on a
//!   private network, and a proxy would see its tokens.
//!
//! This module knows nothing of Nomad, Consul or Secrets Manager. It takes a request
//! of `reqwest`, which cannot be sent in any other way here, and returns an answer
//! that has been read.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use reqwest::IntoUrl;
pub use reqwest::header::{HeaderMap, HeaderValue};
pub use reqwest::{Method, Request, StatusCode, Url};

/// The settings of a client.
#[derive(Clone)]
pub struct Profile {
    /// How long the other side may take to accept a connection.
    pub connect: Duration,
    /// How long a call may take, its body included. A request with a timeout of
    /// its own goes by that.
    pub total: Duration,
    /// How many connections to one host are kept between calls.
    pub idle: usize,
    /// How long an idle connection is kept.
    pub idle_for: Duration,
    /// The largest body read, in bytes.
    pub largest: usize,
    /// Which certificates are trusted.
    pub trust: Trust,
    /// A client certificate with its chain and its key, as PEM, for servers that
    /// ask for one.
    pub identity: Option<Vec<u8>>,
}

/// Which certificates are trusted.
#[derive(Clone)]
pub enum Trust {
    /// None: for `http://`, where the other side shows none. The system's roots are
    /// not read then.
    Nobody,
    /// Those that the system's roots have signed.
    System,
    /// Only those that these PEM certificates have signed.
    Only(Vec<u8>),
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The certificates of [`Trust::Only`] are not usable.
    #[error("{0}")]
    Trust(String),
    /// The client certificate or its key is not PEM. The text holds nothing of it.
    #[error("the certificate or its key is not PEM")]
    Identity,
    /// The TLS library cannot be set up.
    #[error("{0}")]
    Tls(String),
}

/// Why a call brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody accepted the connection: nothing was sent.
    #[error("{0}")]
    NotConnected(String),
    /// The time was up. What was sent may have been acted upon.
    #[error("{0}")]
    TimedOut(String),
    /// The connection broke. What was sent may have been acted upon.
    #[error("{0}")]
    Broken(String),
    /// A 3xx.
    #[error("a redirect ({status}) to {to}, which is not followed")]
    Redirected {
        /// The status.
        status: u16,
        /// Scheme, host and port that it points to.
        to: String,
    },
    /// The body is larger than the client reads.
    #[error("more than {largest} bytes")]
    TooLarge {
        /// The bound, in bytes.
        largest: usize,
    },
}

/// An answer, read.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status, no 3xx.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A client. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// The same for each thread that has connections of its own.
    own: Arc<[OnceLock<reqwest::Client>]>,
    profile: Arc<Profile>,
}

impl std::fmt::Debug for Client {
    /// Its settings have a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.http.fmt(f)
    }
}

thread_local! {
    /// The place of this thread among those with connections of their own, and how many
    /// they are.
    static PLACE: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

/// The most threads that have connections of their own; others share some.
const MOST_THREADS: usize = 64;

/// Gives this thread connections of its own in every client, as one of so many threads,
/// which share the idle connections that a client keeps.
pub fn own_connections(place: usize, of: usize) {
    PLACE.set((place < MOST_THREADS).then_some((place, of)));
}

impl Client {
    /// Makes a client. No connection is opened yet.
    ///
    /// # Errors
    /// When TLS material is not usable.
    pub fn new(profile: &Profile) -> Result<Self, ClientError> {
        Ok(Self {
            http: build(profile)?,
            own: std::iter::repeat_with(OnceLock::new)
                .take(MOST_THREADS)
                .collect(),
            profile: Arc::new(profile.clone()),
        })
    }

    /// The client with this thread's connections.
    fn http(&self) -> &reqwest::Client {
        let Some((place, of)) = PLACE.get() else {
            return &self.http;
        };
        let Some(own) = self.own.get(place) else {
            return &self.http;
        };
        own.get_or_init(|| {
            let idle = self.profile.idle.div_ceil(of.max(1));
            let profile = Profile::clone(&self.profile);
            // It was made of the same settings before.
            build(&Profile { idle, ..profile }).unwrap_or_else(|_| self.http.clone())
        })
    }

    /// A request, to be completed and sent. Credentials in the URL become its
    /// Authorization header.
    ///
    /// # Errors
    /// [`Fault::NotConnected`] when the text is no URL; it is not repeated.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> Result<Request, Fault> {
        let request = self.http().request(method, url).build();
        request.map_err(|_| Fault::NotConnected("the address is no URL".to_owned()))
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// See [`Fault`]. An answer of status 4xx or 5xx is none.
    pub async fn send(&self, request: Request) -> Result<Answer, Fault> {
        let asked = request.url().clone();
        let mut response = self.http().execute(request).await.map_err(|e| fault(&e))?;
        let status = response.status();
        if status.is_redirection() {
            let location = response.headers().get(reqwest::header::LOCATION);
            return Err(Fault::Redirected {
                status: status.as_u16(),
                to: destination(&asked, location),
            });
        }
        let headers = std::mem::take(response.headers_mut());
        let body = read(response, self.profile.largest).await?;
        Ok(Answer {
            status,
            headers,
            body,
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that may")]
fn build(profile: &Profile) -> Result<reqwest::Client, ClientError> {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(profile.connect)
        .timeout(profile.total)
        .pool_max_idle_per_host(profile.idle)
        .pool_idle_timeout(profile.idle_for)
        .tcp_nodelay(true);
    builder = match &profile.trust {
        Trust::Nobody => builder.tls_certs_only([]),
        Trust::System => builder,
        Trust::Only(pem) => {
            let certificates = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|cause| ClientError::Trust(cause.to_string()))?;
            builder.tls_certs_only(certificates)
        }
    };
    if let Some(pem) = &profile.identity {
        let identity = reqwest::Identity::from_pem(pem).map_err(|_| ClientError::Identity)?;
        builder = builder.identity(identity);
    }
    builder
        .build()
        .map_err(|cause| ClientError::Tls(cause.to_string()))
}

/// A body, if it is not larger than that.
async fn read(mut response: reqwest::Response, largest: usize) -> Result<Bytes, Fault> {
    let too_large = Fault::TooLarge { largest };
    let announced = response.content_length().unwrap_or(0);
    if announced > largest as u64 {
        return Err(too_large);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
        if body.len() + chunk.len() > largest {
            return Err(too_large);
        }
        if body.is_empty() && chunk.len() as u64 == announced {
            // All of it at once, as most answers come.
            body = BytesMut::from(chunk);
        } else {
            body.extend_from_slice(&chunk);
        }
    }
    Ok(body.freeze())
}

/// Where a redirect points to, without path, query and credentials.
fn destination(asked: &Url, location: Option<&HeaderValue>) -> String {
    let location = location.and_then(|value| value.to_str().ok());
    match location.and_then(|text| asked.join(text).ok()) {
        Some(url) => url.origin().ascii_serialization(),
        None => "no address".to_owned(),
    }
}

/// A value that no library shows in its own log.
///
/// # Errors
/// [`Fault::NotConnected`] when it cannot be a header; it is not repeated.
pub fn secret_header(value: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Fault::NotConnected("the token cannot be sent in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn fault(error: &reqwest::Error) -> Fault {
    // Without the URL, which repeats the path for no gain.
    let mut cause = if error.is_timeout() {
        "timed out".to_owned()
    } else if error.is_connect() {
        "cannot connect".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        cause = format!("{cause}: {inner}");
        source = inner.source();
    }
    if error.is_connect() {
        Fault::NotConnected(cause)
    } else if error.is_timeout() {
        Fault::TimedOut(cause)
    } else {
        Fault::Broken(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_sent_is_not_repeated() {
        let text = secret_header("hush\n").unwrap_err().to_string();
        assert!(!text.contains("hush"), "{text}");
        let shown = format!("{:?}", secret_header("hush").unwrap());
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn a_redirects_text_names_a_host_and_nothing_secret() {
        let asked = Url::parse("http://10.0.0.5:8500/v1/kv/dtle/?recurse=true").unwrap();
        for (location, expected) in [
            (
                "https://user:hush@other.example/x?token=hush",
                "https://other.example",
            ),
            ("//other.example:8080/x", "http://other.example:8080"),
            ("/ui/", "http://10.0.0.5:8500"),
            ("http://[", "no address"),
        ] {
            let value = HeaderValue::from_static(location);
            assert_eq!(destination(&asked, Some(&value)), expected, "{location}");
        }
        assert_eq!(destination(&asked, None), "no address");
    }
}
