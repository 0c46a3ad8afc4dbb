//! Who may call: the decision about one request, and the Lambda authorizer around it.
//!
//! A caller sends a token, as `Authorization: Bearer TOKEN` or as the password of
//! HTTP Basic, so that a program which only takes a URL can use
//! `https://any:TOKEN@host/`. What is kept of a token is a hash:
//!
//! ```json
//! {"tokens": [{"name": "dashboard", "scope": "read", "salt": "b0…", "hash": "5f…"}]}
//! ```
//!
//! `hash` is SHA-256 over the text of `salt` followed by the token, in hex or base64.
//! A fast hash is right here: a token is 256 random bits, which nobody guesses at
//! any speed; slow hashes are for what people make up.
//!
//! **The decision depends on the token and the route alone**, the two things that
//! API Gateway's cache of decisions goes by. A decision that looked at anything else
//! of the request (its method on a route for all methods, its path, its query) would
//! be handed to requests that it was not made for.

use std::collections::HashMap;
use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dtle_outbound::Secret;
use lambda_http::lambda_runtime;
use lambda_http::{LambdaEvent, service_fn};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::observe::{Kind, Subject, UNKNOWN};
use crate::outbound::secrets::{Source, Sources};
use crate::route::Passwords;
use crate::routes::ROWS;

/// What API Gateway calls the route for everything that is no route.
const DEFAULT_ROUTE: &str = "$default";

/// A route that only the gateway on one machine has: figures for Prometheus.
const METRICS: &str = "/metrics";

/// A longer header is not looked at; a token has 43 characters.
const LONGEST_HEADER: usize = 4_096;

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read what shows no password.
    Read,
    /// Everything.
    Write,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    name: String,
    scope: Scope,
    salt: String,
    hash: [u8; 32],
}

/// Why a list of tokens cannot be used. Nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// Not the JSON that it should be.
    #[error(r#"tokens: not {{"tokens": [{{"name", "scope", "salt", "hash"}}]}}: {0}"#)]
    Json(String),
    /// An empty list would let nobody in.
    #[error("tokens: the list is empty, nobody could call")]
    Empty,
    /// A name that cannot go into a log line.
    #[error("tokens: entry {0}: a name has 1 to 64 letters, digits and . _ -")]
    Name(usize),
    /// Two tokens of one name cannot be told apart in a log.
    #[error("tokens: the name `{0}` is there twice")]
    Twice(String),
    /// A salt that is too short.
    #[error("tokens: `{0}`: a salt has 16 characters or more")]
    Salt(String),
    /// A hash that is none.
    #[error("tokens: `{0}`: the hash is not a SHA-256 in hex or base64")]
    Hash(String),
    /// The file that `DTLE_TOKENS` names cannot be read.
    #[error("DTLE_TOKENS: cannot read {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// The system has no random numbers.
    #[error("no random numbers")]
    Random,
}

/// The tokens that are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens(Vec<Token>);

/// An entry as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Who has the token: it is in the log of every request, and says which entry
    /// to take out when the token has to go.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// Random text, another for each token.
    pub salt: String,
    /// SHA-256 over salt and token.
    pub hash: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    tokens: Vec<Entry>,
}

impl Tokens {
    /// Reads a list.
    ///
    /// # Errors
    /// When an entry cannot be used: one that is passed over would be a token that
    /// somebody believes to have revoked, or given out.
    pub fn parse(text: &str) -> Result<Self, TokensError> {
        // serde_json quotes what it did not expect, which could be a hash; the
        // place is enough to find it.
        let Document { tokens } = serde_json::from_str(text).map_err(|error| {
            TokensError::Json(format!("line {}, column {}", error.line(), error.column()))
        })?;
        let mut known: Vec<Token> = Vec::with_capacity(tokens.len());
        for (position, entry) in tokens.into_iter().enumerate() {
            if !is_name(&entry.name) {
                return Err(TokensError::Name(position + 1));
            }
            if known.iter().any(|token| token.name == entry.name) {
                return Err(TokensError::Twice(entry.name));
            }
            if entry.salt.len() < 16 {
                return Err(TokensError::Salt(entry.name));
            }
            let Some(hash) = hash_of_text(&entry.hash) else {
                return Err(TokensError::Hash(entry.name));
            };
            known.push(Token {
                name: entry.name,
                scope: entry.scope,
                salt: entry.salt,
                hash,
            });
        }
        if known.is_empty() {
            return Err(TokensError::Empty);
        }
        Ok(Self(known))
    }

    /// Reads the value of `DTLE_TOKENS` or `--tokens`: JSON text, or the path of a
    /// file that holds it.
    ///
    /// # Errors
    /// As [`Tokens::parse`], and when the file cannot be read.
    pub fn load(setting: &str) -> Result<Self, TokensError> {
        if setting.trim_start().starts_with('{') {
            return Self::parse(setting);
        }
        let text = std::fs::read_to_string(setting).map_err(|cause| TokensError::File {
            path: setting.to_owned(),
            cause: cause.to_string(),
        })?;
        Self::parse(&text)
    }

    /// The entry for a token. Every entry is looked at whatever comes of it, and
    /// hashes are compared in constant time: how long it takes says nothing of
    /// which one matched, or how nearly.
    fn find(&self, token: &str) -> Option<&Token> {
        let mut found = u32::MAX;
        for (index, known) in (0..).zip(&self.0) {
            let same: Choice = hash(&known.salt, token).ct_eq(&known.hash);
            found.conditional_assign(&index, same);
        }
        self.0.get(usize::try_from(found).ok()?)
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(fits)
}

fn hash(salt: &str, token: &str) -> [u8; 32] {
    let text = [salt.as_bytes(), token.as_bytes()].concat();
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &text).as_ref());
    hash
}

fn hash_of_text(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return STANDARD.decode(text).ok()?.try_into().ok();
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        // from_str_radix would take a sign.
        if !pair.bytes().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(hash)
}

/// Makes a token: what the caller gets, once, and the entry to keep.
///
/// # Errors
/// When the name cannot be used, or the system has no random numbers.
pub fn new_token(name: &str, scope: Scope) -> Result<(Secret, Entry), TokensError> {
    if !is_name(name) {
        return Err(TokensError::Name(1));
    }
    let random = SystemRandom::new();
    let (mut token, mut salt) = ([0; 32], [0; 16]);
    random.fill(&mut token).map_err(|_| TokensError::Random)?;
    random.fill(&mut salt).map_err(|_| TokensError::Random)?;
    let (token, salt) = (URL_SAFE_NO_PAD.encode(token), hex(&salt));
    let entry = Entry {
        name: name.to_owned(),
        scope,
        hash: hex(&hash(&salt, &token)),
        salt,
    };
    Ok((Secret::new(token), entry))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

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

fn needed(method: &str, route_path: &str, passwords_masked: bool) -> Scope {
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
fn token_of_header(header: &str) -> Option<String> {
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

/// What API Gateway asks, as far as the answer depends on it (payload 2.0).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    route_key: String,
    #[serde(default)]
    headers: Authorization,
    /// For the log alone.
    #[serde(default)]
    path_parameters: Option<HashMap<String, String>>,
    /// For the log alone.
    #[serde(default)]
    request_context: QuestionContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct QuestionContext {
    request_id: Option<String>,
}

impl Question {
    /// What the request is about.
    fn subject(&self) -> Option<Subject> {
        let (_, path) = self.route_key.split_once(' ')?;
        Subject::of_path(path, self.path_parameters.as_ref()?.get("id")?)
    }
}

/// The Authorization header, found without regard to case; never printed.
#[derive(Default, Deserialize)]
#[serde(from = "HashMap<String, Option<String>>")]
struct Authorization(Option<Secret>);

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers")
    }
}

impl From<HashMap<String, Option<String>>> for Authorization {
    fn from(headers: HashMap<String, Option<String>>) -> Self {
        let mut values = headers
            .into_iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .filter_map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) => Self(Some(Secret::new(value))),
            // None, or two that differ in case: neither is chosen.
            _ => Self(None),
        }
    }
}

/// Where the authorizer has its callers from.
enum Origin {
    Fixed(Callers),
    Secret(Source),
}

/// The authorizer of one process.
struct Authorizer {
    origin: Origin,
    passwords_masked: bool,
}

impl Authorizer {
    fn from_lookup(
        lookup: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, lambda_http::Error> {
        let get = |name| lookup(name).filter(|value: &String| !value.trim().is_empty());
        let passwords_masked = get("DTLE_MASK_PASSWORDS").as_deref() == Some("everywhere");
        let open = match get("DTLE_OPEN_ACCESS").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            // Guessing here would be guessing who gets in.
            Some(_) => return Err("DTLE_OPEN_ACCESS: neither `true` nor `false`".into()),
        };
        let origin = if open {
            Origin::Fixed(Callers::Everyone)
        } else if let Some(source) = Sources::from_lookup(&lookup).caller_tokens {
            Origin::Secret(source)
        } else if let Some(setting) = get("DTLE_TOKENS") {
            Origin::Fixed(Callers::WithToken(Tokens::load(&setting)?))
        } else {
            return Err("nobody could call: set DTLE_TOKENS_SECRET or DTLE_TOKENS".into());
        };
        Ok(Self {
            origin,
            passwords_masked,
        })
    }

    async fn answer(&self, question: Question) -> Result<Value, lambda_http::Error> {
        // Of the route, not of the request: see the top of this file.
        let (method, path) = question
            .route_key
            .split_once(' ')
            .unwrap_or(("ANY", &question.route_key));
        let header = question.headers.0.as_ref().map(Secret::expose);
        let decision = match &self.origin {
            Origin::Fixed(callers) => {
                authorize(callers, self.passwords_masked, method, path, header)
            }
            Origin::Secret(source) => {
                let secret = source.get().await?;
                let callers = Callers::WithToken(Tokens::parse(secret.expose())?);
                authorize(&callers, self.passwords_masked, method, path, header)
            }
        };
        let route = &question.route_key;
        let request_id = question.request_context.request_id.as_deref();
        let subject = question.subject();
        let id_of = |kind| subject.as_ref().and_then(|subject| subject.id_of(kind));
        let (job, node) = (id_of(Kind::Job), id_of(Kind::Node));
        Ok(match decision {
            Decision::Allowed { caller } => {
                tracing::info!(request_id, route, job, node, caller, "allowed");
                json!({"isAuthorized": true, "context": {"caller": caller}})
            }
            Decision::Forbidden { caller } => {
                let cause = "the token may only read";
                tracing::warn!(request_id, route, job, node, caller, cause, "refused");
                json!({"isAuthorized": false, "context": {"caller": caller}})
            }
            Decision::Unknown => {
                let (caller, cause) = (UNKNOWN, "no token that is known");
                tracing::warn!(request_id, route, job, node, caller, cause, "refused");
                json!({"isAuthorized": false})
            }
        })
    }
}

/// Runs the authorizer until Lambda ends the process.
#[must_use]
pub fn run() -> ExitCode {
    crate::log::init();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(route = "authorizer", "cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), lambda_http::Error> {
    let authorizer = Arc::new(Authorizer::from_lookup(|name| std::env::var(name).ok())?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(lambda_runtime::run(service_fn(
        move |event: LambdaEvent<Question>| {
            let authorizer = Arc::clone(&authorizer);
            async move {
                let answer = authorizer.answer(event.payload).await;
                // API Gateway makes a 500 of it, and puts the text into its own log
                // as it stands: one without a quote, which would break that line.
                answer.map_err(|error| {
                    tracing::error!("cannot decide: {error}");
                    lambda_http::Error::from("cannot decide, see the log of the authorizer")
                })
            }
        },
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::secrets::SecretError;
    use crate::routes::TABLE;

    const READER: &str = "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr";
    const WRITER: &str = "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww";

    fn document() -> String {
        let salts = ["0123456789abcdef", "fedcba9876543210"];
        json!({"tokens": [
            {"name": "dashboard", "scope": "read", "salt": salts[0], "hash": hex(&hash(salts[0], READER))},
            {"name": "deploy", "scope": "write", "salt": salts[1], "hash": STANDARD.encode(hash(salts[1], WRITER))},
        ]})
        .to_string()
    }

    fn callers() -> Callers {
        Callers::WithToken(Tokens::parse(&document()).unwrap())
    }

    fn decide(method: &str, path: &str, header: &str) -> Decision {
        authorize(&callers(), false, method, path, Some(header))
    }

    fn allowed(caller: &str) -> Decision {
        Decision::Allowed {
            caller: caller.to_owned(),
        }
    }

    #[test]
    fn bearer_and_basic_in_every_spelling_of_the_scheme() {
        let basic = |user: &str| STANDARD.encode(format!("{user}:{READER}"));
        for header in [
            format!("Bearer {READER}"),
            format!("bearer {READER}"),
            format!("BEARER   {READER}  "),
            format!(" Bearer {READER}"),
            format!("Basic {}", basic("anybody")),
            format!("basic {}", basic("")),
        ] {
            assert_eq!(
                decide("GET", "/v1/jobs", &header),
                allowed("dashboard"),
                "{header}"
            );
        }
    }

    #[test]
    fn whatever_else_a_header_may_be_is_unknown() {
        let long = format!("Bearer {}", READER.repeat(200));
        for header in [
            "",
            "Bearer",
            "Bearer ",
            READER,
            &format!("Bearer{READER}"),
            &format!("Token {READER}"),
            &format!("Bearer {READER}x"),
            &format!("Bearer {}", &READER[1..]),
            &format!("Bearer {}", READER.to_uppercase()),
            &format!("Bearer {READER} {READER}"),
            &format!("Bearer {READER},Bearer {WRITER}"),
            &format!("Bearer {READER}, Bearer {WRITER}"),
            &format!("Bearer \"{READER}\""),
            &format!("Bearer {READER}\0"),
            "Basic !!!",
            &format!("Basic {}", STANDARD.encode(READER)),
            &format!("Basic {}", STANDARD.encode(format!("{READER}:"))),
            &format!("Basic {}", STANDARD.encode([0xff, b':', b'x'])),
            &format!("Basic {READER}"),
            // The hash and the salt are no token.
            &format!("Bearer {}", hex(&hash("0123456789abcdef", READER))),
            "Bearer 0123456789abcdef",
            &long,
        ] {
            assert_eq!(
                decide("GET", "/v1/jobs", header),
                Decision::Unknown,
                "{header:?}"
            );
        }
        let none = authorize(&callers(), false, "GET", "/v1/jobs", None);
        assert_eq!(none, Decision::Unknown);
    }

    #[test]
    fn a_password_may_hold_colons_a_user_may_not() {
        let basic = STANDARD.encode(format!("a:b:{READER}"));
        assert_eq!(
            decide("GET", "/v1/jobs", &format!("Basic {basic}")),
            Decision::Unknown
        );
    }

    /// GETs whose answers show passwords. That these and no others do,
    /// tests/tests/passwords.rs finds out from the answers.
    const SHOWN: [&str; 3] = [
        "/v1/job/{id}",
        "/v1/allocation/{id}",
        "/v1/node/{id}/allocations",
    ];

    #[test]
    fn a_read_token_reads_what_shows_no_password_and_a_write_token_does_everything() {
        for route in TABLE {
            for path in route.paths {
                for method in route.methods {
                    let forbidden = Decision::Forbidden {
                        caller: "dashboard".to_owned(),
                    };
                    let (masked, shown) = match (*method, SHOWN.contains(path)) {
                        ("GET", false) => (allowed("dashboard"), allowed("dashboard")),
                        ("GET", true) => (allowed("dashboard"), forbidden),
                        _ => (forbidden.clone(), forbidden),
                    };
                    let header = format!("Bearer {READER}");
                    assert_eq!(decide(method, path, &header), shown, "{method} {path}");
                    let reader = authorize(&callers(), true, method, path, Some(&header));
                    assert_eq!(reader, masked, "{method} {path}");
                    let writer = decide(method, path, &format!("Bearer {WRITER}"));
                    assert_eq!(writer, allowed("deploy"), "{method} {path}");
                    let nobody = decide(method, path, "Bearer x");
                    assert_eq!(nobody, Decision::Unknown, "{method} {path}");
                }
            }
        }
    }

    #[test]
    fn a_read_token_may_not_read_what_is_not_in_the_table() {
        let header = format!("Bearer {READER}");
        for path in ["/v2/job/{id}", "/v1/job/{name}", "", "/metrics/", "ANY"] {
            for masked in [false, true] {
                let reader = authorize(&callers(), masked, "GET", path, Some(&header));
                assert_ne!(reader, allowed("dashboard"), "{path}");
            }
        }
        // The gateway's own.
        assert_eq!(decide("GET", METRICS, &header), allowed("dashboard"));
        assert_ne!(decide("POST", METRICS, &header), allowed("dashboard"));
    }

    #[test]
    fn a_route_for_all_methods_needs_write_but_for_the_one_behind_which_nothing_is() {
        let header = format!("Bearer {READER}");
        assert_ne!(decide("ANY", "/v1/login", &header), allowed("dashboard"));
        assert_eq!(decide("ANY", DEFAULT_ROUTE, &header), allowed("dashboard"));
        assert_eq!(decide("ANY", DEFAULT_ROUTE, "Bearer x"), Decision::Unknown);
        // HEAD and OPTIONS do not look like reads.
        for method in ["HEAD", "OPTIONS", "get", ""] {
            assert_ne!(
                decide(method, "/v1/jobs", &header),
                allowed("dashboard"),
                "{method}"
            );
        }
    }

    #[test]
    fn a_list_with_a_fault_is_refused_whole() {
        let entry = |name: &str, salt: &str, hash: &str| {
            json!({"tokens": [{"name": name, "scope": "read", "salt": salt, "hash": hash}]})
                .to_string()
        };
        let (salt, good) = ("0123456789abcdef", "ab".repeat(32));
        assert!(Tokens::parse(&entry("a", salt, &good)).is_ok());
        for (text, expected) in [
            (entry("a b", salt, &good), "a name has"),
            (entry("", salt, &good), "a name has"),
            (entry("a", "short", &good), "a salt has"),
            (entry("a", salt, "abc"), "hash is not"),
            (entry("a", salt, &"+1".repeat(32)), "hash is not"),
            (entry("a", salt, &STANDARD.encode([0; 31])), "hash is not"),
            (r#"{"tokens": []}"#.to_owned(), "empty"),
            ("[]".to_owned(), "not {"),
            (r#"{"tokens": [{"token": "hush"}]}"#.to_owned(), "not {"),
            (entry("a", salt, &good).replace("read", "hush"), "not {"),
            (document().replace("deploy", "dashboard"), "twice"),
        ] {
            let message = Tokens::parse(&text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
            assert!(!message.contains("hush"), "{message}");
        }
    }

    #[test]
    fn a_new_token_is_known_by_its_entry_and_by_no_other() {
        let (token, entry) = new_token("ci", Scope::Write).unwrap();
        let (other, _) = new_token("ci", Scope::Write).unwrap();
        assert_eq!(token.expose().len(), 43);
        let text = json!({"tokens": [entry]}).to_string();
        assert!(!text.contains(token.expose()));
        let tokens = Tokens::parse(&text).unwrap();
        assert_eq!(tokens.find(token.expose()).unwrap().name, "ci");
        assert!(tokens.find(other.expose()).is_none());
        assert!(new_token("a b", Scope::Read).is_err());
    }

    #[test]
    fn tokens_come_as_text_or_as_a_file() {
        assert!(Tokens::load(&document()).is_ok());
        let error = Tokens::load("/nowhere/tokens.json").unwrap_err();
        assert!(error.to_string().contains("/nowhere/tokens.json"));
    }

    fn question(route_key: &str, headers: &Value) -> Question {
        serde_json::from_value(json!({
            "version": "2.0", "type": "REQUEST", "routeKey": route_key, "headers": headers,
            "identitySource": ["whatever"], "rawPath": "/v1/jobs",
            "requestContext": {"http": {"method": "GET", "path": "/v1/jobs"}},
        }))
        .unwrap()
    }

    fn authorizer(pairs: &[(&'static str, String)]) -> Result<Authorizer, lambda_http::Error> {
        Authorizer::from_lookup(|name| {
            let pair = pairs.iter().find(|(key, _)| *key == name);
            pair.map(|(_, value)| value.clone())
        })
    }

    #[tokio::test]
    async fn the_answer_follows_the_route_key_whatever_the_request_claims() {
        let authorizer = authorizer(&[("DTLE_TOKENS", document())]).unwrap();
        let reader = json!({"authorization": format!("Bearer {READER}")});
        for (key, expected) in [
            ("GET /v1/jobs", true),
            ("POST /v1/jobs", false),
            ("GET /v1/job/{id}", false),
            ("DELETE /v1/job/{id}", false),
            ("ANY /v1/login", false),
            ("$default", true),
        ] {
            // The request itself says GET /v1/jobs each time.
            let answer = authorizer.answer(question(key, &reader)).await.unwrap();
            assert_eq!(answer["isAuthorized"], expected, "{key}");
            assert_eq!(answer["context"]["caller"], "dashboard", "{key}");
        }
    }

    #[tokio::test]
    async fn header_names_have_no_case_and_two_of_them_are_none() {
        let authorizer = authorizer(&[("DTLE_TOKENS", document())]).unwrap();
        let (one, two) = (format!("Bearer {READER}"), format!("Bearer {WRITER}"));
        for (headers, expected) in [
            (json!({"Authorization": one}), true),
            (json!({"AUTHORIZATION": one}), true),
            (json!({"authorization": one, "Authorization": two}), false),
            (json!({"x-authorization": one}), false),
            (json!({"authorization": null}), false),
            (json!({}), false),
        ] {
            let answer = authorizer.answer(question("GET /v1/jobs", &headers)).await;
            assert_eq!(answer.unwrap()["isAuthorized"], expected, "{headers}");
        }
        assert!(
            !format!("{:?}", question("GET /", &json!({"authorization": "hush"}))).contains("hush")
        );
    }

    #[tokio::test]
    async fn open_access_is_said_in_so_many_words() {
        let open = authorizer(&[("DTLE_OPEN_ACCESS", "true".to_owned())]).unwrap();
        let answer = open
            .answer(question("DELETE /v1/job/{id}", &json!({})))
            .await;
        assert_eq!(answer.unwrap()["isAuthorized"], true);
        for pairs in [
            &[][..],
            &[("DTLE_OPEN_ACCESS", "false".to_owned())],
            &[("DTLE_OPEN_ACCESS", "yes".to_owned())],
            &[
                ("DTLE_OPEN_ACCESS", "1".to_owned()),
                ("DTLE_TOKENS", document()),
            ],
            &[("DTLE_TOKENS", "{}".to_owned())],
        ] {
            assert!(
                authorizer(pairs).is_err(),
                "{:?}",
                pairs.first().map(|pair| &pair.1)
            );
        }
    }

    #[tokio::test]
    async fn without_its_secret_the_authorizer_fails_and_lets_nobody_in() {
        let away = Authorizer {
            origin: Origin::Secret(Source::from_loader("arn", || async {
                Err(SecretError::Unusable {
                    arn: "arn".to_owned(),
                    fault: "is away",
                })
            })),
            passwords_masked: false,
        };
        let headers = json!({"authorization": format!("Bearer {WRITER}")});
        assert!(
            away.answer(question("GET /v1/jobs", &headers))
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_token_that_is_taken_out_of_the_secret_stops_working() {
        let source = Source::from_loader("arn", || async { Ok(Secret::new(document())) });
        let here = Authorizer {
            origin: Origin::Secret(source),
            passwords_masked: false,
        };
        let headers = json!({"authorization": format!("Bearer {WRITER}")});
        let answer = here
            .answer(question("POST /v1/jobs", &headers))
            .await
            .unwrap();
        assert_eq!(
            answer,
            json!({"isAuthorized": true, "context": {"caller": "deploy"}})
        );
        let Callers::WithToken(Tokens(mut known)) = callers() else {
            panic!()
        };
        known.pop();
        let without = Callers::WithToken(Tokens(known));
        let header = format!("Bearer {WRITER}");
        assert_eq!(
            authorize(&without, false, "POST", "/v1/jobs", Some(&header)),
            Decision::Unknown
        );
    }
}
