//! What can go wrong in a call to Nomad, by its meaning.
//!
//! Nomad answers nearly every error with status 500 and a plain text. These texts
//! are recognised here, in one place; everywhere else an error has a type.

use super::QueryMeta;

/// What is the matter with the token of a call that Nomad refused. From 1.5 on most refusals
/// read `Permission denied`, so the call that was refused does not tell (recordings 011 to
/// 024 of the sets with ACLs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// The call showed none.
    None,
    /// Nomad does not know it: deleted, or another cluster's.
    Unknown,
    /// Its time to live is over.
    Expired,
    /// Nomad knows it, and its policies do not allow the call.
    Weak,
    /// `Weak`, or `Unknown`: a workload's identity, or Nomad did not say when it was asked.
    Unclear,
}

/// A failed call to Nomad.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 404: no such job, node, allocation or evaluation. Reads carry the index
    /// at which that was true.
    #[error("not found")]
    NotFound {
        /// Index headers of the answer, where it had them.
        meta: Option<QueryMeta>,
    },
    /// 403: the gateway's own token is missing, unknown, expired or too weak.
    #[error("Nomad answered 403: {text}")]
    Forbidden {
        /// Nomad's words: `Permission denied`, `ACL token not found`, `ACL token expired`.
        text: String,
        /// What is the matter with the token.
        token: Token,
    },
    /// 403: the cluster takes jobs from nobody but holders of a management token
    /// (`RejectJobRegistration` in the scheduler's configuration).
    #[error("Nomad answered 403: {text}")]
    TakesNoJobs {
        /// Nomad's words.
        text: String,
    },
    /// The cluster had no leader on any attempt.
    #[error("No cluster leader")]
    NoLeader,
    /// Nomad knows no region of the name that the settings give.
    #[error("No path to region")]
    NoPathToRegion,
    /// The caller named a region that is not one of the gateway's. Nomad was not asked,
    /// and the answer is what it would say of one that it does not know.
    #[error("No path to region")]
    NotOurRegion,
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

impl Error {
    /// Whether the call may have been made all the same: no answer came, none that
    /// can be read, or a conflict that may be with an earlier attempt of this call.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        match self {
            Self::InDoubt { .. } | Self::Unreadable { .. } => true,
            Self::Conflict { in_doubt, .. } => *in_doubt,
            _ => false,
        }
    }
}

/// An error's text as the leader gave it. A server that passed the call on to the
/// leader says so in front, once a hop: `rpc error: Enforcing job modify …`.
pub(super) fn own_words(text: &[u8]) -> &[u8] {
    let mut text = text.trim_ascii();
    while let Some(rest) = text.strip_prefix(b"rpc error: ") {
        text = rest;
    }
    text
}

/// A fault that ends without anybody doing something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passing {
    /// There is no leader; nothing was done.
    NoLeader,
    /// The server could not pass the call on; nothing was done.
    NotApplied,
    /// A leader or a connection went away during the call, which may have been done.
    Lost,
}

/// Which passing fault the text of a 500 speaks of. The dtle driver's statistics
/// begin with `rpc error: code` and are none.
pub(super) fn passing(text: &[u8]) -> Option<Passing> {
    let text = text.trim_ascii();
    let words = own_words(text);
    // Raft's own, of hashicorp/raft's api.go.
    match words {
        b"No cluster leader" => return Some(Passing::NoLeader),
        b"node is not the leader"
        // A leader that has just been elected (Nomad's nomad/rpc.go).
        | b"Not ready to serve consistent reads"
        | b"leadership transfer in progress"
        | b"timed out enqueuing operation" => return Some(Passing::NotApplied),
        b"leadership lost while committing log" | b"raft is already shutdown" => {
            return Some(Passing::Lost);
        }
        _ => {}
    }
    if words.len() == text.len() {
        return None;
    }
    if words.starts_with(b"failed to get conn") {
        return Some(Passing::NotApplied);
    }
    // The connection between the servers broke; yamux's words and Go's.
    let broke: [&[u8]; 7] = [
        b"EOF",
        b"session shutdown",
        b"stream closed",
        b"stream reset",
        b"keepalive timeout",
        b"connection write timeout",
        b"i/o deadline reached",
    ];
    let go: [&[u8]; 4] = [
        b": connection reset by peer",
        b": broken pipe",
        b": i/o timeout",
        b": use of closed network connection",
    ];
    (broke.contains(&words) || go.iter().any(|end| words.ends_with(end))).then_some(Passing::Lost)
}

/// What a token is that is not known, up to Nomad 1.4.
const TOKEN_NOT_FOUND: &str = "ACL token not found";
/// What a token is that had a time to live, from Nomad 1.4 on.
const TOKEN_EXPIRED: &str = "ACL token expired";

/// Whether an error's text says that the token has expired. Agents say so with 500.
pub(super) fn is_expired(text: &[u8]) -> bool {
    text.trim_ascii_end().ends_with(TOKEN_EXPIRED.as_bytes())
}

/// What a Nomad status and text mean, of a call that showed a token.
pub(super) fn classify(status: u16, text: &str, meta: Option<QueryMeta>) -> Error {
    let text = text.trim();
    let text = std::str::from_utf8(own_words(text.as_bytes()))
        .ok()
        // The statistics keep their beginning.
        .filter(|words| !words.starts_with("code = "))
        .unwrap_or(text);
    match status {
        404 => Error::NotFound { meta },
        403 if text.starts_with("Job registration") => Error::TakesNoJobs {
            text: text.to_owned(),
        },
        _ if is_expired(text.as_bytes()) => Error::Forbidden {
            text: TOKEN_EXPIRED.to_owned(),
            token: Token::Expired,
        },
        403 => Error::Forbidden {
            text: text.to_owned(),
            token: match text {
                TOKEN_NOT_FOUND => Token::Unknown,
                _ => Token::Unclear,
            },
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen on three servers of Nomad 1.1.2: the same refusal from the leader
    /// and from a server that passed the write on.
    #[test]
    fn a_refusal_means_the_same_from_a_server_that_is_not_the_leader() {
        for text in [
            "Enforcing job modify index 0: job already exists",
            "rpc error: Enforcing job modify index 0: job already exists",
            "rpc error: rpc error: Enforcing job modify index 0: job already exists\n",
        ] {
            let Error::Conflict { text, .. } = classify(500, text, None) else {
                panic!("{text}");
            };
            assert_eq!(text, "Enforcing job modify index 0: job already exists");
        }
    }

    /// The texts of Nomad 1.10.5 and 2.0.5, as recorded.
    #[test]
    fn a_token_that_expired_is_told_from_a_cluster_that_takes_no_jobs() {
        for (status, text) in [
            (500, "failed to resolve ACL token: ACL token expired"),
            (
                500,
                "ACL token not found or invalid workload identity: ACL token expired",
            ),
        ] {
            let Error::Forbidden { text, .. } = classify(status, text, None) else {
                panic!("{text}");
            };
            assert_eq!(text, "ACL token expired");
        }
        let disabled =
            "Job registration, dispatch, and scale are disabled by the scheduler configuration";
        let Error::TakesNoJobs { text } = classify(403, disabled, None) else {
            panic!("another meaning");
        };
        assert_eq!(text, disabled);
    }

    #[test]
    fn faults_that_pass_are_told_by_whether_anything_can_have_been_done() {
        use Passing::{Lost, NoLeader, NotApplied};
        for (text, meaning) in [
            ("No cluster leader", Some(NoLeader)),
            ("rpc error: No cluster leader\n", Some(NoLeader)),
            (
                "rpc error: failed to get conn: dial tcp 10.0.0.1:4647: connect: connection refused",
                Some(NotApplied),
            ),
            (
                "rpc error: failed to get conn: rpc error: lead thread didn't get connection",
                Some(NotApplied),
            ),
            ("rpc error: node is not the leader", Some(NotApplied)),
            ("Not ready to serve consistent reads", Some(NotApplied)),
            (
                "rpc error: Not ready to serve consistent reads",
                Some(NotApplied),
            ),
            ("leadership lost while committing log", Some(Lost)),
            (
                "rpc error: leadership lost while committing log",
                Some(Lost),
            ),
            ("rpc error: EOF", Some(Lost)),
            ("rpc error: stream closed", Some(Lost)),
            (
                "rpc error: read tcp 10.0.0.1:1->10.0.0.2:2: read: connection reset by peer",
                Some(Lost),
            ),
            ("EOF", None),
            ("rpc error: code = Unknown desc = {\"DelayCount\":{}}", None),
            ("Task not running", None),
            ("rpc error: Unknown job \"x\"", None),
            ("", None),
        ] {
            assert_eq!(passing(text.as_bytes()), meaning, "{text}");
        }
    }
}
