//! A request, read once.

use std::borrow::Cow;

use bytes::Bytes;
use lambda_http::http::{Method, header};
use lambda_http::{Body, Request, RequestExt};
use percent_encoding::percent_decode_str;

use super::Query;
use crate::path;
use crate::reply::{Error, Style};

/// The largest body that the API takes, in bytes. Lambda carries six million, base64
/// included.
pub const LARGEST_BODY: usize = 4 << 20;

/// A request, read once.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path, decoded once, as API Gateway sends it.
    pub path: String,
    /// The query.
    pub query: Query,
    /// The body as it was before API Gateway encoded it.
    pub body: Bytes,
    /// Whether the client takes gzip.
    pub takes_gzip: bool,
    values: Vec<(&'static str, String)>,
}

impl Call {
    /// Reads the event that a gateway sent for a route that has these paths.
    ///
    /// # Errors
    /// 404 when the path is not the route's.
    pub fn read(request: Request, paths: &[&'static str]) -> Result<Self, Error> {
        let path = path_of(&request).into_owned();
        let values = values_of(&request, &path, paths)?;
        let (parts, body) = request.into_parts();
        let body = match body {
            Body::Empty => Bytes::new(),
            Body::Text(text) => Bytes::from(text),
            Body::Binary(bytes) => Bytes::from(bytes),
            // The enum is open; the runtime has no fourth kind.
            _ => Bytes::new(),
        };
        let takes_gzip = parts
            .headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(takes_gzip);
        Ok(Self {
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            method: parts.method,
            path,
            body,
            takes_gzip,
            values,
        })
    }

    /// Refuses a body that is too large.
    ///
    /// # Errors
    /// 413.
    pub fn check_size(&self) -> Result<(), Error> {
        if self.body.len() > LARGEST_BODY {
            return Err(Error::too_large(format!(
                "the body has {} bytes, at most {LARGEST_BODY} are taken",
                self.body.len()
            )));
        }
        Ok(())
    }

    /// The value of a path parameter; empty for one that the route lacks.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.values
            .iter()
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value)
    }

    /// How the caller wants JSON laid out.
    #[must_use]
    pub fn style(&self) -> Style {
        if self.query.pretty() {
            Style::Pretty
        } else {
            Style::Compact
        }
    }

    /// The ID in the path.
    #[must_use]
    pub fn id(&self) -> &str {
        self.value("id")
    }
}

/// The path, decoded once. API Gateway's HTTP API has decoded it already; a
/// function URL and a load balancer have not.
fn path_of(request: &Request) -> Cow<'_, str> {
    let raw = request.raw_http_path();
    let raw = if raw.is_empty() {
        request.uri().path()
    } else {
        raw
    };
    if request.path_parameters_ref().is_some_and(|p| !p.is_empty()) {
        return Cow::Borrowed(raw);
    }
    percent_decode_str(raw).decode_utf8_lossy()
}

fn values_of(
    request: &Request,
    path: &str,
    paths: &[&'static str],
) -> Result<Vec<(&'static str, String)>, Error> {
    let names: Vec<_> = path::names(paths).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(parameters) = request.path_parameters_ref() {
        let named: Vec<_> = names
            .iter()
            .filter_map(|name| Some((*name, parameters.first(name)?.to_owned())))
            .collect();
        if named.len() == names.len() {
            return Ok(named);
        }
    }
    path::values(paths, path).ok_or_else(Error::no_page)
}

/// Whether an Accept-Encoding takes gzip: named, or by `*`, and not with `q=0`.
fn takes_gzip(header: &str) -> bool {
    header.split(',').any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let refused = parts.any(|part| {
            part.strip_prefix("q=")
                .is_some_and(|q| q.parse() == Ok(0.0_f32))
        });
        (coding.eq_ignore_ascii_case("gzip") || coding == "*") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_when_named_and_not_refused() {
        for (header, taken) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("GZIP", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br, deflate", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(header), taken, "{header}");
        }
    }
}
