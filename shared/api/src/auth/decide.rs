//! The decision about one request.
//!
//! **It depends on the token and the route alone**, the two things that API Gateway's
//! cache of decisions goes by. A decision that looked at anything else of the request
//! (its method on a route for all methods, its path, its query) would be handed to
//! requests that it was not made for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::tokens::{Scope, Tokens};
use crate::route::Passwords;
use crate::routes::ROWS;

/// What API Gateway calls the route for everything that is no route.
pub(super) const DEFAULT_ROUTE: &str = "$default";

/// A route that only the gateway on one machine has: figures for Prometheus.
pub(super) const METRICS: &str = "/metrics";

/// A longer header is not looked at; a token has 43 characters.
pub(super) const LONGEST_HEADER: usize = 4_096;

/// Who is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Everybody: `DTLE_OPEN_ACCESS=true`.
    Everyone,
    /// Those who have a token.
    WithToken(Tokens),
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes on.
    Allowed {
        /// The name of the token, `anyone` under open access.
        caller: String,
    },
    /// No token, or none that is known: 401 where that can be said.
    Unknown,
    /// A token that may not do this: 403.
    Forbidden {
        /// The name of the token.
        caller: String,
    },
}

/// Decides about a request. `route_path` is the route's path, such as
/// `/v1/job/{id}`, or `$default`; `method` is the route's, `ANY` for all of them.
#[must_use]
pub fn authorize(
    callers: &Callers,
    passwords_masked: bool,
    method: &str,
    route_path: &str,
    authorization: Option<&str>,
) -> Decision {
    let tokens = match callers {
        Callers::Everyone => {
            return Decision::Allowed {
                caller: "anyone".to_owned(),
            };
        }
        Callers::WithToken(tokens) => tokens,
    };
    let known = authorization
        .and_then(token_of_header)
        .and_then(|token| tokens.find(&token));
    let Some(known) = known else {
        return Decision::Unknown;
    };
    let caller = known.name.clone();
    if known.scope >= needed(method, route_path, passwords_masked) {
        Decision::Allowed { caller }
    } else {
        Decision::Forbidden { caller }
    }
}

pub(super) fn needed(method: &str, route_path: &str, passwords_masked: bool) -> Scope {
    if route_path == DEFAULT_ROUTE {
        // One route for all methods, behind which nothing but 404 and 405 is.
        return Scope::Read;
    }
    if method != "GET" {
        return Scope::Write;
    }
    if route_path == METRICS {
        return Scope::Read;
    }
    let row = ROWS
        .iter()
        .find(|row| row.paths.contains(&route_path) && row.methods.contains(&method));
    match row.map(|row| row.passwords) {
        Some(Passwords::None | Passwords::Masked) => Scope::Read,
        Some(Passwords::Shown) if passwords_masked => Scope::Read,
        // Of a route that is not in the table nothing is known.
        Some(Passwords::Shown) | None => Scope::Write,
    }
}

/// The token in an Authorization header: one scheme, one value.
pub(super) fn token_of_header(header: &str) -> Option<String> {
    if header.len() > LONGEST_HEADER {
        return None;
    }
    let (scheme, value) = header.trim().split_once(' ')?;
    let value = value.trim();
    let token = if scheme.eq_ignore_ascii_case("bearer") {
        value.to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let pair = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
        pair.split_once(':')?.1.to_owned()
    } else {
        return None;
    };
    // Two headers arrive as one with a comma; neither is chosen.
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == ',';
    (!token.is_empty() && !token.contains(odd)).then_some(token)
}
