//! How a call is sent: addresses, retries, deadlines.
//!
//! A server that was killed refuses connections; a server that froze stays silent
//! while its neighbours hang for seconds; an election makes servers answer 500 for a
//! moment. Short attempts at changing servers hide all three from a caller, and a
//! single long attempt hides none. But no change may be made twice, so [`Repeat`]
//! says for each call whether it may be sent again.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use backon::BackoffBuilder;
use bytes::Bytes;
use dtle_outbound::{HeaderValue, Secret, Url, secret_header};
use http::Method;
use http::header::CONTENT_TYPE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;
use tracing::field::Empty;

use super::answer::{Fault, Incoming};
use super::{Error, Read, ReadOptions, Session, TRACE, Token};

/// How long one attempt may take. Blocking queries take longer.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(4);
/// How long all attempts of one call may take together.
const ALL_ATTEMPTS: Duration = Duration::from_secs(10);
/// How long all attempts of one call may take while every server refuses
/// connections. No server runs then, and waiting longer would only delay the error.
const REFUSED: Duration = Duration::from_secs(3);
/// The least time in which another attempt makes sense. An attempt that is cut off
/// would replace an error that says what is wrong by a timeout.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(300);
/// How much longer than its wait a blocking query may take: Nomad itself adds up to
/// a sixteenth, so that clients do not all come back at once.
const BLOCKING_SLACK: Duration = Duration::from_secs(2);
/// How long a plain read takes at most whose answer is taken at once: as long as a
/// leader of Nomad's leads without hearing from the others. One that was frozen, as a
/// virtual machine that is moved, answers what has waited for it before it learns that
/// there is another leader, and so from before what that one has confirmed.
const PROMPT: Duration = Duration::from_millis(500);
/// How long Nomad waits when a blocking query does not say.
const WAIT: Duration = Duration::from_secs(300);

/// RFC 3986's unreserved characters and the colon stay as they are.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// Whether a call may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Reads, and calls that change nothing when made twice.
    Always,
    /// Writes that carry the index they expect: made twice, the second is refused.
    Checked,
    /// Other writes: only when the earlier attempt was certainly not applied.
    WhenNotApplied,
}

/// A call on its way.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<Bytes>,
    pub(crate) repeat: Repeat,
    pub(crate) attempt: Duration,
}

/// Which connections an attempt may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connections {
    /// An idle connection of an earlier call, if there is one.
    Kept,
    /// A new connection.
    Fresh,
}

impl Session<'_> {
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        options: &ReadOptions,
    ) -> Result<Read<T>, Error> {
        let incoming = self.get(segments, options).await?;
        let meta = incoming.meta();
        incoming.json(segments).map(|value| Read { value, meta })
    }

    pub(crate) async fn text(
        &self,
        segments: &[&str],
        options: &ReadOptions,
    ) -> Result<Read<Bytes>, Error> {
        let incoming = self.get(segments, options).await?;
        let meta = incoming.meta();
        let value = incoming.into_good()?;
        Ok(Read { value, meta })
    }

    pub(crate) async fn get(
        &self,
        segments: &[&str],
        options: &ReadOptions,
    ) -> Result<Incoming, Error> {
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
        let mut asks_again = wait.is_none() && !options.stale;
        loop {
            let incoming = self.send(&outgoing).await?;
            others = others.saturating_sub(1);
            if others > 0 && incoming.is_mangled() {
                // What stands before that server mangles; another may not.
                self.client.avoid(incoming.position);
                continue;
            }
            // What has no index is not from Nomad's tables.
            if asks_again && incoming.took > PROMPT && incoming.meta().is_some() {
                asks_again = false;
                continue;
            }
            return Ok(incoming);
        }
    }

    /// How long a read may block: what the caller asked for, else Nomad's own five
    /// minutes, but never longer than this request has time. `None`: it does not.
    pub(crate) fn wait(&self, options: &ReadOptions) -> Option<Duration> {
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

    pub(crate) async fn plain<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, Error> {
        self.read(segments, &ReadOptions::default())
            .await
            .map(|answer| answer.value)
    }

    pub(crate) async fn write<T: DeserializeOwned>(
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
    pub(crate) async fn command(
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
    pub(crate) async fn target(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<String, Error> {
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

    pub(crate) async fn send(&self, outgoing: &Outgoing) -> Result<Incoming, Error> {
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

    pub(crate) async fn send_with_token(&self, outgoing: &Outgoing) -> Result<Incoming, Error> {
        let Some(credential) = &self.client.token else {
            return self.send_until(outgoing, None).await;
        };
        let token = credential
            .token()
            .await
            .map_err(|cause| Error::NoToken { cause })?;
        let answer = self.send_until(outgoing, Some(&token)).await?;
        if !answer.refuses_token() {
            return Ok(answer);
        }
        // A token that was rotated, or has expired: Nomad has done nothing, so it may be
        // repeated.
        let (mut answer, token) = match credential.renewed(&token).await {
            Some(renewed) => (self.send_until(outgoing, Some(&renewed)).await?, renewed),
            None => (answer, token),
        };
        if let Error::Forbidden {
            token: Token::Unclear,
            ..
        } = answer.error()
        {
            // A list can be refused in many parts, all for one cause.
            answer.token = *self.judged.get_or_init(|| self.judge(&token)).await;
        }
        Ok(answer)
    }

    /// What is the matter with a token that Nomad denied something: whether Nomad knows it
    /// (recordings 025 to 028 of the sets with ACLs). An operator has to know: a token that
    /// is too weak is a setting, one that was deleted is an outage.
    async fn judge(&self, token: &Secret) -> Token {
        // A workload's identity is a JWT and not in the table of tokens.
        if token.expose().contains('.') {
            return Token::Unclear;
        }
        let mut path = "/v1/acl/token/self".to_owned();
        let region = self.region.get().and_then(Option::as_deref);
        if let Some(region) = region.or(self.client.regions.own.as_deref()) {
            path.push_str("?region=");
            path.extend(utf8_percent_encode(region, NON_ALPHANUMERIC));
        }
        let asked = Outgoing {
            method: Method::GET,
            path,
            body: None,
            repeat: Repeat::Always,
            attempt: ATTEMPT,
        };
        match self.send_until(&asked, Some(token)).await {
            Ok(answer) if answer.status == 200 => Token::Weak,
            Ok(answer) => match answer.error() {
                Error::Forbidden {
                    token: Token::Expired,
                    ..
                } => Token::Expired,
                Error::Forbidden { .. } | Error::NotFound { .. } => Token::Unknown,
                _ => Token::Unclear,
            },
            Err(_) => Token::Unclear,
        }
    }

    pub(crate) async fn send_until(
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
        let mut connections = Connections::Kept;
        let mut untried = self.client.addresses.len();
        loop {
            let (position, fault) = match self.attempt(outgoing, token, connections, untried).await
            {
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
                    // Idle connections to other servers may be dead for the same
                    // reason.
                    connections = Connections::Fresh;
                    Error::Unreachable { cause }
                }
            };
            let patience = if only_refused {
                REFUSED
            } else {
                ALL_ATTEMPTS.max(outgoing.attempt)
            };
            let give_up = self.deadline.min(began + patience);
            let pause = if untried > 0 {
                // The next server has not failed yet.
                Duration::ZERO
            } else {
                pauses.next().unwrap_or(ALL_ATTEMPTS)
            };
            if Instant::now() + pause + SHORTEST_ATTEMPT >= give_up {
                return Err(match error {
                    Error::Unreachable { cause } if in_doubt => Error::InDoubt { cause },
                    // An earlier attempt may have reached the leader that is gone.
                    Error::NoLeader if in_doubt => Error::InDoubt {
                        cause: Error::NoLeader.to_string(),
                    },
                    // "No leader" by one server says more than the silence of
                    // another.
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
        connections: Connections,
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
                connections,
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
        connections: Connections,
        timeout: Duration,
    ) -> Result<Incoming, Fault> {
        let http = match connections {
            Connections::Kept => self.client.kept(),
            Connections::Fresh => self.client.fresh().clone(),
        };
        // The address has been parsed; only what comes behind it is new.
        let mut url = server.clone();
        let (path, query) = match outgoing.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (outgoing.path.as_str(), None),
        };
        url.set_path(&format!("{}{path}", server.path().trim_end_matches('/')));
        url.set_query(query);
        let mut request = http.request(outgoing.method.clone(), url).map_err(fault)?;
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
        let span = tracing::trace_span!(
            target: TRACE,
            "nomad",
            otel.name = "nomad",
            otel.kind = "client",
            http.request.method = %outgoing.method,
            http.response.status_code = Empty,
            // Without the query, which may name a namespace.
            url.full = %format_args!(
                "{}://{}:{}{}",
                server.scheme(),
                server.host_str().unwrap_or_default(),
                server.port_or_known_default().unwrap_or_default(),
                path,
            ),
        );
        let began = Instant::now();
        let answer = http.send(request).instrument(span.clone()).await;
        let answer = answer.map_err(fault)?;
        span.record("http.response.status_code", answer.status.as_u16());
        let incoming = Incoming {
            position,
            token: token.map_or(Token::None, |_| Token::Unclear),
            status: answer.status.as_u16(),
            headers: answer.headers,
            body: answer.body,
            took: began.elapsed(),
        };
        match incoming.passing_fault() {
            Some(fault) => Err(fault),
            None => Ok(incoming),
        }
    }
}

/// A body, written once for all attempts.
pub(crate) fn bytes(body: &impl Serialize) -> Result<Bytes, Error> {
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
