//! What can go wrong between here and Nomad, by what it means.
//!
//! Nomad's errors are plain texts with a status of 500 for nearly everything.
//! They are recognised here, in one place, and are types from there on.

use super::QueryMeta;

/// A failed call to Nomad.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 404: no such job, node, allocation or evaluation. Reads carry the index
    /// at which that was true.
    #[error("not found")]
    NotFound {
        /// Index headers of the answer, where it had them.
        meta: Option<QueryMeta>,
    },
    /// 403: the gateway's own token is missing, unknown or too weak.
    #[error("Nomad answered 403: {text}")]
    Forbidden {
        /// Nomad's words: `Permission denied`, `ACL token not found`.
        text: String,
    },
    /// The cluster had no leader on any attempt.
    #[error("No cluster leader")]
    NoLeader,
    /// The region is not one of the cluster's.
    #[error("No path to region")]
    NoPathToRegion,
    /// A compare-and-set found another index than it was given.
    #[error("{text}")]
    Conflict {
        /// Nomad's words, which are 2.x's as well.
        text: String,
        /// Whether an earlier attempt of the same write got no answer, so that
        /// the conflict may be with our own change.
        in_doubt: bool,
    },
    /// Any other refusal.
    #[error("Nomad answered {status}: {text}")]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// Nomad's words.
        text: String,
    },
    /// No server answered in time.
    #[error("Nomad is unreachable: {cause}")]
    Unreachable {
        /// What the last attempt met.
        cause: String,
    },
    /// The gateway's own token cannot be had from Secrets Manager.
    #[error("no token for Nomad: {cause}")]
    NoToken {
        /// What Secrets Manager said.
        cause: String,
    },
    /// A write was sent and no answer came: it may have been applied.
    #[error("no answer to a write: {cause}")]
    InDoubt {
        /// What the attempt met.
        cause: String,
    },
    /// The answer is not what Nomad documents. Its content stays out of the
    /// error: it can hold passwords.
    #[error("unreadable answer to {call}: {shape}")]
    Unreadable {
        /// Method and path of the call.
        call: String,
        /// Kind and place of the fault, never a value.
        shape: String,
    },
}

/// What a Nomad status and text mean.
pub(super) fn classify(status: u16, text: &str, meta: Option<QueryMeta>) -> Error {
    let text = text.trim();
    match status {
        404 => Error::NotFound { meta },
        403 => Error::Forbidden {
            text: text.to_owned(),
        },
        _ if text == "No cluster leader" => Error::NoLeader,
        _ if text == "No path to region" => Error::NoPathToRegion,
        _ if text.starts_with("Enforcing job modify index") => Error::Conflict {
            text: text.to_owned(),
            in_doubt: false,
        },
        _ => Error::Rejected {
            status,
            text: text.to_owned(),
        },
    }
}
