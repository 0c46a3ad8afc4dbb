//! The calls of one request: retries, deadlines, and one method a Nomad route.
//!
//! A server that was killed refuses; one that froze stays silent while its
//! neighbours hang for seconds; an election answers 500 for a moment. Short
//! attempts on changing servers hide all three, one long attempt hides none.
//! Against that stands that a change must not be made twice: what may be
//! repeated is decided by [`Repeat`], call by call.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backon::BackoffBuilder;
use bytes::Bytes;
use dtle_outbound::Secret;
use dtle_outbound::{HeaderValue, Url, secret_header};
use dtle_translate::wire::{
    AgentMembers, AgentSelf, Allocation, AllocationState, AllocationStub, Deregistered, Evaluation,
    Job, JobStub, JobSummary, Node, NodeEvaluated, NodeStub, RaftConfiguration, Registered,
    Validated,
};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use super::error::{Passing, classify, own_words, passing};
use super::placed::Placed;
use super::{Client, Error};

/// One attempt, blocking queries apart.
const ATTEMPT: Duration = Duration::from_secs(4);
/// All attempts of one call.
const CALL: Duration = Duration::from_secs(10);
/// All attempts of one call while every server refuses connections: nobody is
/// there, and waiting longer only hides it.
const REFUSED: Duration = Duration::from_secs(3);
/// What has to be left for another attempt to make sense: one that is cut off
/// turns an answer that says what is wrong into a silence.
const LEAST: Duration = Duration::from_millis(300);
/// What a blocking query may take beyond its wait: Nomad itself adds up to a
/// sixteenth, so that clients do not all come back at once.
const BLOCKING_SLACK: Duration = Duration::from_secs(2);
/// What Nomad waits when a blocking query does not say.
const WAIT: Duration = Duration::from_secs(300);

/// RFC 3986's unreserved characters and the colon stay as they are.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// Where and how fresh an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryMeta {
    /// The Raft index, `X-Nomad-Index`.
    pub index: u64,
    /// Whether the answering server knew a leader.
    pub known_leader: bool,
    /// Milliseconds since it last heard from that leader.
    pub last_contact: u64,
}

/// An answer and its [`QueryMeta`].
#[derive(Clone, Debug)]
pub struct Read<T> {
    /// What was asked for.
    pub value: T,
    /// Index headers, absent on routes that have none.
    pub meta: Option<QueryMeta>,
}

impl<T> Read<T> {
    /// The same answer, its value translated.
    pub fn map<U>(self, translate: impl FnOnce(T) -> U) -> Read<U> {
        Read {
            value: translate(self.value),
            meta: self.meta,
        }
    }
}

/// What a caller may ask of a read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadOptions {
    /// Any server may answer, from what it has.
    pub stale: bool,
    /// Answer once the index has passed this one (a blocking query).
    pub index: Option<u64>,
    /// How long a blocking query may take.
    pub wait: Option<Duration>,
    /// Only objects whose ID begins so.
    pub prefix: Option<String>,
    /// A job's allocations: those of its earlier lives too.
    pub all: bool,
    /// A list of jobs: those of every namespace that the token may see.
    pub all_namespaces: bool,
}

impl ReadOptions {
    /// The same consistency, for a further read that must not block or filter.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self {
            stale: self.stale,
            ..Self::default()
        }
    }
}

/// Whether a call may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    /// Reads, and calls that change nothing when made twice.
    Always,
    /// Writes that carry the index they expect: made twice, the second is refused.
    Checked,
    /// Other writes: only when the earlier attempt was certainly not applied.
    WhenNotApplied,
}

/// The body of a register.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Registration<'a> {
    job: Placed<'a>,
    enforce_index: bool,
    job_modify_index: u64,
}

struct Outgoing {
    method: Method,
    path: String,
    body: Option<Bytes>,
    repeat: Repeat,
    attempt: Duration,
}

struct Incoming {
    /// Where the server stands that answered.
    position: usize,
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// What an attempt that brought no usable answer means.
enum Fault {
    /// Nobody accepted the connection.
    Refused(String),
    /// The server said that it did not do it, or could not pass it on.
    NotApplied(Error),
    /// Sent, and then silence or a broken answer.
    Lost(String),
    /// No other server would answer otherwise.
    Final(Error),
}

/// Which connections an attempt may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// One that is kept from an earlier call, if there is any.
    Kept,
    /// A new one.
    Fresh,
}

/// The calls of one request.
pub struct Session<'a> {
    pub(super) client: &'a Client,
    deadline: Instant,
    /// The region that the query names.
    pub(super) wanted: Option<String>,
    /// The region that the calls go to, once it is decided; `None`: the own one.
    pub(super) region: OnceCell<Option<String>>,
    calls: AtomicU32,
    micros: AtomicU64,
}

impl<'a> Session<'a> {
    pub(super) fn new(client: &'a Client, deadline: Instant) -> Self {
        Self {
            client,
            deadline,
            wanted: None,
            region: OnceCell::new(),
            calls: AtomicU32::new(0),
            micros: AtomicU64::new(0),
        }
    }

    /// How many HTTP requests were sent so far, repeats included.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Time spent waiting for Nomad, summed over calls that may have overlapped.
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }

    // --- jobs ---

    /// `GET /v1/jobs`: stubs, without Config and Meta.
    ///
    /// # Errors
    /// As every call: see [`Error`].
    pub async fn jobs(&self, options: &ReadOptions) -> Result<Read<Vec<JobStub>>, Error> {
        self.read(&["v1", "jobs"], options).await
    }

    /// `GET /v1/jobs` as it stands, to be read with [`stubs`] if it has changed.
    ///
    /// # Errors
    /// As every call.
    pub async fn jobs_text(&self, options: &ReadOptions) -> Result<Read<Bytes>, Error> {
        self.text(&["v1", "jobs"], options).await
    }

    /// `GET /v1/job/{id}`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn job(&self, id: &str, options: &ReadOptions) -> Result<Read<Job>, Error> {
        self.read(&["v1", "job", id], options).await
    }

    /// `GET /v1/job/{id}` for an ID out of Nomad's own list. It may hold slashes,
    /// which Nomad takes in the path as they are. Where they lead to another of
    /// its routes (`x/allocations`) nothing is found.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn listed_job(&self, id: &str, options: &ReadOptions) -> Result<Read<Job>, Error> {
        let segments: Vec<&str> = ["v1", "job"].into_iter().chain(id.split('/')).collect();
        let answer = self.read::<Job>(&segments, options).await;
        let has_slash = segments.len() > 3;
        match answer {
            Ok(job) if has_slash && job.value.id != id => Err(Error::NotFound { meta: job.meta }),
            Err(Error::Unreadable { .. } | Error::Rejected { .. }) if has_slash => {
                Err(Error::NotFound { meta: None })
            }
            answer => answer,
        }
    }

    /// `GET /v1/job/{id}` as the whole document, for writing it back.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn job_document(&self, id: &str) -> Result<Read<Map<String, Value>>, Error> {
        self.read(&["v1", "job", id], &ReadOptions::default()).await
    }

    /// `GET /v1/job/{id}/summary`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn job_summary(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<JobSummary>, Error> {
        self.read(&["v1", "job", id, "summary"], options).await
    }

    /// `GET /v1/job/{id}/versions`: documents of the last changes, oldest first, or
    /// as much of them as `T` takes. Nomad keeps six, unless `job_tracked_versions`
    /// says otherwise, and may keep a stable or a tagged one of long ago besides.
    /// None for a job that is not there.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_versions<T: DeserializeOwned>(&self, id: &str) -> Result<Vec<T>, Error> {
        let answer: Result<Read<dtle_translate::wire::Versions<T>>, Error> = self
            .read(&["v1", "job", id, "versions"], &ReadOptions::default())
            .await;
        let mut versions = match answer {
            Ok(answer) => answer.value.versions,
            Err(Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        versions.reverse();
        Ok(versions)
    }

    /// `GET /v1/job/{id}/allocations`: empty for a job that is not there.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_allocations(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Vec<AllocationStub>>, Error> {
        self.read(&["v1", "job", id, "allocations"], options).await
    }

    /// `GET /v1/job/{id}/allocations` as it stands, to be read with
    /// [`allocation_stubs`] if it has changed.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_allocations_text(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Bytes>, Error> {
        self.text(&["v1", "job", id, "allocations"], options).await
    }

    /// `GET /v1/job/{id}/evaluations`: empty for a job that is not there.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_evaluations(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Vec<Evaluation>>, Error> {
        self.read(&["v1", "job", id, "evaluations"], options).await
    }

    /// `PUT /v1/jobs` in the gateway's namespace, whatever the document says, and
    /// always as compare-and-set: `expected` is the JobModifyIndex that the job
    /// must have now, 0 for "there is none".
    ///
    /// # Errors
    /// [`Error::Conflict`] when the index is another.
    pub async fn register(
        &self,
        job: &Map<String, Value>,
        expected: u64,
    ) -> Result<Registered, Error> {
        let body = Registration {
            job: self.placed(job),
            enforce_index: true,
            job_modify_index: expected,
        };
        self.write(
            Method::PUT,
            &["v1", "jobs"],
            &[],
            Some(bytes(&body)?),
            Repeat::Checked,
        )
        .await
    }

    /// `DELETE /v1/job/{id}?purge=true`.
    ///
    /// # Errors
    /// [`Error::InDoubt`] when it was sent and no answer came.
    pub async fn deregister(&self, id: &str) -> Result<Deregistered, Error> {
        self.write(
            Method::DELETE,
            &["v1", "job", id],
            &[("purge", "true")],
            None,
            Repeat::WhenNotApplied,
        )
        .await
    }

    /// `PUT /v1/validate/job`.
    ///
    /// # Errors
    /// As every call.
    pub async fn validate(&self, job: &Map<String, Value>) -> Result<Validated, Error> {
        let body = BTreeMap::from([("Job", self.placed(job))]);
        self.write(
            Method::PUT,
            &["v1", "validate", "job"],
            &[],
            Some(bytes(&body)?),
            Repeat::Always,
        )
        .await
    }

    fn placed<'b>(&'b self, job: &'b Map<String, Value>) -> Placed<'b> {
        Placed {
            job,
            namespace: self.client.namespace(),
        }
    }

    /// Nomad finds an allocation and an evaluation by its ID in every namespace,
    /// and lists those of all namespaces on a node.
    fn is_own(&self, namespace: &str) -> bool {
        namespace.is_empty() || namespace == self.client.namespace()
    }

    // --- allocations ---

    /// `GET /v1/allocations`.
    ///
    /// # Errors
    /// As every call.
    pub async fn allocations(
        &self,
        options: &ReadOptions,
    ) -> Result<Read<Vec<AllocationStub>>, Error> {
        self.read(&["v1", "allocations"], options).await
    }

    /// `GET /v1/allocations?prefix={id}`: how an allocation is now, without what
    /// happened before; `None` when it is gone.
    ///
    /// # Errors
    /// As every call.
    pub async fn allocation_state(&self, id: &str) -> Result<Option<AllocationState>, Error> {
        let options = ReadOptions {
            prefix: Some(id.to_owned()),
            ..ReadOptions::default()
        };
        let list: Read<Vec<AllocationState>> = self.read(&["v1", "allocations"], &options).await?;
        Ok(list.value.into_iter().find(|state| state.id == id))
    }

    /// `GET /v1/allocation/{id}`, with the job it was made for.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn allocation(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Allocation>, Error> {
        let found: Read<Allocation> = self.read(&["v1", "allocation", id], options).await?;
        match self.is_own(&found.value.stub.namespace) {
            true => Ok(found),
            false => Err(Error::NotFound { meta: found.meta }),
        }
    }

    /// `PUT /v1/client/allocation/{id}/signal`. The dtle driver answers the
    /// signal `stats` with an error that holds the statistics; so the text is
    /// returned whatever the status was.
    ///
    /// # Errors
    /// As every call, 404 and 403 included; not for other statuses.
    pub async fn signal(&self, id: &str, task: &str, signal: &str) -> Result<String, Error> {
        let body = json!({"Signal": signal, "Task": task});
        let incoming = self
            .send(&Outgoing {
                method: Method::PUT,
                path: self
                    .target(&["v1", "client", "allocation", id, "signal"], &[])
                    .await?,
                body: Some(bytes(&body)?),
                repeat: Repeat::Always,
                attempt: ATTEMPT,
            })
            .await?;
        match incoming.status {
            403 | 404 => Err(incoming.error()),
            _ => Ok(incoming.text()),
        }
    }

    // --- evaluations ---

    /// `GET /v1/evaluations`.
    ///
    /// # Errors
    /// As every call.
    pub async fn evaluations(&self, options: &ReadOptions) -> Result<Read<Vec<Evaluation>>, Error> {
        self.read(&["v1", "evaluations"], options).await
    }

    /// `GET /v1/evaluation/{id}`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn evaluation(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Evaluation>, Error> {
        let found: Read<Evaluation> = self.read(&["v1", "evaluation", id], options).await?;
        match self.is_own(&found.value.namespace) {
            true => Ok(found),
            false => Err(Error::NotFound { meta: found.meta }),
        }
    }

    /// `GET /v1/evaluation/{id}/allocations`.
    ///
    /// # Errors
    /// As every call.
    pub async fn evaluation_allocations(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Vec<AllocationStub>>, Error> {
        let mut found: Read<Vec<AllocationStub>> = self
            .read(&["v1", "evaluation", id, "allocations"], options)
            .await?;
        found.value.retain(|stub| self.is_own(&stub.namespace));
        Ok(found)
    }

    // --- nodes ---

    /// `GET /v1/nodes`.
    ///
    /// # Errors
    /// As every call.
    pub async fn nodes(&self, options: &ReadOptions) -> Result<Read<Vec<NodeStub>>, Error> {
        self.read(&["v1", "nodes"], options).await
    }

    /// `GET /v1/node/{id}`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn node(&self, id: &str, options: &ReadOptions) -> Result<Read<Node>, Error> {
        self.read(&["v1", "node", id], options).await
    }

    /// `GET /v1/node/{id}/allocations`, each with its job.
    ///
    /// # Errors
    /// As every call.
    pub async fn node_allocations(
        &self,
        id: &str,
        options: &ReadOptions,
    ) -> Result<Read<Vec<Allocation>>, Error> {
        let mut found: Read<Vec<Allocation>> = self
            .read(&["v1", "node", id, "allocations"], options)
            .await?;
        found.value.retain(|one| self.is_own(&one.stub.namespace));
        Ok(found)
    }

    /// `PUT /v1/node/{id}/evaluate`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such node.
    pub async fn node_evaluate(&self, id: &str) -> Result<NodeEvaluated, Error> {
        self.write(
            Method::PUT,
            &["v1", "node", id, "evaluate"],
            &[],
            None,
            Repeat::WhenNotApplied,
        )
        .await
    }

    // --- the cluster ---

    /// `GET /v1/status/leader`: `ip:port`.
    ///
    /// # Errors
    /// As every call.
    pub async fn leader(&self) -> Result<String, Error> {
        self.plain(&["v1", "status", "leader"]).await
    }

    /// `GET /v1/status/peers`: `ip:port` each.
    ///
    /// # Errors
    /// As every call.
    pub async fn peers(&self) -> Result<Vec<String>, Error> {
        self.plain(&["v1", "status", "peers"]).await
    }

    /// `GET /v1/regions`: all that the servers know of.
    pub(super) async fn all_regions(&self) -> Result<Vec<String>, Error> {
        self.plain(&["v1", "regions"]).await
    }

    /// `GET /v1/agent/members`: the servers of all regions.
    pub(super) async fn all_members(&self) -> Result<AgentMembers, Error> {
        self.plain(&["v1", "agent", "members"]).await
    }

    /// `GET /v1/agent/self`.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_self(&self) -> Result<AgentSelf, Error> {
        self.plain(&["v1", "agent", "self"]).await
    }

    /// `GET /v1/agent/servers`: the servers that an agent's client half talks
    /// to, `ip:port` each.
    ///
    /// # Errors
    /// As every call; 501 from an agent that is a server only.
    pub async fn agent_servers(&self) -> Result<Vec<String>, Error> {
        self.plain(&["v1", "agent", "servers"]).await
    }

    /// `PUT /v1/agent/servers?address=…`.
    ///
    /// # Errors
    /// As every call.
    pub async fn set_agent_servers(&self, addresses: &[String]) -> Result<(), Error> {
        let query: Vec<_> = addresses.iter().map(|a| ("address", a.as_str())).collect();
        self.command(Method::PUT, &["v1", "agent", "servers"], &query)
            .await
    }

    /// `PUT /v1/agent/join?address=…`: number joined, and an error's text.
    ///
    /// # Errors
    /// As every call.
    pub async fn join(&self, addresses: &[String]) -> Result<dtle_translate::wire::Joined, Error> {
        let query: Vec<_> = addresses.iter().map(|a| ("address", a.as_str())).collect();
        self.write(
            Method::PUT,
            &["v1", "agent", "join"],
            &query,
            None,
            Repeat::WhenNotApplied,
        )
        .await
    }

    /// `PUT /v1/agent/force-leave?node=…`, whatever region the server is in.
    pub(super) async fn give_up(&self, node: &str) -> Result<(), Error> {
        self.command(
            Method::PUT,
            &["v1", "agent", "force-leave"],
            &[("node", node)],
        )
        .await
    }

    /// `GET /v1/operator/raft/configuration`.
    ///
    /// # Errors
    /// As every call.
    pub async fn raft_configuration(&self) -> Result<RaftConfiguration, Error> {
        self.plain(&["v1", "operator", "raft", "configuration"])
            .await
    }

    /// `DELETE /v1/operator/raft/peer?address=…` or `?id=…`.
    ///
    /// # Errors
    /// As every call.
    pub async fn raft_remove_peer(&self, key: &str, value: &str) -> Result<(), Error> {
        self.command(
            Method::DELETE,
            &["v1", "operator", "raft", "peer"],
            &[(key, value)],
        )
        .await
    }

    // --- how all of them are sent ---

    async fn read<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        options: &ReadOptions,
    ) -> Result<Read<T>, Error> {
        let incoming = self.get(segments, options).await?;
        let meta = incoming.meta();
        incoming.json(segments).map(|value| Read { value, meta })
    }

    async fn text(&self, segments: &[&str], options: &ReadOptions) -> Result<Read<Bytes>, Error> {
        let incoming = self.get(segments, options).await?;
        let meta = incoming.meta();
        let value = incoming.into_good()?;
        Ok(Read { value, meta })
    }

    async fn get(&self, segments: &[&str], options: &ReadOptions) -> Result<Incoming, Error> {
        let index = options.index.map(|index| index.to_string());
        let wait = self.wait(options);
        let wait_text = wait.map(|wait| format!("{}ms", wait.as_millis()));
        let mut query: Vec<(&str, &str)> = Vec::new();
        if options.stale {
            query.push(("stale", "true"));
        }
        if let Some(index) = &index {
            query.push(("index", index));
        }
        if let Some(wait) = &wait_text {
            query.push(("wait", wait));
        }
        if let Some(prefix) = &options.prefix {
            query.push(("prefix", prefix));
        }
        if options.all {
            query.push(("all", "true"));
        }
        if options.all_namespaces {
            query.push(("namespace", "*"));
        }
        let blocking = wait.map_or(ATTEMPT, |wait| wait + wait / 16 + BLOCKING_SLACK);
        let outgoing = Outgoing {
            method: Method::GET,
            path: self.target(segments, &query).await?,
            body: None,
            repeat: Repeat::Always,
            attempt: blocking.max(ATTEMPT),
        };
        let mut others = self.client.addresses.len();
        loop {
            let incoming = self.send(&outgoing).await?;
            others = others.saturating_sub(1);
            if others > 0 && incoming.is_mangled() {
                // What stands before that server mangles; another may not.
                self.client.avoid(incoming.position);
                continue;
            }
            return Ok(incoming);
        }
    }

    /// How long a read may block: what the caller asked for, else Nomad's own five
    /// minutes, but never longer than this request has time. `None`: it does not.
    fn wait(&self, options: &ReadOptions) -> Option<Duration> {
        // Only a positive index makes Nomad wait.
        options.index.filter(|index| *index > 0)?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let most = left.saturating_sub(BLOCKING_SLACK * 2) * 16 / 17;
        Some(
            options
                .wait
                .unwrap_or(WAIT)
                .min(most)
                .max(Duration::from_millis(1)),
        )
    }

    async fn plain<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, Error> {
        self.read(segments, &ReadOptions::default())
            .await
            .map(|answer| answer.value)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        body: Option<Bytes>,
        repeat: Repeat,
    ) -> Result<T, Error> {
        self.send(&Outgoing {
            method,
            path: self.target(segments, query).await?,
            body,
            repeat,
            attempt: ATTEMPT,
        })
        .await?
        .json(segments)
    }

    /// A write whose answer has no body worth reading.
    async fn command(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<(), Error> {
        let incoming = self
            .send(&Outgoing {
                method,
                path: self.target(segments, query).await?,
                body: None,
                repeat: Repeat::WhenNotApplied,
                attempt: ATTEMPT,
            })
            .await?;
        match incoming.status {
            200..=299 => Ok(()),
            _ => Err(incoming.error()),
        }
    }

    /// Path and query of a call. A segment that could lead to another route of
    /// Nomad's (it decodes %2F before it routes, and cleans dots away) names
    /// nothing that this API can reach.
    async fn target(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<String, Error> {
        let mut target = String::with_capacity(96);
        for segment in segments {
            if segment.is_empty() || *segment == "." || *segment == ".." || segment.contains('/') {
                return Err(Error::NotFound { meta: None });
            }
            target.push('/');
            target.extend(utf8_percent_encode(segment, SEGMENT));
        }
        // An agent answers these by itself, whatever the region.
        let region = match segments {
            [_, "agent" | "regions", ..] => None,
            _ => self.region().await?.or(self.client.regions.own.as_deref()),
        };
        let own = [
            ("region", region),
            ("namespace", self.client.namespace.as_deref()),
        ];
        let own = own
            .iter()
            .filter_map(|(key, value)| value.map(|v| (*key, v)))
            .filter(|(key, _)| !query.iter().any(|(given, _)| given == key));
        let mut separator = '?';
        for (key, value) in own.chain(query.iter().copied()) {
            target.push(separator);
            target.push_str(key);
            target.push('=');
            target.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
            separator = '&';
        }
        Ok(target)
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<Incoming, Error> {
        // A blocking query does nothing for most of its time.
        let _place = if outgoing.attempt > ATTEMPT {
            None
        } else {
            let place = self.client.places.acquire();
            let place = tokio::time::timeout_at(self.deadline.into(), place).await;
            Some(place.map_err(|_| Error::Unreachable {
                cause: "too many calls are under way".to_owned(),
            })?)
        };
        let began = Instant::now();
        let answer = self.send_with_token(outgoing).await;
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        answer
    }

    async fn send_with_token(&self, outgoing: &Outgoing) -> Result<Incoming, Error> {
        let Some(credential) = &self.client.token else {
            return self.send_until(outgoing, None).await;
        };
        let token = credential.token().await.map_err(|cause| Error::NoToken {
            cause: cause.to_string(),
        })?;
        let answer = self.send_until(outgoing, Some(&token)).await?;
        // A token that was rotated: Nomad has done nothing, so it may be repeated.
        if answer.status == 403
            && let Some(renewed) = credential.renewed(&token).await
        {
            return self.send_until(outgoing, Some(&renewed)).await;
        }
        Ok(answer)
    }

    async fn send_until(
        &self,
        outgoing: &Outgoing,
        token: Option<&Secret>,
    ) -> Result<Incoming, Error> {
        let began = Instant::now();
        let mut pauses = backon::ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(30))
            .with_max_delay(Duration::from_millis(800))
            .without_max_times()
            .with_jitter()
            .build();
        let mut in_doubt = false;
        let mut only_refused = true;
        let mut no_leader = false;
        let mut way = Way::Kept;
        let mut untried = self.client.addresses.len();
        loop {
            let (position, fault) = match self.attempt(outgoing, token, way, untried).await {
                (_, Ok(incoming)) => {
                    return match incoming.into_result() {
                        Err(Error::Conflict { text, .. }) => {
                            Err(Error::Conflict { text, in_doubt })
                        }
                        other => other,
                    };
                }
                (position, Err(fault)) => (position, fault),
            };
            self.client.avoid(position);
            untried = untried.saturating_sub(1);
            let error = match fault {
                Fault::Final(error) => return Err(error),
                Fault::Refused(cause) => Error::Unreachable { cause },
                Fault::NotApplied(error) => {
                    only_refused = false;
                    no_leader |= matches!(error, Error::NoLeader);
                    error
                }
                Fault::Lost(cause) if outgoing.repeat == Repeat::WhenNotApplied => {
                    return Err(Error::InDoubt { cause });
                }
                Fault::Lost(cause) => {
                    only_refused = false;
                    in_doubt |= outgoing.repeat == Repeat::Checked;
                    // Kept connections that one silence hit may all be dead.
                    way = Way::Fresh;
                    Error::Unreachable { cause }
                }
            };
            let patience = if only_refused {
                REFUSED
            } else {
                CALL.max(outgoing.attempt)
            };
            let give_up = self.deadline.min(began + patience);
            let pause = if untried > 0 {
                // The next one has done nothing wrong yet.
                Duration::ZERO
            } else {
                pauses.next().unwrap_or(CALL)
            };
            if Instant::now() + pause + LEAST >= give_up {
                return Err(match error {
                    Error::Unreachable { cause } if in_doubt => Error::InDoubt { cause },
                    // An earlier attempt may have reached the leader that is gone.
                    Error::NoLeader if in_doubt => Error::InDoubt {
                        cause: Error::NoLeader.to_string(),
                    },
                    // What one server knew says more than another's silence.
                    Error::Unreachable { .. } if no_leader => Error::NoLeader,
                    other => other,
                });
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// `untried`: servers that this call has not asked yet. Each is to have its
    /// share of the time, and one attempt more than that.
    async fn attempt(
        &self,
        outgoing: &Outgoing,
        token: Option<&Secret>,
        way: Way,
        untried: usize,
    ) -> (usize, Result<Incoming, Fault>) {
        let Some((position, server)) = self.client.server() else {
            return (
                0,
                Err(Fault::Refused("no address is configured".to_owned())),
            );
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        let share = if outgoing.attempt > ATTEMPT {
            // A blocking query: silence is what was asked for.
            left
        } else {
            left / u32::try_from(untried + 1).unwrap_or(u32::MAX)
        };
        let result = self
            .exchange(
                (position, server),
                outgoing,
                token,
                way,
                outgoing.attempt.min(share),
            )
            .await;
        (position, result)
    }

    async fn exchange(
        &self,
        (position, server): (usize, &Url),
        outgoing: &Outgoing,
        token: Option<&Secret>,
        way: Way,
        timeout: Duration,
    ) -> Result<Incoming, Fault> {
        let base = server.as_str().trim_end_matches('/');
        let http = match way {
            Way::Kept => &self.client.http,
            Way::Fresh => self.client.fresh(),
        };
        let url = format!("{base}{}", outgoing.path);
        let mut request = http.request(outgoing.method.clone(), &url).map_err(fault)?;
        *request.timeout_mut() = Some(timeout);
        if let Some(token) = token {
            let token = secret_header(token.expose()).map_err(fault)?;
            request.headers_mut().insert("X-Nomad-Token", token);
        }
        if let Some(body) = &outgoing.body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            *request.body_mut() = Some(body.clone().into());
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let answer = http.send(request).await.map_err(fault)?;
        let incoming = Incoming {
            position,
            status: answer.status.as_u16(),
            headers: answer.headers,
            body: answer.body,
        };
        match incoming.passing_fault() {
            Some(fault) => Err(fault),
            None => Ok(incoming),
        }
    }
}

/// A body, written once for all attempts.
fn bytes(body: &impl Serialize) -> Result<Bytes, Error> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|cause| Error::Rejected {
            status: 500,
            text: format!("the request cannot be written: {cause}"),
        })
}

fn fault(fault: dtle_outbound::Fault) -> Fault {
    match fault {
        dtle_outbound::Fault::NotConnected(cause) => Fault::Refused(cause),
        dtle_outbound::Fault::TooLarge { .. } => Fault::Final(Error::Unreadable {
            call: "an answer".to_owned(),
            shape: fault.to_string(),
        }),
        // A redirect is as much Nomad's as a page of HTML: neither is its word on
        // whether it did what was asked.
        dtle_outbound::Fault::Redirected { .. } => {
            Fault::Lost(format!("{fault}: something stands between here and Nomad"))
        }
        dtle_outbound::Fault::TimedOut(cause) | dtle_outbound::Fault::Broken(cause) => {
            Fault::Lost(cause)
        }
    }
}

impl Incoming {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Faults that pass by themselves, most of them while a leader is elected.
    fn passing_fault(&self) -> Option<Fault> {
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

    /// Nomad's API sends no HTML; a proxy's error page or a login page is some.
    fn is_page(&self) -> bool {
        self.headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
    }

    /// A success that is no JSON at all, or breaks off.
    fn is_mangled(&self) -> bool {
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
    fn into_result(self) -> Result<Self, Error> {
        if self.status == 500 && own_words(&self.body).starts_with(b"Enforcing job modify index") {
            return Err(self.error());
        }
        Ok(self)
    }

    fn meta(&self) -> Option<QueryMeta> {
        let header = |name: &str| self.headers.get(name)?.to_str().ok();
        Some(QueryMeta {
            index: header("x-nomad-index")?.parse().ok()?,
            known_leader: header("x-nomad-knownleader").is_some_and(|value| value == "true"),
            last_contact: header("x-nomad-lastcontact")
                .and_then(|value| value.parse().ok())
                .unwrap_or(0),
        })
    }

    fn error(&self) -> Error {
        classify(self.status, &self.text(), self.meta())
    }

    /// The body of a 2xx.
    fn into_good(self) -> Result<Bytes, Error> {
        if (200..300).contains(&self.status) {
            Ok(self.body)
        } else {
            Err(self.error())
        }
    }

    fn json<T: DeserializeOwned>(self, segments: &[&str]) -> Result<T, Error> {
        read_json(&self.into_good()?, segments)
    }
}

/// The stubs in what [`Session::job_allocations_text`] brought.
///
/// # Errors
/// [`Error::Unreadable`] when there are none.
pub fn allocation_stubs(text: &[u8]) -> Result<Vec<AllocationStub>, Error> {
    read_json(text, &["v1", "job", "allocations"])
}

/// The stubs in what [`Session::jobs_text`] brought.
///
/// # Errors
/// [`Error::Unreadable`] when there are none.
pub fn stubs(text: &[u8]) -> Result<Vec<JobStub>, Error> {
    read_json(text, &["v1", "jobs"])
}

fn read_json<T: DeserializeOwned>(body: &[u8], segments: &[&str]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Unreadable {
        call: format!("/{}", segments.join("/")),
        shape: format!(
            "{:?} at line {} column {} of {} bytes",
            error.classify(),
            error.line(),
            error.column(),
            body.len()
        ),
    })
}
