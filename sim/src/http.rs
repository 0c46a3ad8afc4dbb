//! Requests and answers, whatever the route.
//!
//! Nomad has few rules here and keeps them everywhere: errors are plain text
//! without a newline; lists and single reads carry three headers, writes one,
//! everything else none; a body of up to 2,048 bytes has a length, a longer one
//! is chunked (Go's rule); `wait` is checked before `index`, both before
//! anything else. `routes` says what each path does.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State as Extracted};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};

use super::faults;
use super::net::Cut;
use super::state::{JobKey, State};
use super::{Shared, go, routes};

/// The content of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Encoded JSON.
    Json(Bytes),
    /// Encoded JSON of the items of an array.
    List(Vec<Bytes>),
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

impl Answer {
    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self {
            status: 200,
            content: Content::Json(go::encode(value)),
            meta: Meta::None,
        }
    }

    pub(crate) fn text(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            content: Content::Text(text.into()),
            meta: Meta::None,
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            content: Content::Empty,
            meta: Meta::None,
        }
    }

    pub(crate) fn read(self, index: u64) -> Self {
        Self {
            meta: Meta::Read(index),
            ..self
        }
    }

    pub(crate) fn written(self, index: u64) -> Self {
        Self {
            meta: Meta::Index(index),
            ..self
        }
    }
}

/// A query string, decoded; of a key that comes twice the first counts, but
/// for [`Query::all`].
#[derive(Debug, Default, Clone)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: &str) -> Self {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_encoding::percent_decode_str(&spaced)
                .decode_utf8_lossy()
                .into_owned()
        };
        let pairs = query.split('&').filter(|part| !part.is_empty());
        Self(
            pairs
                .map(|part| {
                    let (key, value) = part.split_once('=').unwrap_or((part, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        )
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// The same with another value of this key.
    pub(crate) fn with(&self, key: &str, value: &str) -> Self {
        let others = self.0.iter().filter(|(name, _)| name != key).cloned();
        Self(others.chain([(key.to_owned(), value.to_owned())]).collect())
    }

    pub(crate) fn all(&self, key: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// A Go bool: `1`, `t`, `true` and their like.
    pub(crate) fn flag(&self, key: &str) -> bool {
        matches!(
            self.get(key),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True")
        )
    }
}

/// A request that has been read.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// Decoded.
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) body: Bytes,
    pub(crate) token: Option<String>,
}

impl Asked {
    /// The namespace of a read: the query's, or the default one.
    pub(crate) fn namespace(&self) -> &str {
        let named = self.query.get("namespace").filter(|name| !name.is_empty());
        named.unwrap_or("default")
    }

    /// Whether an object of that namespace is in a list: `*` is all of them.
    pub(crate) fn lists(&self, namespace: &str) -> bool {
        matches!(self.namespace(), "*") || self.namespace() == namespace
    }

    /// The job of that ID in the namespace of the query.
    pub(crate) fn job(&self, id: &str) -> JobKey {
        JobKey::new(self.namespace(), id)
    }

    /// PUT and POST are the same to Nomad.
    pub(crate) fn writes(&self) -> bool {
        self.method == Method::PUT || self.method == Method::POST
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

impl Blocking {
    /// Reads `wait` and `index`, in this order (recordings 099 and 100).
    pub(crate) fn of(query: &Query) -> Result<Self, Answer> {
        let wait = match query.get("wait").filter(|wait| !wait.is_empty()) {
            None => Duration::ZERO,
            Some(text) => {
                go::parse_duration(text).ok_or_else(|| Answer::text(400, "Invalid wait time"))?
            }
        };
        let index = match query.get("index").filter(|index| !index.is_empty()) {
            None => 0,
            Some(text) => text
                .parse()
                .map_err(|_| Answer::text(400, "Invalid index"))?,
        };
        let wait = if wait.is_zero() {
            LONGEST_WAIT
        } else {
            wait.min(LONGEST_WAIT)
        };
        Ok(Self { index, wait })
    }
}

/// Reads, and while the result's index is not past the one the caller knows,
/// waits for a change and reads again, until the wait is over.
pub(crate) async fn read(
    shared: &Shared,
    blocking: Blocking,
    look: impl Fn(&mut State) -> Answer,
) -> Answer {
    let once = || {
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut state)
    };
    if blocking.index == 0 {
        return once();
    }
    let mut changes = shared.changes.subscribe();
    let deadline = tokio::time::Instant::now() + blocking.wait;
    loop {
        changes.borrow_and_update();
        let answer = once();
        match answer.meta {
            Meta::Read(index) if index <= blocking.index => {}
            _ => return answer,
        }
        match tokio::time::timeout_at(deadline, changes.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return answer,
        }
    }
}

/// The largest body that is read: Nomad itself has no limit.
const LARGEST_BODY: usize = 64 << 20;

/// Answers a request to Nomad.
pub(crate) async fn handle(
    Extracted(shared): Extracted<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Cut>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let raw = parts.uri.path();
    shared.faults.record(&parts.method, raw, parts.uri.query());
    shared.faults.thawed().await;
    let verdict = shared.faults.verdict(&parts.method, raw);
    if !verdict.delay.is_zero() {
        tokio::time::sleep(verdict.delay).await;
    }
    if verdict.drop == Some(faults::Drop::Before) {
        connection.cut();
        return Response::new(Body::empty());
    }
    if let Some((status, text)) = verdict.answer {
        return respond(Answer::text(status, text), false, false, false);
    }
    let path = if raw.contains('%') {
        percent_encoding::percent_decode_str(raw)
            .decode_utf8_lossy()
            .into_owned()
    } else {
        raw.to_owned()
    };
    if let Some(cleaned) = cleaned(&path) {
        return redirect(&cleaned, parts.uri.query());
    }
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return respond(
            Answer::text(400, "http: request body too large"),
            false,
            false,
            false,
        );
    };
    let asked = Asked {
        method: parts.method,
        path,
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        body,
        token: token(&parts.headers),
    };
    let pretty = asked.query.get("pretty").is_some_and(|value| value != "0");
    let of_client = asked.path.starts_with("/v1/client/");
    let answer = routes::answer(&shared, &asked).await;
    if verdict.drop == Some(faults::Drop::After) {
        connection.cut();
        return Response::new(Body::empty());
    }
    respond(answer, of_client, pretty, shared.faults.no_leader())
}

fn token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-nomad-token")?.to_str().ok()?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// Go's mux redirects a path with `//`, `.` or `..` to its clean form.
fn cleaned(path: &str) -> Option<String> {
    let odd = |part: &str| part == "." || part == "..";
    if !path.contains("//") && !path.split('/').any(odd) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    let mut clean = format!("/{}", parts.join("/"));
    if path.ends_with('/') && clean != "/" {
        clean.push('/');
    }
    Some(clean)
}

fn redirect(path: &str, query: Option<&str>) -> Response<Body> {
    let target = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let page = format!("<a href=\"{target}\">Moved Permanently</a>.\n\n");
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = HeaderValue::from_str(&target) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

/// Go sends a body of this size or less with its length, a longer one chunked.
const LONGEST_COUNTED: usize = 2048;

fn respond(answer: Answer, of_client: bool, pretty: bool, no_leader: bool) -> Response<Body> {
    let (body, kind) = match answer.content {
        Content::Empty => (Bytes::new(), None),
        Content::Text(text) => (Bytes::from(text), Some("text/plain; charset=utf-8")),
        Content::Json(body) => (body, Some("application/json")),
        Content::List(items) => {
            let mut body =
                Vec::with_capacity(items.iter().map(|item| item.len() + 1).sum::<usize>() + 2);
            body.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    body.push(b',');
                }
                body.extend_from_slice(item);
            }
            body.push(b']');
            (Bytes::from(body), Some("application/json"))
        }
    };
    let body = if pretty && kind == Some("application/json") {
        go::pretty(&body)
    } else {
        body
    };
    let body = if body.len() > LONGEST_COUNTED {
        // A body of unknown length: mapping its frames hides the size.
        Body::new(Full::new(body).map_frame(std::convert::identity))
    } else {
        Body::from(body)
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::VARY,
        HeaderValue::from_static(if of_client {
            "Origin"
        } else {
            "Accept-Encoding"
        }),
    );
    if let Some(kind) = kind {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    match answer.meta {
        Meta::None => {}
        Meta::Index(index) => {
            headers.insert("x-nomad-index", HeaderValue::from(index));
        }
        // Only a stale read gets here without a leader.
        Meta::Read(_) if no_leader => {
            headers.insert("x-nomad-index", HeaderValue::from_static("0"));
            headers.insert("x-nomad-knownleader", HeaderValue::from_static("false"));
            headers.insert(
                "x-nomad-lastcontact",
                HeaderValue::from_static("9223372036854"),
            );
        }
        Meta::Read(index) => {
            headers.insert("x-nomad-index", HeaderValue::from(index));
            headers.insert("x-nomad-knownleader", HeaderValue::from_static("true"));
            headers.insert("x-nomad-lastcontact", HeaderValue::from_static("0"));
        }
    }
    response
}
