//! A request and its answer, whatever the route.
//!
//! Nomad has few rules here and keeps them everywhere: errors are plain text without a
//! newline; lists and single reads carry three headers, writes one, everything else none.
//! The checks come in Nomad's order: method, `wait`, `index`, region, leader, token, and
//! only then the objects.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use crate::go;
use crate::json::extend;
use crate::objects::JobKey;
use crate::options::{Acl, Era};
use crate::shared::Shared;
use crate::state::State;

/// The content of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Encoded JSON.
    Json(Bytes),
    /// An error's text.
    Text(String),
    /// Nothing at all: no content type either.
    Empty,
}

/// Which of Nomad's own headers an answer carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Meta {
    None,
    /// A write's: the index alone.
    Index(u64),
    /// A read's: index, known leader, last contact.
    Read(u64),
}

/// An answer before it is HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content: Content,
    pub(crate) meta: Meta,
}

/// Both are answers; `Err` is one that ends the handling at once.
pub(crate) type Outcome = Result<Answer, Answer>;

impl Answer {
    fn new(status: u16, content: Content) -> Self {
        let meta = Meta::None;
        Self {
            status,
            content,
            meta,
        }
    }

    pub(crate) fn encoded(body: Bytes) -> Self {
        Self::new(200, Content::Json(body))
    }

    pub(crate) fn json(value: &Value) -> Self {
        Self::encoded(go::encode(value))
    }

    pub(crate) fn list(items: impl IntoIterator<Item = Bytes>) -> Self {
        Self::encoded(go::array(items))
    }

    pub(crate) fn text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, Content::Text(text.into()))
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self::new(status, Content::Empty)
    }

    pub(crate) fn read(mut self, index: u64) -> Self {
        self.meta = Meta::Read(index);
        self
    }

    pub(crate) fn written(mut self, index: u64) -> Self {
        self.meta = Meta::Index(index);
        self
    }
}

/// A query string, decoded; of a key that comes twice the first counts, but
/// for [`Query::all`].
#[derive(Debug, Default, Clone)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let query = query.unwrap_or_default().as_bytes();
        Self(form_urlencoded::parse(query).into_owned().collect())
    }

    pub(crate) fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        let pairs = self.0.iter().filter(move |(name, _)| name == key);
        pairs.map(|(_, value)| value.as_str())
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// A value that is not empty.
    pub(crate) fn given(&self, key: &str) -> Option<&str> {
        self.get(key).filter(|value| !value.is_empty())
    }

    /// The same with another value of this key.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.0.retain(|(name, _)| name != key);
        self.0.push((key.to_owned(), value.to_owned()));
        self
    }

    /// A Go bool.
    pub(crate) fn flag(&self, key: &str) -> bool {
        let yes = ["1", "t", "T", "true", "TRUE", "True"];
        self.get(key).is_some_and(|value| yes.contains(&value))
    }
}

/// Options of a read that may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocking {
    index: u64,
    wait: Duration,
}

/// Nomad's longest and default wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// How far a request gets before the objects are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It needs the servers and, with ACLs, a token.
    Servers,
    /// It needs the servers, and no token (leader, peers).
    Open,
    /// The agent itself answers it, with a token.
    Agent,
}

/// A request that has been read, and the Nomad that is asked.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) method: Method,
    /// Decoded.
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) body: Bytes,
    pub(crate) token: Option<String>,
}

impl Call<'_> {
    /// The namespace of a read: the query's, or the default one.
    pub(crate) fn namespace(&self) -> &str {
        self.query.given("namespace").unwrap_or("default")
    }

    /// Whether an object of that namespace is in a list: `*` is all of them.
    pub(crate) fn lists(&self, key: &JobKey) -> bool {
        self.namespace() == "*" || self.namespace() == key.namespace()
    }

    /// The job of that ID in the namespace of the query.
    pub(crate) fn job(&self, id: &str) -> JobKey {
        JobKey::new(self.namespace(), id)
    }

    /// PUT and POST are the same to Nomad.
    pub(crate) fn writes(&self) -> bool {
        self.method == Method::PUT || self.method == Method::POST
    }

    pub(crate) fn only(&self, right: bool) -> Result<(), Answer> {
        let wrong = || Answer::text(405, "Invalid method");
        right.then_some(()).ok_or_else(wrong)
    }

    pub(crate) fn gate(&self, gate: Gate) -> Result<(), Answer> {
        if gate != Gate::Agent {
            let region = self.query.given("region");
            if region.is_some_and(|region| region != self.shared.region) {
                return Err(Answer::text(500, "No path to region"));
            }
            let stale = self.method == Method::GET && self.query.get("stale").is_some();
            if !self.shared.leader && !stale {
                return Err(Answer::text(500, "No cluster leader"));
            }
        }
        match &self.shared.acl {
            Some(acl) if gate != Gate::Open => self.admit(acl),
            _ => Ok(()),
        }
    }

    fn admit(&self, acl: &Acl) -> Result<(), Answer> {
        let rules = self.shared.rules;
        let agent_self = self.path == "/v1/agent/self";
        let denied = Answer::text(403, "Permission denied");
        match &self.token {
            Some(token) if *token == acl.manages => Ok(()),
            Some(token) if *token == acl.weak => Err(denied),
            Some(token) if *token == acl.expired && agent_self && rules.denies_unknown_tokens => {
                Err(Answer::text(
                    500,
                    match rules.era {
                        Era::V2_0 => {
                            "ACL token not found or invalid workload identity: ACL token expired"
                        }
                        _ => "failed to resolve ACL token: ACL token expired",
                    },
                ))
            }
            // Of this one route, 1.10 tells what it is.
            Some(_) if !rules.denies_unknown_tokens || (rules.era == Era::V1_10 && agent_self) => {
                Err(Answer::text(403, "ACL token not found"))
            }
            _ => Err(denied),
        }
    }

    /// What Nomad says of the token that a request shows.
    pub(crate) fn token_self(&self) -> Outcome {
        self.read(Gate::Open)?;
        let newer = self.shared.rules.denies_unknown_tokens;
        let Some(acl) = &self.shared.acl else {
            return Err(Answer::text(400, "ACL support disabled"));
        };
        // Without one Nomad describes the anonymous token, for which nobody asks here.
        let token = self.token.as_deref().unwrap_or_default();
        if token == acl.expired && newer {
            return Err(Answer::text(500, "ACL token expired"));
        }
        if token != acl.manages && token != acl.weak {
            return Err(match newer {
                true => Answer::text(403, "Permission denied"),
                false => Answer::text(404, "ACL token not found"),
            });
        }
        let mut document = json!({
            "AccessorID": "3197685b-b70e-44f1-33fe-8c134be49a1a",
            "CreateIndex": 12,
            "CreateTime": "2026-11-26T12:57:57.036491016Z",
            "Global": false,
            "Hash": "2KxMOITSP7UVnZwO6ja2N6FQpGnJogUSRVSJbk0MkOA=",
            "ModifyIndex": 12,
            "Name": "w",
            "Policies": ["nothing"],
            "SecretID": token,
            "Type": "client",
        });
        if newer {
            let since = json!({"ExpirationTTL": "", "ExpirationTime": null, "Roles": null});
            extend(&mut document, since);
        }
        Ok(Answer::json(&document).read(12))
    }

    /// The checks of a write.
    pub(crate) fn write(&self, gate: Gate) -> Result<(), Answer> {
        self.only(self.writes())?;
        self.gate(gate)
    }

    /// The checks of a read that does not wait.
    pub(crate) fn read(&self, gate: Gate) -> Result<(), Answer> {
        self.only(self.method == Method::GET)?;
        self.gate(gate)
    }

    /// The checks of a read that may wait: `wait` before `index` (recordings 099 and
    /// 100).
    pub(crate) fn blocking(&self, gate: Gate) -> Result<Blocking, Answer> {
        self.only(self.method == Method::GET)?;
        let wait = match self.query.given("wait").map(go::parse_duration) {
            Some(None) => return Err(Answer::text(400, "Invalid wait time")),
            None | Some(Some(Duration::ZERO)) => LONGEST_WAIT,
            Some(Some(wait)) => wait.min(LONGEST_WAIT),
        };
        let index = match self.query.given("index").map(str::parse) {
            None => 0,
            Some(Ok(index)) => index,
            Some(Err(_)) => return Err(Answer::text(400, "Invalid index")),
        };
        self.gate(gate)?;
        Ok(Blocking { index, wait })
    }

    /// Reads, and while the result's index is not past the one the caller knows,
    /// waits for a change and reads again, until the wait is over.
    pub(crate) async fn look(
        &self,
        blocking: Blocking,
        look: impl Fn(&mut State) -> Answer,
    ) -> Answer {
        if blocking.index == 0 {
            return self.shared.locked(look);
        }
        let mut changes = self.shared.changes.subscribe();
        let deadline = tokio::time::Instant::now() + blocking.wait;
        loop {
            changes.borrow_and_update();
            let answer = self.shared.locked(&look);
            match answer.meta {
                Meta::Read(index) if index <= blocking.index => {}
                _ => return answer,
            }
            let changed = tokio::time::timeout_at(deadline, changes.changed());
            if !matches!(changed.await, Ok(Ok(()))) {
                return answer;
            }
        }
    }

    /// Does something to the state, alone.
    pub(crate) fn locked<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.shared.locked(act)
    }
}

// How go-memdb, Nomad's store, checks the IDs that it is asked for.

/// A whole UUID, in lower case. `what` is Nomad's word for the object.
pub(crate) fn check_id(id: &str, what: &str) -> Result<String, Answer> {
    if id.len() != 36 {
        return Err(refused(what, "UUID must be 36 characters"));
    }
    check_prefix(id, what)
}

/// The beginning of a UUID, in lower case.
pub(crate) fn check_prefix(prefix: &str, what: &str) -> Result<String, Answer> {
    let (length, hyphens) = (prefix.len(), prefix.matches('-').count());
    let odd = prefix.chars().find(|c| *c != '-' && !c.is_ascii_hexdigit());
    let why = if length > 36 {
        format!("Invalid UUID length. UUID have 36 characters; got {length}")
    } else if hyphens > 4 {
        format!("UUID should have maximum of 4 \"-\"; got {hyphens}")
    } else if !(length - hyphens).is_multiple_of(2) {
        "Input (without hyphens) must be even length".to_owned()
    } else if let Some(odd) = odd {
        let code = u32::from(odd);
        format!("Invalid UUID: encoding/hex: invalid byte: U+{code:04X} {odd:?}")
    } else {
        return Ok(prefix.to_ascii_lowercase());
    };
    Err(refused(what, &why))
}

fn refused(what: &str, why: &str) -> Answer {
    Answer::text(500, format!("{what} lookup failed: index error: {why}"))
}
