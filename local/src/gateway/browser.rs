//! Requests that a web page makes in somebody's browser, and which of them are taken.
//!
//! A browser sends requests to whatever address a page names, loopback addresses and
//! private networks included, with its user's access. dtle 2.x took them all, and so
//! would a gateway without tokens. Two tricks have to fail:
//!
//! - **A page of another site changes something.** Browsers send such a request
//!   without asking, they only hide the answer. They do say where the page is from,
//!   in `Origin` (or `Sec-Fetch-Site`), so a write from elsewhere is refused: 403.
//! - **A page's own name is made to lead here** (DNS rebinding), so that the browser
//!   takes page and gateway for one site and shows it the answers too. The name is
//!   then in `Host`, and is none of this gateway's: 421.
//!
//! Programs that are no browsers send no `Origin`, and the address that they were
//! given as `Host`; nothing changes for them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use dtle_api::request::Origins;
use dtle_outbound::Url;
use lambda_http::http::request::Parts;
use lambda_http::http::uri::Authority;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is not taken: status and message.
pub(super) type Refusal = (StatusCode, &'static str);

const FOREIGN_PAGE: Refusal = (
    StatusCode::FORBIDDEN,
    "the Origin header names a page of another site, which may not change anything here: --allow-host names this gateway's own addresses, --cors-origin other sites that may",
);
const FOREIGN_SITE: Refusal = (
    StatusCode::FORBIDDEN,
    "the Sec-Fetch-Site header says that a page of another site sent this, which may not change anything here",
);
const FOREIGN_HOST: Refusal = (
    StatusCode::MISDIRECTED_REQUEST,
    "the Host header names no address of this gateway: --allow-host names further ones",
);
// Go's words, and so 2.x's.
const NO_HOST: Refusal = (StatusCode::BAD_REQUEST, "missing required Host header");
const HOSTS: Refusal = (StatusCode::BAD_REQUEST, "too many Host headers");
const BAD_HOST: Refusal = (StatusCode::BAD_REQUEST, "malformed Host header");

/// A name or an address, and a port where one is named.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Address {
    /// As a browser writes it, without a dot at its end; IPv6 without brackets.
    host: String,
    port: Option<u16>,
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        if authority.as_str().contains('@') {
            return None;
        }
        // Most requests name an address, and as a browser writes it.
        if authority.host().parse::<Ipv4Addr>().is_ok() {
            return Some(Self {
                host: authority.host().to_owned(),
                port: authority.port_u16(),
            });
        }
        // 127.1, 0x7f000001 and LOCALHOST are what a browser makes of them.
        let url = Url::parse(&format!("http://{authority}/")).ok()?;
        let host = url.host_str()?;
        let host = host.strip_suffix('.').unwrap_or(host);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self {
            host: bare.to_owned(),
            port: authority.port_u16(),
        })
    }

    fn ip(&self) -> Option<IpAddr> {
        self.host.parse().map(|ip: IpAddr| ip.to_canonical()).ok()
    }

    fn is_loopback(&self) -> bool {
        match self.ip() {
            Some(ip) => ip.is_loopback(),
            None => self.host == "localhost" || self.host.ends_with(".localhost"),
        }
    }
}

/// An address that is this gateway's as well: `--allow-host`. Without a port it is
/// so on every port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost(Address);

impl std::str::FromStr for AllowedHost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Address::parse(text).filter(|address| !address.host.contains('*'));
        named.map(Self).ok_or(
            "not a host such as dtle.example.com, dtle.example.com:8443 or 10.0.0.5: a scheme and a path are left out",
        )
    }
}

/// Where a page is from: the value of `Origin`.
struct PageOrigin {
    scheme: String,
    address: Address,
}

impl PageOrigin {
    fn parse(value: &HeaderValue) -> Option<Self> {
        let (scheme, authority) = value.to_str().ok()?.split_once("://")?;
        matches!(scheme, "http" | "https").then_some(())?;
        Some(Self {
            scheme: scheme.to_owned(),
            address: Address::parse(authority)?,
        })
    }

    /// Whether a page at `address`, over the same scheme, has this origin.
    fn is_at(&self, address: &Address) -> bool {
        let default = if self.scheme == "https" { 443 } else { 80 };
        let port = |address: &Address| address.port.unwrap_or(default);
        self.address.host == address.host && port(&self.address) == port(address)
    }
}

/// What is known of this gateway's own addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    /// Where it listens, and whether for HTTPS. A gateway that is called from within
    /// the process listens nowhere, and no `Host` is wrong for it.
    listens: Option<(SocketAddr, bool)>,
    allowed: Vec<AllowedHost>,
}

impl Guard {
    pub(super) fn allow(&mut self, hosts: Vec<AllowedHost>) {
        self.allowed = hosts;
    }

    pub(super) fn listens(&mut self, address: SocketAddr, https: bool) {
        self.listens = Some((address, https));
    }

    /// Why a request is not taken, if it is not. `origins` are those of CORS, whose
    /// pages may write.
    pub(super) fn refusal(&self, request: &Parts, origins: &Origins) -> Option<Refusal> {
        let host = match self.host(request) {
            Ok(host) => host,
            Err(refusal) => return Some(refusal),
        };
        let reads = [Method::GET, Method::HEAD, Method::OPTIONS];
        if reads.contains(&request.method) || origins.named(&request.headers).is_some() {
            return None;
        }
        self.foreign(&request.headers, host.as_ref())
    }

    /// The address that the request was sent to, once it is known to be one of this
    /// gateway's. A request without one is no browser's.
    fn host(&self, request: &Parts) -> Result<Option<Address>, Refusal> {
        let Some((listens, _)) = self.listens else {
            return Ok(host_of(request).ok().flatten());
        };
        let loopback = listens.ip().to_canonical().is_loopback();
        let checked = loopback || !self.allowed.is_empty();
        let host = match host_of(request) {
            Err(_) if !checked => return Ok(None),
            other => other?,
        };
        let Some(host) = host else {
            return Ok(None);
        };
        let own = host.is_loopback()
            || host.ip() == Some(listens.ip().to_canonical())
            || self.allows(&host);
        if checked && !own {
            return Err(FOREIGN_HOST);
        }
        Ok(Some(host))
    }

    fn allows(&self, host: &Address) -> bool {
        let mut allowed = self.allowed.iter().map(|AllowedHost(address)| address);
        allowed.any(|known| {
            known.host == host.host && (known.port.is_none() || known.port == host.port)
        })
    }

    /// Why a write is a foreign page's, if it is.
    fn foreign(&self, headers: &HeaderMap, host: Option<&Address>) -> Option<Refusal> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = match (origins.next(), origins.next()) {
            (None, _) => {
                // Every browser sends Origin with a write; should one not, it says this.
                let site = headers.get(SEC_FETCH_SITE)?;
                return (site != "same-origin" && site != "none").then_some(FOREIGN_SITE);
            }
            (Some(origin), None) => PageOrigin::parse(origin),
            // Of two, neither is believed.
            _ => None,
        };
        // `null` is a page that hides where it is from, and is nobody's own.
        let own = origin.is_some_and(|origin| {
            let here = host.is_some_and(|host| {
                let https = self.listens.is_some_and(|(_, https)| https);
                let scheme = if https { "https" } else { "http" };
                // Behind a proxy the page may be HTTPS where this is not.
                origin.is_at(host) && (origin.scheme == scheme || self.allows(host))
            });
            let mut allowed = self.allowed.iter().map(|AllowedHost(address)| address);
            here || allowed.any(|known| origin.is_at(known))
        });
        (!own).then_some(FOREIGN_PAGE)
    }
}

/// The address in the target, or else in `Host`; `None` where an HTTP/1.0 client sent
/// none, or anybody an empty one.
fn host_of(request: &Parts) -> Result<Option<Address>, Refusal> {
    let text = match request.uri.authority() {
        Some(authority) => authority.as_str(),
        None => {
            let mut hosts = request.headers.get_all(header::HOST).iter();
            match (hosts.next(), hosts.next()) {
                (None, _) if request.version == Version::HTTP_10 => return Ok(None),
                (None, _) => return Err(NO_HOST),
                (Some(host), None) => host.to_str().map_err(|_| BAD_HOST)?,
                _ => return Err(HOSTS),
            }
        }
    };
    if text.is_empty() {
        return Ok(None);
    }
    Address::parse(text).map(Some).ok_or(BAD_HOST)
}

#[cfg(test)]
mod tests {
    use lambda_http::http::Request;

    use super::*;

    fn guard(listens: &str, https: bool, allowed: &[&str]) -> Guard {
        let mut guard = Guard::default();
        guard.listens(listens.parse().unwrap(), https);
        guard.allow(allowed.iter().map(|host| host.parse().unwrap()).collect());
        guard
    }

    /// The status with which a request is refused, 0 when it is taken.
    fn status(guard: &Guard, method: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri("/v1/jobs");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let refusal = guard.refusal(&parts, &Origins::default());
        refusal.map_or(0, |(status, _)| status.as_u16())
    }

    fn get(guard: &Guard, host: &str) -> u16 {
        status(guard, "GET", &[("Host", host)])
    }

    fn post(guard: &Guard, host: &str, origin: &str) -> u16 {
        status(guard, "POST", &[("Host", host), ("Origin", origin)])
    }

    #[test]
    fn on_loopback_only_names_of_loopback_are_hosts() {
        for listens in ["127.0.0.1:8190", "127.9.9.9:8190", "[::1]:8190"] {
            let guard = guard(listens, false, &[]);
            for host in [
                "127.0.0.1:8190",
                "127.0.0.1",
                "127.45.6.7:1",
                "127.1:8190",
                "localhost:8190",
                "LocalHost",
                "localhost.:8190",
                "dtle.localhost:8190",
                "[::1]:8190",
                "[::1]",
                "[::ffff:127.0.0.1]:8190",
                "",
            ] {
                assert_eq!(get(&guard, host), 0, "{host} on {listens}");
            }
            for host in [
                "evil.example:8190",
                "localhost.evil.example:8190",
                "127.0.0.1.evil.example",
                "notlocalhost",
                "10.0.0.5:8190",
                "0.0.0.0:8190",
                "[::]:8190",
                "128.0.0.1",
                "xn--lcalhost-54a",
            ] {
                assert_eq!(get(&guard, host), 421, "{host} on {listens}");
            }
            for host in [
                "localhost:8190@evil.example",
                "evil.example/localhost",
                "a b",
                "[::1",
            ] {
                assert_eq!(get(&guard, host), 400, "{host} on {listens}");
            }
        }
    }

    #[test]
    fn further_hosts_are_allowed_by_name_and_by_port_where_one_is_given() {
        let guard = guard(
            "127.0.0.1:8190",
            false,
            &["Dtle.Example.com", "10.0.0.5:443", "[fd00::5]"],
        );
        for (host, expected) in [
            ("dtle.example.com", 0),
            ("DTLE.example.com.:8443", 0),
            ("a.dtle.example.com", 421),
            ("10.0.0.5:443", 0),
            ("10.0.0.5", 421),
            ("10.0.0.5:80", 421),
            ("[fd00::5]:1", 0),
            ("[fd00::6]:1", 421),
            ("localhost", 0),
        ] {
            assert_eq!(get(&guard, host), expected, "{host}");
        }
    }

    #[test]
    fn bound_elsewhere_hosts_are_checked_when_some_are_named() {
        let open = guard("0.0.0.0:8190", false, &[]);
        for host in ["anything.example", "a b"] {
            assert_eq!(get(&open, host), 0, "{host}");
        }
        let named = guard("10.0.0.5:8190", false, &["dtle.example.com"]);
        for (host, expected) in [
            ("dtle.example.com", 0),
            // Where it listens is its own address.
            ("10.0.0.5:8190", 0),
            ("127.0.0.1:8190", 0),
            ("10.0.0.6:8190", 421),
            ("evil.example", 421),
        ] {
            assert_eq!(get(&named, host), expected, "{host}");
        }
    }

    #[test]
    fn a_request_without_a_host_is_taken_from_old_clients_only() {
        let guard = guard("127.0.0.1:8190", false, &[]);
        assert_eq!(status(&guard, "GET", &[]), 400);
        let old = Request::get("/health").version(Version::HTTP_10);
        let (parts, ()) = old.body(()).unwrap().into_parts();
        assert_eq!(guard.refusal(&parts, &Origins::default()), None);
        let two = [("Host", "localhost"), ("Host", "localhost")];
        assert_eq!(status(&guard, "GET", &two), 400);
        // A page is still a page.
        let (mut parts, ()) = Request::post("/v1/jobs").body(()).unwrap().into_parts();
        parts.version = Version::HTTP_10;
        let origin = HeaderValue::from_static("http://localhost:8190");
        parts.headers.insert(header::ORIGIN, origin);
        assert_eq!(
            guard.refusal(&parts, &Origins::default()),
            Some(FOREIGN_PAGE)
        );
    }

    #[test]
    fn the_address_in_the_target_counts_before_the_one_in_host() {
        let guard = guard("127.0.0.1:8190", false, &[]);
        for (uri, host, expected) in [
            (
                "http://evil.example/v1/jobs",
                "localhost",
                Some(FOREIGN_HOST),
            ),
            ("http://localhost:8190/v1/jobs", "evil.example", None),
        ] {
            let request = Request::get(uri).header(header::HOST, host);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(
                guard.refusal(&parts, &Origins::default()),
                expected,
                "{uri}"
            );
        }
    }

    #[test]
    fn a_page_may_write_to_the_address_that_it_is_from() {
        let plain = guard("127.0.0.1:8190", false, &[]);
        for (host, origin, expected) in [
            ("localhost:8190", "http://localhost:8190", 0),
            ("[::1]:8190", "http://[::1]:8190", 0),
            ("127.0.0.1", "http://127.0.0.1", 0),
            ("127.0.0.1:80", "http://127.0.0.1", 0),
            // Another port, scheme or name is another site, and so is a sandbox.
            ("localhost:8190", "http://localhost:3000", 403),
            ("localhost:8190", "http://localhost", 403),
            ("localhost:8190", "https://localhost:8190", 403),
            ("localhost:8190", "http://127.0.0.1:8190", 403),
            ("localhost:8190", "http://evil.example", 403),
            ("localhost:8190", "http://localhost:8190.evil.example", 403),
            ("localhost:8190", "http://localhost:8190@evil.example", 403),
            ("localhost:8190", "null", 403),
            ("localhost:8190", "", 403),
            ("localhost:8190", "localhost:8190", 403),
            ("localhost:8190", "chrome-extension://localhost:8190", 403),
        ] {
            assert_eq!(post(&plain, host, origin), expected, "{host} {origin}");
        }
        let tls = guard("0.0.0.0:443", true, &[]);
        assert_eq!(
            post(&tls, "dtle.example.com", "https://dtle.example.com"),
            0
        );
        assert_eq!(
            post(&tls, "dtle.example.com", "http://dtle.example.com"),
            403
        );
        assert_eq!(
            post(&tls, "dtle.example.com", "http://dtle.example.com:443"),
            403
        );
    }

    #[test]
    fn behind_a_proxy_the_named_host_is_the_pages_whatever_its_scheme() {
        let guard = guard("127.0.0.1:8190", false, &["dtle.example.com"]);
        for (host, origin, expected) in [
            // The proxy passes Host on, or puts its own there.
            ("dtle.example.com", "https://dtle.example.com", 0),
            ("127.0.0.1:8190", "https://dtle.example.com", 0),
            ("dtle.example.com:8443", "https://dtle.example.com:8443", 0),
            ("127.0.0.1:8190", "https://dtle.example.com:8443", 403),
            ("dtle.example.com", "https://evil.example", 403),
        ] {
            assert_eq!(post(&guard, host, origin), expected, "{host} {origin}");
        }
    }

    #[test]
    fn every_method_but_the_three_that_read_is_a_write() {
        let guard = guard("127.0.0.1:8190", false, &[]);
        let foreign = [("Host", "localhost"), ("Origin", "http://evil.example")];
        for method in ["POST", "PUT", "DELETE", "PATCH", "post", "BREW"] {
            assert_eq!(status(&guard, method, &foreign), 403, "{method}");
        }
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert_eq!(status(&guard, method, &foreign), 0, "{method}");
        }
        let two = [
            ("Host", "localhost"),
            ("Origin", "http://localhost"),
            ("Origin", "http://localhost"),
        ];
        assert_eq!(status(&guard, "POST", &two), 403);
    }

    #[test]
    fn without_an_origin_a_browsers_word_on_the_site_counts() {
        let guard = guard("127.0.0.1:8190", false, &[]);
        for (site, expected) in [
            ("cross-site", 403),
            ("same-site", 403),
            ("same-origin", 0),
            ("none", 0),
        ] {
            let headers = [("Host", "localhost"), ("Sec-Fetch-Site", site)];
            assert_eq!(status(&guard, "DELETE", &headers), expected, "{site}");
        }
        assert_eq!(status(&guard, "DELETE", &[("Host", "localhost")]), 0);
    }

    #[test]
    fn a_named_origin_of_cors_may_write() {
        let guard = guard("127.0.0.1:8190", false, &[]);
        let origins = Origins::parse("https://console.example.com").unwrap();
        for (origin, expected) in [
            ("https://console.example.com", None),
            ("https://other.example.com", Some(FOREIGN_PAGE)),
        ] {
            let request = Request::post("/v1/jobs").header(header::HOST, "localhost");
            let request = request.header(header::ORIGIN, origin);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(guard.refusal(&parts, &origins), expected, "{origin}");
        }
    }

    #[test]
    fn what_is_no_host_cannot_be_allowed() {
        for text in [
            "https://dtle.example.com",
            "dtle.example.com/",
            "a@b",
            "",
            "a b",
            "*",
        ] {
            let parsed = text.parse::<AllowedHost>();
            assert!(parsed.is_err(), "{text}: {parsed:?}");
        }
    }
}
