//! A client that hides nothing: one connection a request, the path as it was
//! given, headers as they came.

use std::net::SocketAddr;

use flate2::read::GzDecoder;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Json;

/// An HTTP server to ask.
#[derive(Clone, Debug)]
pub struct Client {
    authority: String,
    host: String,
}

/// An answer as it was on the wire.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked, for messages.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, its chunks put together.
    pub body: Vec<u8>,
}

impl Client {
    /// Of a server that listens there.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            authority: address.to_string(),
            host: address.to_string(),
        }
    }

    /// Of a server at a URL such as `http://10.0.0.5:8190`.
    ///
    /// # Panics
    /// When it is no such URL.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        let authority = url.strip_prefix("http://").expect("an http:// URL");
        let authority = authority.trim_end_matches('/').to_owned();
        Self {
            host: authority.clone(),
            authority,
        }
    }

    /// The same, with another `Host`.
    #[must_use]
    pub fn saying(&self, host: &str) -> Self {
        Self {
            authority: self.authority.clone(),
            host: host.to_owned(),
        }
    }

    /// Where it connects to: `127.0.0.1:8190`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let asked = format!("{method} {target}");
        let answer = self.exchange(method, target, headers, body).await;
        let raw = answer.unwrap_or_else(|error| panic!("{asked}: {error}"));
        parse(asked, &raw)
    }

    async fn exchange(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.authority).await?;
        let mut head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.host
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await?;
        // A server may answer and close before it has read everything.
        let _ = stream.write_all(body).await;
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw).await?;
        Ok(raw)
    }

    /// `GET`.
    pub async fn get(&self, target: &str) -> Answer {
        self.send("GET", target, &[], b"").await
    }

    /// `POST` without a body.
    pub async fn post(&self, target: &str) -> Answer {
        self.send("POST", target, &[], b"").await
    }

    /// `PUT` without a body.
    pub async fn put(&self, target: &str) -> Answer {
        self.send("PUT", target, &[], b"").await
    }

    /// `DELETE`.
    pub async fn delete(&self, target: &str) -> Answer {
        self.send("DELETE", target, &[], b"").await
    }

    /// `POST` as `curl -d` does it, which calls everything a form.
    pub async fn post_json(&self, target: &str, body: &Value) -> Answer {
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let body = body.to_string();
        self.send("POST", target, &headers, body.as_bytes()).await
    }

    /// `PUT` of JSON that says so.
    pub async fn put_json(&self, target: &str, body: &Value) -> Answer {
        let headers = [("Content-Type", "application/json")];
        let body = body.to_string();
        self.send("PUT", target, &headers, body.as_bytes()).await
    }
}

impl Answer {
    /// A header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|_| panic!("{}: not UTF-8", self.asked))
    }

    /// The body as JSON, whatever the status.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        self.ordered().value()
    }

    /// The body as JSON in its order.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn ordered(&self) -> Json {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error} in {:?}", self.asked, self.shown()))
    }

    /// The JSON of an answer that must be a success.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}: {}", self.asked, self.shown());
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{}",
            self.asked
        );
        self.json()
    }

    /// Checks an answer that must be a success whose content does not matter.
    ///
    /// # Panics
    /// When it is none.
    pub fn succeeds(&self) {
        let _content = self.ok();
    }

    /// Checks an answer that must be a failure: status, whole text, its type.
    ///
    /// # Panics
    /// When it is another.
    pub fn fails(&self, status: u16, text: &str) {
        assert_eq!(
            (self.status, self.shown().as_str()),
            (status, text),
            "{}",
            self.asked
        );
        assert_eq!(
            self.header("content-type"),
            Some("text/plain; charset=utf-8"),
            "{}",
            self.asked
        );
    }

    /// The names of the headers that belong to the answer and not to the
    /// connection, sorted; without those that this API adds to 2.x's.
    #[must_use]
    pub fn header_names(&self) -> Vec<&str> {
        let mut names = own_headers(&self.headers);
        names.retain(|name| !matches!(*name, "location" | "x-dtle-warning"));
        names
    }

    /// What the answer warns of, in order.
    #[must_use]
    pub fn warnings(&self) -> Vec<&str> {
        let headers = self.headers.iter();
        let warnings = headers.filter(|(name, _)| name == "x-dtle-warning");
        warnings.map(|(_, value)| value.as_str()).collect()
    }

    /// The body after `Content-Encoding: gzip`.
    ///
    /// # Panics
    /// When it is not gzip.
    #[must_use]
    pub fn unzipped(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut GzDecoder::new(self.body.as_slice()), &mut plain)
            .unwrap_or_else(|error| panic!("{}: {error}", self.asked));
        plain
    }

    /// The body for a message.
    #[must_use]
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The names of the headers that belong to an answer and not to its connection
/// or its moment, sorted. ETag is left out: every read has one here and none in 2.x.
#[must_use]
pub fn own_headers(headers: &[(String, String)]) -> Vec<&str> {
    let mut names: Vec<&str> = headers
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| {
            !matches!(
                *name,
                "connection" | "content-length" | "date" | "etag" | "transfer-encoding"
            )
        })
        .collect();
    names.sort_unstable();
    names
}

fn parse(asked: String, raw: &[u8]) -> Answer {
    let end = raw
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("{asked}: the connection ended without an answer"));
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = &raw[end + 4..];
    Answer {
        status: status.and_then(|status| status.parse().ok()).unwrap(),
        body: if chunked {
            unchunked(body)
        } else {
            body.to_vec()
        },
        headers,
        asked,
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    body
}
