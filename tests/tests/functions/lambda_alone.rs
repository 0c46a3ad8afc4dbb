//! What a function does by itself that the gateway on one machine does around it, or
//! not at all: pages of other sites, and Lambda's limit of six megabytes.

use serde_json::{Value, json};

use super::{Function, event, header, nomad};

/// A preflight as an HTTP API sends it to the route that is there for them.
fn preflight(origin: &str) -> Value {
    let mut event = event("http-api-2.0-no-such-path");
    event["routeKey"] = json!("OPTIONS /{proxy+}");
    event["rawPath"] = json!("/v1/jobs");
    event["requestContext"]["http"]["method"] = json!("OPTIONS");
    event["headers"]["origin"] = json!(origin);
    event["headers"]["access-control-request-method"] = json!("POST");
    event["headers"]["access-control-request-headers"] = json!("authorization");
    event
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_named_origins_may_call_and_no_others() {
    const PAGE: &str = "https://console.example.com";
    let nomad = nomad().await;
    let named = [
        ("NOMAD_ADDR", nomad.url()),
        ("DTLE_CORS_ORIGINS", PAGE.to_owned()),
    ];
    let named = named
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let mut function = Function::start("not-found", &named).await;
    let answer = function.answers(preflight(PAGE)).await;
    assert_eq!(answer["statusCode"], 204);
    for (name, value) in [
        ("access-control-allow-origin", PAGE),
        ("access-control-allow-methods", "GET, POST, PUT, DELETE"),
        (
            "access-control-allow-headers",
            "Authorization, Content-Type, If-None-Match",
        ),
    ] {
        assert_eq!(header(&answer, name), Some(value));
    }
    let answer = function.answers(preflight("https://evil.example")).await;
    assert_eq!(answer["statusCode"], 405);
    assert_eq!(header(&answer, "access-control-allow-origin"), None);

    let mut function = Function::start("jobs-list", &named).await;
    let mut event = event("http-api-2.0-list-of-jobs");
    event["headers"]["origin"] = json!(PAGE);
    let answer = function.answers(event.clone()).await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(header(&answer, "access-control-allow-origin"), Some(PAGE));
    assert_eq!(header(&answer, "vary"), Some("Accept-Encoding, Origin"));
    let exposed = header(&answer, "access-control-expose-headers").unwrap();
    assert!(exposed.contains("X-Udup-Index"), "{exposed}");

    let mut function = Function::start("jobs-list", &named[..1]).await;
    let answer = function.answers(event).await;
    assert_eq!(answer["statusCode"], 200);
    let headers = answer.to_string().to_ascii_lowercase();
    assert!(!headers.contains("access-control"), "{headers}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_lambda_could_not_carry_is_a_413_that_says_what_to_do() {
    let nomad = nomad().await;
    let (_server, api) = tests::gateway(&nomad.url(), &[]).await;
    // Repeats well: gzip carries it, nothing else does.
    for number in 0..3 {
        let mut job = tests::cluster::job(&format!("large-{number}"));
        job["Tasks"][0]["Config"]["SqlFilter"] = json!(["x".repeat(2_500_000)]);
        api.post_json("/v1/jobs", &job).await.succeeds();
    }
    let mut function = Function::start("jobs-list", &[("NOMAD_ADDR", &nomad.url())]).await;
    let answer = function.answers(event("http-api-2.0-list-of-jobs")).await;
    assert_eq!(answer["statusCode"], 413);
    for word in ["?prefix=", "gzip"] {
        assert!(answer["body"].as_str().unwrap().contains(word), "{answer}");
    }
    let answer = function
        .answers(event("http-api-2.0-list-of-jobs-gzip"))
        .await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(header(&answer, "content-encoding"), Some("gzip"));
}
