//! An answer and how it is written: 2.x's headers, `pretty`, gzip, Lambda's limit.

use std::io::Write;
use std::sync::Arc;

use dtle_nomad::{QueryMeta, Read};
use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_http::Body;
use lambda_http::http::header::{self, HeaderName, HeaderValue};
use lambda_http::http::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;

use crate::console::Page;
use crate::observe::Fault;

/// How many warnings one answer carries at most: headers have to fit into 10,240
/// bytes on API Gateway.
const MOST_WARNINGS: usize = 8;
/// The length of the longest warning, in characters before they are escaped.
const LONGEST_WARNING: usize = 600;
/// From this size on 2.x compresses, in bytes.
const COMPRESS_FROM: usize = 1_400;

mod error;
mod etag;
mod rendered;

pub use error::Error;
pub use etag::Known;
pub use rendered::Rendered;

const INDEX: HeaderName = HeaderName::from_static("x-udup-index");
const KNOWN_LEADER: HeaderName = HeaderName::from_static("x-udup-knownleader");
const LAST_CONTACT: HeaderName = HeaderName::from_static("x-udup-lastcontact");
/// What the caller should know or still has to do, a sentence each. 2.x has no such
/// header.
const WARNING: HeaderName = HeaderName::from_static("x-dtle-warning");

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Which index headers an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Index {
    None,
    /// Of a read: all three.
    Read(QueryMeta),
    /// Of a write: the index alone.
    Write(u64),
}

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// On one line.
    Compact,
    /// Indented by four spaces, with a final newline.
    Pretty,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
enum Text {
    /// There is none.
    None,
    /// Written for this answer.
    Own(String),
    /// Kept for further answers.
    Kept(Arc<Rendered>),
}

/// An answer of status 200.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    body: Text,
    content_type: Option<HeaderValue>,
    index: Index,
    warnings: Vec<HeaderValue>,
    location: Option<HeaderValue>,
    page: Option<&'static Page>,
}

impl Reply {
    /// A JSON answer without index headers.
    ///
    /// # Errors
    /// None in practice: the wire types have no maps with odd keys.
    pub fn json(style: Style, value: &impl Serialize) -> Result<Self, Error> {
        let body = match style {
            Style::Pretty => pretty(value).map_err(unwritable),
            Style::Compact => text(value),
        };
        Ok(Self {
            body: Text::Own(body?),
            content_type: Some(JSON),
            index: Index::None,
            warnings: Vec::new(),
            location: None,
            page: None,
        })
    }

    /// Metrics in Prometheus's text format, as 2.x sends them [metrics.txt].
    #[must_use]
    pub fn prometheus(text: String) -> Self {
        Self {
            body: Text::Own(text),
            content_type: Some(HeaderValue::from_static(
                "text/plain; version=0.0.4; charset=utf-8",
            )),
            index: Index::None,
            warnings: Vec::new(),
            location: None,
            page: None,
        }
    }

    /// The answer to a read that is kept as JSON, and not to be pretty.
    #[must_use]
    pub fn kept(answer: Read<Arc<Rendered>>) -> Self {
        Self {
            body: Text::Kept(answer.value),
            content_type: Some(JSON),
            index: answer.meta.map_or(Index::None, Index::Read),
            warnings: Vec::new(),
            location: None,
            page: None,
        }
    }

    /// The answer to a read, with the index headers of Nomad's.
    ///
    /// # Errors
    /// As [`Reply::json`].
    pub fn read(style: Style, answer: &Read<impl Serialize>) -> Result<Self, Error> {
        let mut reply = Self::json(style, &answer.value)?;
        reply.index = answer.meta.map_or(Index::None, Index::Read);
        Ok(reply)
    }

    /// The answer to a write, with its Raft index.
    ///
    /// # Errors
    /// As [`Reply::json`].
    pub fn write(style: Style, index: u64, value: &impl Serialize) -> Result<Self, Error> {
        let mut reply = Self::json(style, value)?;
        reply.index = Index::Write(index);
        Ok(reply)
    }

    /// Nomad's index of the write that this answers.
    #[must_use]
    pub fn write_index(&self) -> Option<u64> {
        match self.index {
            Index::Write(index) => Some(index),
            Index::None | Index::Read(_) => None,
        }
    }

    /// A page, or what belongs to one.
    #[must_use]
    pub fn page(page: &'static Page) -> Self {
        Self {
            body: Text::Own(page.body.clone()),
            content_type: Some(HeaderValue::from_static(page.kind)),
            page: Some(page),
            ..Self::empty()
        }
    }

    /// An answer without a body, and so without a content type.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            body: Text::None,
            content_type: None,
            index: Index::None,
            warnings: Vec::new(),
            location: None,
            page: None,
        }
    }
}

impl Reply {
    /// Adds a sentence that says what the caller should know or still has to do, as
    /// an `X-Dtle-Warning` of its own. What a header cannot carry is escaped.
    #[must_use]
    pub fn with_warning(mut self, text: &str) -> Self {
        if self.warnings.len() < MOST_WARNINGS {
            let plain = |c: char| c == ' ' || c.is_ascii_graphic();
            let escaped: String = text
                .chars()
                .take(LONGEST_WARNING)
                .flat_map(|c| match plain(c) {
                    true => vec![c],
                    false => c.escape_default().collect(),
                })
                .collect();
            self.warnings.extend(HeaderValue::from_str(&escaped));
        }
        self
    }

    /// The tag of a read that has an index, as lists and single objects have.
    fn tag(&self) -> Option<u64> {
        match (&self.body, self.index) {
            (Text::Own(text), Index::Read(_)) => Some(etag::tag(text)),
            (Text::Kept(kept), Index::Read(_)) => Some(kept.tag()),
            _ => None,
        }
    }

    /// Names where what was created can be read.
    #[must_use]
    pub fn with_location(mut self, path: &str) -> Self {
        self.location = HeaderValue::from_str(path).ok();
        self
    }
}

/// A value as JSON on one line.
///
/// # Errors
/// As [`Reply::json`].
pub fn text(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(unwritable)
}

/// The same for a job, in a buffer that most jobs fit: one that grows with the text is
/// copied as often as it grows. It is for texts that are not kept as they are.
///
/// # Errors
/// As [`Reply::json`].
pub fn text_of_job(job: &impl Serialize) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(2_048);
    let written = serde_json::to_writer(&mut bytes, job);
    let text = written.and_then(|()| String::from_utf8(bytes).map_err(serde::ser::Error::custom));
    text.map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::refused("internal error")
        .because(error)
        .by(Fault::Gateway)
}

/// 2.x indents by four spaces and ends with a newline.
fn pretty(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::with_capacity(1024);
    let formatter = PrettyFormatter::with_indent(b"    ");
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes, formatter,
    ))?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// The response for a reply. A caller who has the answer already gets 304 and no body.
/// With a limit, an answer that would have more bytes once Lambda has put it into its
/// envelope is 413.
#[must_use]
pub fn render(
    mut reply: Reply,
    takes_gzip: bool,
    known: &Known,
    limit: Option<usize>,
) -> Response<Body> {
    let warnings = std::mem::take(&mut reply.warnings);
    let location = reply.location.take();
    let page = reply.page.take();
    let tag = reply.tag();
    let mut response = match tag {
        Some(tag) if known.has(tag) => {
            response(StatusCode::NOT_MODIFIED, None, reply.index, Body::Empty)
        }
        _ => render_plain(reply, takes_gzip, limit),
    };
    if let Some(tag) = tag.and_then(etag::header)
        && !response.status().is_client_error()
    {
        response.headers_mut().insert(header::ETAG, tag);
    }
    for warning in warnings {
        response.headers_mut().append(WARNING, warning);
    }
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    if let Some(page) = page {
        guard(page, response.headers_mut());
    }
    response
}

/// What a browser is told about a page: to take it as what it says it is, to ask for it
/// again rather than show an older one, and, where it has a policy, what may happen in it.
fn guard(page: &Page, headers: &mut HeaderMap) {
    let mut say = |name, value| headers.insert(name, HeaderValue::from_static(value));
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(header::CACHE_CONTROL, "no-cache");
    let policy = page.policy.as_deref().map(HeaderValue::from_str);
    let Some(Ok(policy)) = policy else { return };
    say(header::REFERRER_POLICY, "no-referrer");
    say(CROSS_ORIGIN_OPENER_POLICY, "same-origin");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
}

fn render_plain(reply: Reply, takes_gzip: bool, limit: Option<usize>) -> Response<Body> {
    let text = match &reply.body {
        Text::None => {
            return response(StatusCode::OK, reply.content_type, reply.index, Body::Empty);
        }
        Text::Own(text) => text,
        Text::Kept(kept) => kept.plain(),
    };
    let zipped = match &reply.body {
        _ if !takes_gzip || text.len() < COMPRESS_FROM => None,
        Text::Kept(kept) => kept.zipped().map(<[u8]>::to_vec),
        _ => compress(text),
    };
    if let Some(bytes) = zipped {
        // It travels as base64.
        if limit.is_some_and(|limit| bytes.len().div_ceil(3) * 4 > limit) {
            return too_large();
        }
        let body = Body::Binary(bytes);
        let mut response = response(StatusCode::OK, reply.content_type, reply.index, body);
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        return response;
    }
    if limit.is_some_and(|limit| !fits(text, limit)) {
        return too_large();
    }
    let text = match reply.body {
        Text::None => String::new(),
        Text::Own(text) => text,
        Text::Kept(kept) => kept.plain().to_owned(),
    };
    let body = Body::Text(text);
    response(StatusCode::OK, reply.content_type, reply.index, body)
}

/// The response for a failure: the message alone, no newline after it.
#[must_use]
pub fn render_error(error: &Error) -> Response<Body> {
    let index = error.meta().map_or(Index::None, Index::Read);
    let mut response = response(
        error.status(),
        Some(TEXT),
        index,
        Body::Text(error.message().to_owned()),
    );
    if error.message() == error::NO_PAGE {
        // Go's own page comes with it.
        response.headers_mut().insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
    }
    if error.message() == "No cluster leader" {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

fn too_large() -> Response<Body> {
    render_error(&Error::too_large(
        "the answer is larger than Lambda can carry (6 MB): ask for a part of it with ?prefix=, or for gzip with Accept-Encoding",
    ))
}

fn response(
    status: StatusCode,
    content_type: Option<HeaderValue>,
    index: Index,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    match index {
        Index::None => {}
        Index::Write(index) => {
            headers.insert(INDEX, HeaderValue::from(index));
        }
        Index::Read(meta) => {
            headers.insert(INDEX, HeaderValue::from(meta.index));
            let known = if meta.known_leader { "true" } else { "false" };
            headers.insert(KNOWN_LEADER, HeaderValue::from_static(known));
            headers.insert(LAST_CONTACT, HeaderValue::from(meta.last_contact));
        }
    }
    response
}

fn compress(text: &str) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
    encoder.write_all(text.as_bytes()).ok()?;
    encoder.finish().ok()
}

/// Whether a text has at most `limit` bytes once it is a JSON string in Lambda's own
/// answer.
fn fits(text: &str, limit: usize) -> bool {
    // No byte becomes more than two: most texts need no counting.
    if text.len() * 2 <= limit {
        return true;
    }
    let escaped = |byte: &u8| matches!(byte, b'"' | b'\\' | b'\n');
    text.len() + text.as_bytes().iter().filter(|byte| escaped(byte)).count() <= limit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &str) -> Reply {
        Reply {
            body: Text::Own(body.to_owned()),
            content_type: Some(JSON),
            index: Index::None,
            warnings: Vec::new(),
            location: None,
            page: None,
        }
    }

    #[test]
    fn an_answer_is_limited_as_it_travels_and_only_where_something_limits_it() {
        // Five bytes, seven once the quotes are escaped.
        let text = r#""abc""#;
        for (limit, status) in [
            (Some(6), StatusCode::PAYLOAD_TOO_LARGE),
            (Some(7), StatusCode::OK),
            (None, StatusCode::OK),
        ] {
            let response = render(reply(text), false, &Known::default(), limit);
            assert_eq!(response.status(), status, "{limit:?}");
        }
        // Compressed it is binary, which travels as base64.
        let long = format!("[{}]", "1,".repeat(5_000));
        let zipped = compress(&long).unwrap().len();
        let travels = zipped.div_ceil(3) * 4;
        for (limit, status) in [
            (travels - 1, StatusCode::PAYLOAD_TOO_LARGE),
            (travels, StatusCode::OK),
        ] {
            let response = render(reply(&long), true, &Known::default(), Some(limit));
            assert_eq!(response.status(), status, "{limit}");
        }
    }

    #[test]
    fn an_answer_that_is_too_large_says_what_to_do() {
        let response = render(reply("12345"), false, &Known::default(), Some(4));
        let Body::Text(text) = response.body() else {
            panic!("no text")
        };
        assert!(text.contains("?prefix=") && text.contains("gzip"), "{text}");
    }
}
