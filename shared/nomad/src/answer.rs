//! What came back of a call, before anybody has read it.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::{Passing, classify, is_expired, own_words, passing};
use super::{Error, QueryMeta, Token};

/// Why an attempt brought no usable answer, and what follows from that.
pub(crate) enum Fault {
    /// No server accepted the connection.
    Refused(String),
    /// The server said that it did not do it, or could not pass it on.
    NotApplied(Error),
    /// The request was sent, and then came silence or a broken answer.
    Lost(String),
    /// No other server would give another answer.
    Final(Error),
}

/// An answer.
pub(crate) struct Incoming {
    /// Where the server stands that answered.
    pub(crate) position: usize,
    /// What is known of the token that the request showed.
    pub(crate) token: Token,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// How long the server took for it.
    pub(crate) took: Duration,
}

impl Incoming {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Faults that pass by themselves, most of them while a leader is elected.
    pub(crate) fn passing_fault(&self) -> Option<Fault> {
        if self.is_page() {
            return Some(Fault::Lost(format!(
                "a page of HTML with status {}: something stands between here and Nomad",
                self.status
            )));
        }
        match self.status {
            // Not the caller's fault, if it does not pass.
            429 | 503 => Some(Fault::NotApplied(Error::Unreachable {
                cause: format!("Nomad answered {}", self.status),
            })),
            502 | 504 => Some(Fault::Lost(format!("Nomad answered {}", self.status))),
            500 => match passing(&self.body)? {
                Passing::NoLeader => Some(Fault::NotApplied(Error::NoLeader)),
                Passing::NotApplied => {
                    Some(Fault::NotApplied(Error::Unreachable { cause: self.text() }))
                }
                Passing::Lost => Some(Fault::Lost(self.text())),
            },
            _ => None,
        }
    }

    /// Whether the token was not taken; nothing has been done then.
    pub(crate) fn refuses_token(&self) -> bool {
        self.status == 403 || (self.status == 500 && is_expired(&self.body))
    }

    /// Nomad's API sends no HTML; a proxy's error page or a login page is some.
    pub(crate) fn is_page(&self) -> bool {
        self.headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
    }

    /// A success that is no JSON at all, or breaks off.
    pub(crate) fn is_mangled(&self) -> bool {
        use serde::de::IgnoredAny;
        (200..300).contains(&self.status)
            // Cheap signs first: a whole answer ends as it began.
            && !matches!(
                (self.body.first(), self.body.trim_ascii_end().last()),
                (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')) | (Some(b'"'), Some(b'"'))
            )
            && serde_json::from_slice::<IgnoredAny>(&self.body).is_err()
    }

    /// A conflict is an error for every caller; other statuses are looked at
    /// where the answer is read.
    pub(crate) fn into_result(self) -> Result<Self, Error> {
        if self.status == 500 && own_words(&self.body).starts_with(b"Enforcing job modify index") {
            return Err(self.error());
        }
        Ok(self)
    }

    pub(crate) fn meta(&self) -> Option<QueryMeta> {
        let header = |name: &str| self.headers.get(name)?.to_str().ok();
        Some(QueryMeta {
            index: header("x-nomad-index")?.parse().ok()?,
            known_leader: header("x-nomad-knownleader").is_some_and(|value| value == "true"),
            last_contact: header("x-nomad-lastcontact")
                .and_then(|value| value.parse().ok())
                .unwrap_or(0),
        })
    }

    pub(crate) fn error(&self) -> Error {
        match classify(self.status, &self.text(), self.meta()) {
            Error::Forbidden { text, token } => Error::Forbidden {
                text,
                token: match self.token {
                    Token::Unclear => token,
                    known => known,
                },
            },
            error => error,
        }
    }

    /// The body of a 2xx.
    pub(crate) fn into_good(self) -> Result<Bytes, Error> {
        if (200..300).contains(&self.status) {
            Ok(self.body)
        } else {
            Err(self.error())
        }
    }

    pub(crate) fn json<T: DeserializeOwned>(self, segments: &[&str]) -> Result<T, Error> {
        read_json(&self.into_good()?, segments)
    }
}

/// Reads an answer. The error says where it cannot be read and never what it holds:
/// an answer can hold passwords.
pub(crate) fn read_json<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    segments: &[&str],
) -> Result<T, Error> {
    // Checked once as a whole: string by string costs several times that.
    let text = std::str::from_utf8(body).map_err(|error| Error::Unreadable {
        call: format!("/{}", segments.join("/")),
        shape: format!("no UTF-8 at byte {} of {}", error.valid_up_to(), body.len()),
    })?;
    serde_json::from_str(text).map_err(|error| Error::Unreadable {
        call: format!("/{}", segments.join("/")),
        shape: format!(
            "{:?} at line {} column {} of {} bytes",
            error.classify(),
            error.line(),
            error.column(),
            text.len()
        ),
    })
}
