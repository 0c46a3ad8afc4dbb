//! CORS: the pages of other sites that may call this API from a browser.
//!
//! A browser shows an answer to a page of another origin only when the answer names
//! that origin, and asks with a preflight (`OPTIONS`) before it sends a token or
//! changes anything. Nothing is named unless an operator names it, so by default no
//! answer has a header of CORS. There is no `*`: a gateway without tokens on a
//! loopback address would be every web page's.
//!
//! The functions answer preflights and mark answers themselves, instead of leaving
//! it to API Gateway: its own CORS settings cannot be left out of a SAM template by
//! a parameter, and with a `$default` route that has an authorizer it needs a route
//! and a function for `OPTIONS` anyway.

use lambda_http::Body;
use lambda_http::http::header::{self, HeaderValue};
use lambda_http::http::{HeaderMap, Method, Response, StatusCode};
use reqwest::Url;

/// The methods of the API's routes.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE");
/// What a page may send beyond what every page may.
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Content-Type, If-None-Match");
/// What a page may read beyond what every page may.
const ANSWER_HEADERS: HeaderValue = HeaderValue::from_static(
    "X-Udup-Index, X-Udup-KnownLeader, X-Udup-LastContact, X-Dtle-Warning, ETag, Location, Retry-After",
);
/// For how long a browser may remember a preflight, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");
const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const ENCODING_AND_ORIGIN: HeaderValue = HeaderValue::from_static("Accept-Encoding, Origin");

/// The origins whose pages may call: `DTLE_CORS_ORIGINS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Reads origins such as `https://console.example.com`, separated by commas or
    /// spaces.
    ///
    /// # Errors
    /// What is wrong with one that is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split([',', ' '])
            .filter(|entry| !entry.is_empty())
            .map(|entry| {
                let url = Url::parse(entry).ok();
                let plain = url.filter(|url| {
                    matches!(url.scheme(), "http" | "https")
                        && url.path() == "/"
                        && !entry.contains('*')
                        && url.query().is_none()
                        && url.fragment().is_none()
                        && url.username().is_empty()
                        && url.password().is_none()
                });
                plain
                    // As a browser writes it: lower case, no default port.
                    .map(|url| url.origin().ascii_serialization())
                    .ok_or_else(|| {
                        format!(
                            "`{entry}` is not an origin such as https://console.example.com; \
                             `*` is not taken, each one is named"
                        )
                    })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The named origin whose page sent a request, if one did.
    #[must_use]
    pub fn named(&self, headers: &HeaderMap) -> Option<&str> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (origin, None) = (origins.next()?, origins.next()) else {
            return None;
        };
        let known = self.0.iter().find(|known| known.as_bytes() == origin);
        known.map(String::as_str)
    }

    /// The answer to a preflight from a named origin, for which no token is asked:
    /// a browser sends none. `None` for every other request.
    #[must_use]
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response<Body>> {
        let asks = method == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || self.named(headers).is_none() {
            return None;
        }
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
        Some(response)
    }

    /// Adds the headers of CORS to the answer for a page of `named`, see
    /// [`Origins::named`]. When no origin is set, nothing is added for anybody.
    pub fn mark(&self, named: Option<&str>, response: &mut Response<Body>) {
        if self.0.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        // As one header: an answer of Lambda's has no two of a name.
        let varies = match headers.get(header::VARY) {
            Some(by) if by == "Accept-Encoding" => ENCODING_AND_ORIGIN,
            _ => ORIGIN,
        };
        headers.insert(header::VARY, varies);
        if let Some(origin) = named.and_then(|origin| HeaderValue::from_str(origin).ok()) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn origins_are_kept_as_a_browser_writes_them() {
        let origins =
            Origins::parse("HTTPS://Console.Example.com:443/, http://10.0.0.5:3000").unwrap();
        for (sent, named) in [
            ("https://console.example.com", true),
            ("http://10.0.0.5:3000", true),
            ("http://console.example.com", false),
            ("https://console.example.com:8443", false),
            ("https://console.example.com.evil.example", false),
            ("http://10.0.0.5", false),
            ("null", false),
        ] {
            let found = origins.named(&headers(&[(header::ORIGIN, sent)]));
            assert_eq!(found.is_some(), named, "{sent}");
        }
        let two = headers(&[
            (header::ORIGIN, "http://10.0.0.5:3000"),
            (header::ORIGIN, "http://10.0.0.5:3000"),
        ]);
        assert_eq!(origins.named(&two), None);
    }

    #[test]
    fn what_is_no_single_origin_is_refused_by_name() {
        for text in [
            "*",
            "null",
            "console.example.com",
            "ftp://console.example.com",
            "https://console.example.com/app",
            "https://console.example.com?x",
            "https://u:p@console.example.com",
            "https://ok.example, https://*",
        ] {
            let fault = Origins::parse(text).unwrap_err();
            assert!(fault.contains("is not an origin"), "{text}: {fault}");
        }
        assert_eq!(Origins::parse(" , ").unwrap(), Origins::default());
    }

    #[test]
    fn a_preflight_is_an_options_request_that_asks_from_a_named_origin() {
        let origins = Origins::parse("https://a.example").unwrap();
        let asks = (header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        let known = (header::ORIGIN, "https://a.example");
        let other = (header::ORIGIN, "https://b.example");
        let answer = |method, pairs: &[_]| origins.preflight(&method, &headers(pairs));
        let found = answer(Method::OPTIONS, &[asks.clone(), known.clone()]).unwrap();
        assert_eq!(found.status(), StatusCode::NO_CONTENT);
        assert!(answer(Method::OPTIONS, &[asks.clone(), other]).is_none());
        assert!(answer(Method::OPTIONS, std::slice::from_ref(&known)).is_none());
        assert!(answer(Method::POST, &[asks, known]).is_none());
    }

    #[test]
    fn an_answer_says_that_it_depends_on_the_origin_whoever_asks() {
        let origins = Origins::parse("https://a.example").unwrap();
        let mut response = Response::new(Body::Empty);
        let encoding = HeaderValue::from_static("Accept-Encoding");
        response.headers_mut().insert(header::VARY, encoding);
        origins.mark(None, &mut response);
        let vary: Vec<_> = response.headers().get_all(header::VARY).iter().collect();
        assert_eq!(vary, ["Accept-Encoding, Origin"]);
        assert_eq!(response.headers().len(), 1);
        origins.mark(Some("https://a.example"), &mut response);
        let allowed = response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(allowed.unwrap(), "https://a.example");
    }

    #[test]
    fn without_origins_no_answer_is_marked() {
        let mut response = Response::new(Body::Empty);
        Origins::default().mark(None, &mut response);
        assert!(response.headers().is_empty());
    }
}
