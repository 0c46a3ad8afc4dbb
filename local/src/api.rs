//! A dtle 2.x HTTP API as a client sees it: a 2.x cluster's own, or a gateway's.

use std::path::Path;
use std::time::Duration;

use dtle_outbound::{
    Client, HeaderValue, Method, Profile, Secret, StatusCode, Trust, Url, secret_header,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// How long a side may take to answer.
const CALL: Duration = Duration::from_secs(40);
/// How long a side may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// The largest answer read, in bytes: a list of thousands of jobs.
const LARGEST: usize = 256 << 20;

/// One API.
#[derive(Clone, Debug)]
pub struct Api {
    http: Client,
    base: Url,
    token: Option<Secret>,
}

/// A request that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// Nobody answered.
    #[error("{method} {url}: {cause}")]
    Unreachable {
        /// The method.
        method: Method,
        /// The URL, without credentials.
        url: String,
        /// What went wrong.
        cause: String,
    },
    /// The answer was a refusal.
    #[error("{method} {url}: {status}: {text}")]
    Refused {
        /// The method.
        method: Method,
        /// The URL, without credentials.
        url: String,
        /// The status.
        status: StatusCode,
        /// The answer's text, its beginning.
        text: String,
    },
}

impl ApiError {
    /// Whether a change that was asked for was certainly not made. Everything
    /// else, a lost answer above all, leaves that open.
    #[must_use]
    pub fn says_not_made(&self) -> bool {
        match self {
            Self::Unreachable { .. } => false,
            Self::Refused { status, text, .. } => {
                status.is_client_error()
                    || self.is_conflict()
                    || matches!(text.as_str(), "Nomad is unreachable" | "No cluster leader")
            }
        }
    }

    /// Whether the same request may well succeed a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => !status.is_client_error(),
        }
    }

    /// Whether somebody else came between.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { text, .. } if text.starts_with("Enforcing job modify index"))
    }

    /// The text of a refusal.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused { text, .. } => Some(text),
            Self::Unreachable { .. } => None,
        }
    }
}

impl Api {
    /// A client of the API at that URL. Credentials in the URL, or else a token,
    /// go along with every request.
    ///
    /// # Errors
    /// When the TLS backend cannot be set up.
    pub fn new(base: &Url, token: Option<Secret>) -> Result<Self, ApiError> {
        let profile = Profile {
            connect: CONNECT,
            total: CALL,
            idle: 4,
            idle_for: CALL,
            largest: LARGEST,
            trust: match base.scheme() {
                "https" => Trust::System,
                _ => Trust::Nobody,
            },
            identity: None,
        };
        let http = Client::new(&profile).map_err(|error| ApiError::Unreachable {
            method: Method::GET,
            url: shown(base),
            cause: error.to_string(),
        })?;
        Ok(Self {
            http,
            base: base.clone(),
            token,
        })
    }

    /// Where it is, without credentials.
    #[must_use]
    pub fn shown(&self) -> String {
        shown(&self.base).trim_end_matches('/').to_owned()
    }

    /// Reads.
    ///
    /// # Errors
    /// Any answer but a success.
    pub async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.send(Method::GET, path, None).await
    }

    /// What is there; `None` for a 404.
    ///
    /// # Errors
    /// Any answer but a success or a 404.
    pub async fn find(&self, path: &str) -> Result<Option<Value>, ApiError> {
        match self.get(path).await {
            Ok(value) => Ok(Some(value)),
            Err(ApiError::Refused {
                status: StatusCode::NOT_FOUND,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a request. An empty answer is `null`.
    ///
    /// # Errors
    /// Any answer but a success.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ApiError> {
        let unreachable = |cause: String| ApiError::Unreachable {
            method: method.clone(),
            url: shown(&self.base),
            cause,
        };
        let url = self
            .base
            .join(path)
            .map_err(|error| unreachable(error.to_string()))?;
        let request = self.http.request(method.clone(), url.as_str());
        let mut request = request.map_err(|fault| unreachable(fault.to_string()))?;
        if let Some(token) = &self.token {
            let header = secret_header(&format!("Bearer {}", token.expose()));
            let header = header.map_err(|fault| unreachable(fault.to_string()))?;
            request.headers_mut().insert("Authorization", header);
        }
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert("Content-Type", json);
            *request.body_mut() = Some(body.to_string().into());
        }
        let answer = self.http.send(request).await;
        let answer = answer.map_err(|fault| unreachable(fault.to_string()))?;
        let status = answer.status;
        let text = String::from_utf8_lossy(&answer.body);
        if !status.is_success() {
            return Err(ApiError::Refused {
                method,
                url: shown(&url),
                status,
                text: text.trim().chars().take(300).collect(),
            });
        }
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|_| unreachable("the answer is no JSON".to_owned()))
    }
}

/// The path of a job.
#[must_use]
pub fn job_path(id: &str) -> String {
    format!("v1/job/{}", utf8_percent_encode(id, NON_ALPHANUMERIC))
}

fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// A secret from a file: its first line.
///
/// # Errors
/// When the file cannot be read or holds none.
pub fn secret_of_file(file: &Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("{}: {}", file.display(), error.kind()))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::new(line)),
        _ => Err(format!("{}: the first line is empty", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_a_url_are_not_shown() {
        let url = Url::parse("https://user:hush@host/v1").unwrap();
        assert_eq!(shown(&url), "https://host/v1");
        let api = Api::new(&url, Some(Secret::new("quiet"))).unwrap();
        assert!(!api.shown().contains("hush"));
    }
}
