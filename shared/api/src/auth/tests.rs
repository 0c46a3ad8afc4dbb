//! What callers may do, by token and route.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dtle_outbound::Secret;
use serde_json::{Value, json};

use super::decide::*;
use super::lambda::*;
use super::tokens::*;
use crate::outbound::secrets::{SecretError, Source};
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
        json!({"tokens": [{"name": name, "scope": "read", "salt": salt, "hash": hash}]}).to_string()
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
