//! A request as an HTTP API hands it to a function: payload format 2.0.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequest};
use lambda_http::http::{HeaderMap, HeaderValue, Request, header};
use percent_encoding::percent_decode_str;

/// Who sent the request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The client's IP.
    pub ip: String,
    /// What the log calls the request.
    pub request_id: String,
}

/// The event for a request: the path decoded and cut at a decoded `?`, repeated
/// headers joined, the body in base64 unless its type is a text's.
#[must_use]
pub fn to_event(
    request: Request<Bytes>,
    route_key: &str,
    values: HashMap<String, String>,
    peer: &Peer,
) -> ApiGatewayV2httpRequest {
    let (parts, body) = request.into_parts();
    let decoded = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let path = decoded.split('?').next().unwrap_or_default().to_owned();
    let agent = parts.headers.get(header::USER_AGENT);
    let agent = agent
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let host = parts.headers.get(header::HOST);
    let host = host
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);

    let mut event = ApiGatewayV2httpRequest::default();
    event.version = Some("2.0".to_owned());
    event.route_key = Some(route_key.to_owned());
    event.raw_path = Some(path.clone());
    event.raw_query_string = Some(parts.uri.query().unwrap_or_default().to_owned());
    event.path_parameters = values;
    let (body, encoded) = body_of(&parts.headers, &body);
    event.body = body;
    event.is_base64_encoded = encoded;
    event.headers = joined(parts.headers);
    let context = &mut event.request_context;
    context.route_key = Some(route_key.to_owned());
    context.stage = Some("$default".to_owned());
    context.request_id = Some(peer.request_id.clone());
    context.domain_name = host;
    context.http.method = parts.method;
    context.http.path = Some(path);
    context.http.protocol = Some("HTTP/1.1".to_owned());
    context.http.source_ip = Some(peer.ip.clone());
    context.http.user_agent = agent;
    event
}

/// Puts the authorizer's word into an event: whom it has let in.
pub(super) fn vouch(event: &mut ApiGatewayV2httpRequest, caller: String) {
    let mut authorizer = ApiGatewayRequestAuthorizer::default();
    authorizer.fields.insert("caller".to_owned(), caller.into());
    event.request_context.authorizer = Some(authorizer);
}

fn body_of(headers: &HeaderMap, body: &Bytes) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_text = kind.starts_with("text/")
        || kind.ends_with("+json")
        || matches!(
            kind.as_str(),
            "application/json" | "application/xml" | "application/javascript"
        );
    match std::str::from_utf8(body) {
        Ok(text) if is_text => (Some(text.to_owned()), false),
        _ => (Some(STANDARD.encode(body)), true),
    }
}

/// Repeated headers become one, separated by commas.
fn joined(headers: HeaderMap) -> HeaderMap {
    if headers.keys_len() == headers.len() {
        return headers;
    }
    let mut joined = HeaderMap::with_capacity(headers.keys_len());
    for name in headers.keys() {
        let values: Vec<&[u8]> = headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if let Ok(value) = HeaderValue::from_bytes(&values.join(&b","[..])) {
            joined.insert(name.clone(), value);
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(request: Request<Bytes>) -> ApiGatewayV2httpRequest {
        let peer = Peer {
            ip: "127.0.0.1".to_owned(),
            request_id: "r-1".to_owned(),
        };
        to_event(request, "GET /v1/job/{id}", HashMap::new(), &peer)
    }

    #[test]
    fn the_path_arrives_decoded_and_the_query_does_not() {
        let request = Request::get("/v1/job/a%20b%3Fc?x=%20y")
            .body(Bytes::new())
            .unwrap();
        let event = event(request);
        assert_eq!(event.raw_path.as_deref(), Some("/v1/job/a b"));
        assert_eq!(event.raw_query_string.as_deref(), Some("x=%20y"));
    }

    #[test]
    fn only_texts_travel_as_they_are() {
        for (kind, encoded) in [
            ("application/json; charset=utf-8", false),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", true),
            ("", true),
        ] {
            let request = Request::post("/")
                .header("content-type", kind)
                .body(Bytes::from("{}"))
                .unwrap();
            let event = event(request);
            assert_eq!(event.is_base64_encoded, encoded, "{kind}");
            assert_eq!(
                event.body.as_deref(),
                Some(if encoded { "e30=" } else { "{}" })
            );
        }
    }

    #[test]
    fn repeated_headers_are_joined() {
        let request = Request::get("/")
            .header("x-a", "1")
            .header("x-a", "2")
            .body(Bytes::new())
            .unwrap();
        assert_eq!(event(request).headers["x-a"], "1,2");
    }
}
