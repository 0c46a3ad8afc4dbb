//! Secrets Manager, through the SDK, as moto plays it. `AWS_ENDPOINT_URL` has to point to
//! this machine, so that these tests never write into a real account:
//!
//! ```sh
//! moto_server --port 5000 &
//! export AWS_ENDPOINT_URL=http://127.0.0.1:5000 AWS_DEFAULT_REGION=eu-central-1
//! export AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none
//! cargo test -p tests --test secrets -- --ignored
//! ```

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets something odd should stop and say so"
)]

use dtle_api::auth::{Callers, Decision, Scope, Tokens, authorize, new_token};
use dtle_api::outbound::secrets::{Manager, Sources, TlsMaterial, token_of};
use serde_json::{Value, json};

/// Where moto is.
fn moto() -> String {
    let url = std::env::var("AWS_ENDPOINT_URL").unwrap_or_default();
    assert!(
        url.starts_with("http://127.0.0.1:") || url.starts_with("http://localhost:"),
        "AWS_ENDPOINT_URL is not an address of moto on this machine: {url:?}"
    );
    url
}

async fn call(moto: &str, action: &str, body: Value) -> Value {
    // The client wants a crypto library even for http://.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Moto checks no signature, but wants one to be there.
    #[expect(clippy::disallowed_methods, reason = "not the program's")]
    let answer = reqwest::Client::new()
        .post(moto)
        .header("X-Amz-Target", format!("secretsmanager.{action}"))
        .header("Content-Type", "application/x-amz-json-1.1")
        .header("Authorization", "AWS4-HMAC-SHA256 Credential=a/20260101/eu-central-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{action}: {answer:?}");
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

async fn create(moto: &str, name: &str, text: &str) -> String {
    let name = format!("dtle/{name}-{}", std::process::id());
    let answer = call(
        moto,
        "CreateSecret",
        json!({"Name": name, "SecretString": text}),
    )
    .await;
    answer["ARN"].as_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs moto"]
async fn secrets_are_read_and_follow_a_rotation() {
    let moto = moto();
    let arn = create(&moto, "token", r#"{"token": "first"}"#).await;
    let source = Manager::default().source(&arn);
    let first = source.get().await.unwrap();
    assert_eq!(token_of(&source, &first).unwrap().expose(), "first");

    call(
        &moto,
        "PutSecretValue",
        json!({"SecretId": arn, "SecretString": "second"}),
    )
    .await;
    // Kept for five minutes, and too young to be asked for again.
    assert_eq!(source.get().await.unwrap(), first);
    assert_eq!(source.refresh(&first).await.unwrap(), None);
    // What a new process sees.
    let second = Manager::default().source(&arn).get().await.unwrap();
    assert_eq!(second.expose(), "second");
}

#[tokio::test]
#[ignore = "needs moto"]
async fn a_secret_that_is_not_there_is_an_error_with_its_name() {
    let moto = moto();
    let known = create(&moto, "other", "x").await;
    let arn = known.replace("other", "missing");
    let error = Manager::default().source(&arn).get().await.unwrap_err();
    assert!(error.to_string().contains(&arn), "{error}");
}

#[tokio::test]
#[ignore = "needs moto"]
async fn callers_and_tls_material_come_out_of_secrets() {
    let moto = moto();
    let (token, entry) = new_token("dashboard", Scope::Read).unwrap();
    let callers = create(&moto, "callers", &json!({"tokens": [entry]}).to_string()).await;
    let pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
    let tls = create(&moto, "tls", &json!({"ca": pem}).to_string()).await;
    let sources = Sources::from_lookup(|name| match name {
        "DTLE_TOKENS_SECRET" => Some(callers.clone()),
        "NOMAD_TLS_SECRET" => Some(tls.clone()),
        _ => None,
    });

    let source = sources.caller_tokens.unwrap();
    let tokens = Tokens::parse(source.get().await.unwrap().expose()).unwrap();
    let header = format!("Bearer {}", token.expose());
    let decision = authorize(
        &Callers::WithToken(tokens),
        false,
        "GET",
        "/v1/jobs",
        Some(&header),
    );
    assert!(matches!(decision, Decision::Allowed { caller } if caller == "dashboard"));

    let source = sources.nomad_tls.unwrap();
    let material = TlsMaterial::of(&source, &source.get().await.unwrap()).unwrap();
    assert_eq!(material.ca.unwrap().expose(), pem);
    assert!(sources.nomad_token.is_none());
}
