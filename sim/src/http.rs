//! From HTTP to a call, and from an answer to HTTP.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, LOCATION, VARY};
use hyper::http::response::Builder;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::call::{Answer, Call, Content, Meta, Query};
use crate::shared::Shared;
use crate::{go, routes};

/// The largest body that is read: Nomad itself has no limit.
const LARGEST_BODY: usize = 64 << 20;

/// Go sends a body of this size or less with its length, a longer one chunked.
const LONGEST_COUNTED: usize = 2048;

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Answers requests for as long as it runs. The connections are tasks of its own, so that
/// they end when it is aborted: to a client that looks like the end of a process.
pub(crate) async fn serve<F>(
    listener: TcpListener,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, or the peer is gone already.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Answers are single writes; waiting to fill a packet would only add delay.
        let _best_effort = stream.set_nodelay(true);
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answered = answer(request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Answers a request to Nomad.
pub(crate) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    shared.requests.add(parts.method.as_str(), parts.uri.path());
    let path = decoded(parts.uri.path());
    if let Some(cleaned) = cleaned(&path) {
        return redirect(&cleaned, parts.uri.query());
    }
    let Some(body) = read(body, LARGEST_BODY).await else {
        return respond(Answer::text(400, "http: request body too large"), None);
    };
    let call = Call {
        shared: &shared,
        method: parts.method,
        path,
        query: Query::parse(parts.uri.query()),
        body,
        token: token(&parts.headers),
    };
    respond(routes::answer(&call).await, Some(&call))
}

/// The whole body, if it is no larger than that.
pub(crate) async fn read(body: Incoming, largest: usize) -> Option<Bytes> {
    let whole = Limited::new(body, largest).collect().await;
    Some(whole.ok()?.to_bytes())
}

/// A path without its percent signs.
pub(crate) fn decoded(path: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(path);
    decoded.decode_utf8_lossy().into_owned()
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
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    let end = if path.ends_with('/') && !parts.is_empty() {
        "/"
    } else {
        ""
    };
    Some(format!("/{}{end}", parts.join("/")))
}

/// A body of this content. Go's rule decides whether its length is sent.
fn body(content: Bytes) -> Body {
    if content.len() > LONGEST_COUNTED {
        // Mapping the frames hides how long it is.
        let unknown = Full::new(content).map_frame(std::convert::identity);
        return unknown.boxed_unsync();
    }
    Full::new(content).boxed_unsync()
}

fn redirect(path: &str, query: Option<&str>) -> Response<Body> {
    let target = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let page = format!("<a href=\"{target}\">Moved Permanently</a>.\n\n");
    let response = Response::builder().status(301).header(LOCATION, target);
    finished(
        response.header(CONTENT_TYPE, "text/html; charset=utf-8"),
        page,
    )
}

/// An answer with its body. A header that cannot be sent, which only a path can make, is
/// answered with nothing.
pub(crate) fn finished(response: Builder, content: impl Into<Bytes>) -> Response<Body> {
    let response = response.body(body(content.into()));
    response.unwrap_or_else(|_| Response::new(body(Bytes::new())))
}

fn respond(answer: Answer, call: Option<&Call<'_>>) -> Response<Body> {
    let pretty = call.is_some_and(|call| call.query.get("pretty").is_some_and(|it| it != "0"));
    let of_client = call.is_some_and(|call| call.path.starts_with("/v1/client/"));
    let (content, kind) = match answer.content {
        Content::Empty => (Bytes::new(), None),
        Content::Text(text) => (text.into(), Some("text/plain; charset=utf-8")),
        Content::Json(content) => (content, Some("application/json")),
    };
    let content = match kind {
        Some("application/json") if pretty => go::pretty(&content),
        _ => content,
    };
    let vary = if of_client {
        "Origin"
    } else {
        "Accept-Encoding"
    };
    let mut response = Response::builder().status(answer.status).header(VARY, vary);
    if let Some(kind) = kind {
        response = response.header(CONTENT_TYPE, kind);
    }
    // Only a stale read gets to the objects without a leader.
    let leader = call.is_none_or(|call| call.shared.leader);
    let (index, contact) = match answer.meta {
        Meta::None => (None, None),
        Meta::Index(index) => (Some(index), None),
        Meta::Read(index) if leader => (Some(index), Some(("true", "0"))),
        Meta::Read(_) => (Some(0), Some(("false", "9223372036854"))),
    };
    if let Some(index) = index {
        response = response.header("x-nomad-index", index);
    }
    if let Some((known, contact)) = contact {
        response = response
            .header("x-nomad-knownleader", known)
            .header("x-nomad-lastcontact", contact);
    }
    finished(response, content)
}
