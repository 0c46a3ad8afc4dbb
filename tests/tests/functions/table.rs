//! The table that instances of the statistics function share, as moto plays DynamoDB.
//! `AWS_ENDPOINT_URL` has to point to this machine; `tests/tests/secrets.rs` says how.

use futures_util::future::join_all;

use super::frozen::{Clock, STATISTICS, of_route, started, task};
use super::*;

/// Instances that get a request each at the same moment.
const INSTANCES: usize = 10;

/// Where moto is.
fn moto() -> String {
    let url = std::env::var("AWS_ENDPOINT_URL").unwrap_or_default();
    assert!(
        url.starts_with("http://127.0.0.1:") || url.starts_with("http://localhost:"),
        "AWS_ENDPOINT_URL is not an address of moto on this machine: {url:?}"
    );
    url
}

/// A table of its own, as the template makes it; its name.
async fn table(moto: &str) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let name = format!("samples-{}", uuid::Uuid::new_v4());
    let body = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "task", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "task", "KeyType": "HASH"}],
    });
    // Moto checks no signature, but wants one to be there.
    #[expect(clippy::disallowed_methods, reason = "not the program's")]
    let answer = reqwest::Client::new()
        .post(moto)
        .header("X-Amz-Target", "DynamoDB_20120810.CreateTable")
        .header("Content-Type", "application/x-amz-json-1.0")
        .header("Authorization", "AWS4-HMAC-SHA256 Credential=a/20260101/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    name
}

/// What every instance answers to the same request, sent at once.
async fn all(functions: &mut [Function], id: &str) -> Vec<Value> {
    let answers = functions.iter_mut().map(|function| async {
        let answer = function.answers(of_route(STATISTICS, id)).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        body(&answer)
    });
    join_all(answers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs moto"]
async fn ten_instances_signal_a_task_once_and_answer_alike() {
    let moto = moto();
    let name = table(&moto).await;
    let nomad = nomad().await;
    let id = task(&nomad).await;
    let signals = || {
        nomad
            .requests()
            .count_below(&format!("/v1/client/allocation/{id}/"))
    };
    let before = signals();

    let mut clock = Clock::new();
    let url = nomad.url();
    let settings = [
        ("NOMAD_ADDR", url.as_str()),
        ("DTLE_SAMPLES_TABLE", name.as_str()),
        ("AWS_ENDPOINT_URL", &moto),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
    ];
    let mut functions = Vec::new();
    for _ in 0..INSTANCES {
        functions.push(started("allocation-stats", &clock, &settings).await);
    }
    let first = all(&mut functions, &id).await;
    assert_eq!(signals(), before + 1);
    let tasks = first[0]["Tasks"].as_object().unwrap();
    assert_eq!(tasks.len(), 1, "{first:?}");
    assert!(first.iter().all(|answer| *answer == first[0]), "{first:?}");
    // A new instance has it from the table, too.
    functions.push(started("allocation-stats", &clock, &settings).await);
    let again = all(&mut functions, &id).await;
    assert!(again.iter().all(|answer| *answer == first[0]), "{again:?}");
    assert_eq!(signals(), before + 1);
    // Fourteen seconds later it still is, and then it is asked for again, once.
    for (seconds, expected) in [(14, 1), (2, 2), (16, 3)] {
        clock.ahead(seconds);
        let later = all(&mut functions, &id).await;
        assert!(later.iter().all(|answer| *answer == later[0]), "{later:?}");
        assert_eq!(signals(), before + expected);
    }
    for function in functions {
        let (log, _) = function.end().await;
        assert!(!log.contains("not shared"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_away_takes_no_statistics_with_it() {
    let nomad = nomad().await;
    let id = task(&nomad).await;
    let url = nomad.url();
    let settings = [
        ("NOMAD_ADDR", url.as_str()),
        ("DTLE_SAMPLES_TABLE", "samples"),
        // Port 1 refuses.
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
    ];
    let mut functions = [Function::start("allocation-stats", &settings).await];
    for _ in 0..2 {
        let answers = all(&mut functions, &id).await;
        assert_eq!(answers[0]["Tasks"].as_object().unwrap().len(), 1);
    }
    let [function] = functions;
    let (log, _) = function.end().await;
    assert_eq!(log.matches("statistics are not shared").count(), 1, "{log}");
}
