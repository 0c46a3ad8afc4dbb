//! Errors: what a route answers when it fails.
//!
//! The caller must learn what is wrong, in 2.x's words, and the log must learn more
//! than the caller may. So an error has a message for the caller and a separate
//! cause for the log. The constructors below are the only way to make one; each
//! reads like the sentence that it sends.

use std::borrow::Cow;
use std::fmt;

use dtle_nomad::{self as nomad, QueryMeta, Token};
use lambda_http::http::StatusCode;

use crate::observe::Fault;

/// The body of a 404 for a path that no route has; Go's own page.
pub(super) const NO_PAGE: &str = "404 page not found\n";

/// A failed request: status and message for the caller, a cause for the log.
#[derive(Clone, Debug)]
pub struct Error {
    status: StatusCode,
    message: Cow<'static, str>,
    cause: Option<String>,
    nomad_down: bool,
    fault: Fault,
    /// 2.x puts its index headers on the 404s of reads too [recording 013].
    meta: Option<QueryMeta>,
}

impl Error {
    fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            message: message.into(),
            cause: None,
            nomad_down: false,
            fault: Fault::Caller,
            meta: None,
        }
    }

    /// 400: the request is at fault; the message names the fault.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404 in the words of the route, `job not found` and its kin.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 404 for a path that no route has, as Go's own page.
    #[must_use]
    pub fn no_page() -> Self {
        Self::not_found(NO_PAGE)
    }

    /// 404 `job not found`.
    #[must_use]
    pub fn job_not_found() -> Self {
        Self::not_found("job not found")
    }

    /// 404 `order not found`. 2.x reads the order first, so it comes with the
    /// headers of a read, those of a table without orders [089].
    #[must_use]
    pub fn order_not_found() -> Self {
        Self::not_found("order not found").with_meta(Some(QueryMeta {
            index: 0,
            known_leader: true,
            last_contact: 0,
        }))
    }

    /// 405 `Invalid method`.
    #[must_use]
    pub fn invalid_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Invalid method")
    }

    /// 413: the request or the answer is larger than Lambda can carry.
    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// 500, as 2.x answers a compare-and-set that failed and a region it does
    /// not know: the caller's fault, unless [`Error::by`] says otherwise.
    pub fn refused(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// 501: 2.x had it, a Nomad cluster has no counterpart.
    pub fn not_implemented(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, message)
    }

    /// 502: Nomad cannot be reached, or its answer cannot be read.
    pub fn bad_gateway(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, message).by(Fault::Nomad)
    }

    /// Says whose fault it is, where that is not what the constructor says.
    #[must_use]
    pub fn by(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    /// Adds what the log should say and the caller should not see.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Adds the index headers that 2.x sends with the 404s of reads.
    #[must_use]
    pub fn with_meta(mut self, meta: Option<QueryMeta>) -> Self {
        self.meta = meta;
        self
    }

    /// Gives a 404 of Nomad's the words of this route.
    #[must_use]
    pub fn or_not_found(error: nomad::Error, message: &'static str) -> Self {
        match error {
            nomad::Error::NotFound { meta } => Self::not_found(message).with_meta(meta),
            other => other.into(),
        }
    }

    /// The status to answer with, always 4xx or 5xx.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The message for the caller: the whole body.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The cause for the log.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Why the request failed, for the log: the message, and the cause behind it.
    #[must_use]
    pub fn to_log(&self) -> String {
        match &self.cause {
            None => self.message.to_string(),
            // It says the same and more.
            Some(cause) if cause.starts_with(&*self.message) => cause.clone(),
            Some(cause) => format!("{}: {cause}", self.message),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// Whether no Nomad server answered, or none led.
    #[must_use]
    pub fn is_nomad_down(&self) -> bool {
        self.nomad_down
    }

    fn nomad_is_down(mut self) -> Self {
        self.nomad_down = true;
        self.by(Fault::Nomad)
    }

    /// Index headers to send along.
    #[must_use]
    pub fn meta(&self) -> Option<QueryMeta> {
        self.meta
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.message)
    }
}

impl std::error::Error for Error {}

impl From<nomad::Error> for Error {
    /// The one place where a failure of the cluster becomes an answer.
    fn from(error: nomad::Error) -> Self {
        match error {
            nomad::Error::NotFound { meta } => Self::not_found("not found").with_meta(meta),
            nomad::Error::Forbidden { ref text, token } => forbidden(text, token),
            nomad::Error::TakesNoJobs { ref text } => Self::new(
                StatusCode::FORBIDDEN,
                format!("Nomad takes no jobs: {text}"),
            ),
            // 2.x's command line looks for exactly this text.
            nomad::Error::NoLeader => Self::refused("No cluster leader").nomad_is_down(),
            nomad::Error::NotOurRegion => Self::refused("No path to region"),
            nomad::Error::NoPathToRegion => {
                Self::refused("No path to region").by(Fault::Gateway)
            }
            nomad::Error::Conflict { ref text, .. } => Self::refused(text.clone()),
            nomad::Error::Rejected { status, ref text } => {
                let text = text.trim();
                // Nomad's list of what is wrong with a job comes as a 500.
                let faults = text.split_once("occurred:").map(|(_, faults)| faults);
                if let Some(faults) = faults {
                    let faults: Vec<&str> = faults
                        .split('*')
                        .map(str::trim)
                        .filter(|fault| !fault.is_empty())
                        .collect();
                    Self::bad_request(format!("Nomad refused the job: {}", faults.join("; ")))
                } else if (400..500).contains(&status) {
                    Self::bad_request(format!("Nomad refused the request: {text}"))
                } else if text.ends_with("was not found in the Raft configuration") {
                    Self::refused(text.to_owned())
                } else {
                    Self::refused(text.to_owned()).by(Fault::Nomad)
                }
            }
            nomad::Error::Unreachable { .. } => {
                Self::bad_gateway("Nomad is unreachable")
                    .because(&error)
                    .nomad_is_down()
            }
            nomad::Error::NoToken { .. } => Self::bad_gateway(
                "the gateway cannot read its own Nomad token from Secrets Manager",
            )
            .because(&error)
            .by(Fault::Gateway),
            nomad::Error::InDoubt { .. } => Self::bad_gateway(
                "Nomad did not confirm the change; it may or may not have been made: read before repeating it",
            )
            .because(&error),
            nomad::Error::Unreadable { .. } => {
                Self::bad_gateway("Nomad sent an answer that cannot be read").because(&error)
            }
        }
    }
}

/// Nomad's 403, and what is the matter with the gateway's token.
fn forbidden(text: &str, token: Token) -> Error {
    let (whose, rest) = match token {
        Token::None => (
            "the gateway",
            "it has no token for Nomad, and this request needs one",
        ),
        Token::Expired => ("the gateway's own token", "it has expired"),
        Token::Unknown => (
            "the gateway's own token",
            "Nomad does not know it (deleted, or another cluster's)",
        ),
        Token::Weak => (
            "the gateway's own token",
            "it lacks a capability that this request needs",
        ),
        Token::Unclear => (
            "the gateway's own token",
            "it lacks a capability that this request needs, or Nomad does not know it (deleted, expired, or another cluster's); `nomad acl token self` with that token tells which",
        ),
    };
    let message = format!(
        "Nomad refused {whose} ({text}): {rest}; the caller's credentials are not the cause"
    );
    Error::new(StatusCode::FORBIDDEN, message).by(match token {
        // What the operator lets nobody do here.
        Token::Weak => Fault::Caller,
        Token::None | Token::Unclear if text == "Permission denied" => Fault::Caller,
        // A token that Nomad does not know, or no longer.
        _ => Fault::Gateway,
    })
}
