//! What a function logs, as API Gateway calls it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dtle_api::observe::{Record, cloudwatch_line};
use dtle_api::routes::TABLE;
use dtle_api::settings::Settings;
use dtle_api::{App, pipeline};
use lambda_http::request::LambdaRequest;
use nomad_sim::{NomadSim, Options};
use serde_json::{Value, json};
use tests::cluster::{job, running};

/// An app that keeps the records of its requests.
fn recorded(nomad: &str) -> (App, Arc<Mutex<Vec<Record>>>) {
    let settings = Settings::from_lookup(|name| (name == "NOMAD_ADDR").then(|| nomad.to_owned()));
    let mut app = App::new(settings.unwrap()).unwrap();
    let records: Arc<Mutex<Vec<Record>>> = Arc::default();
    let kept = Arc::clone(&records);
    app.observer = Box::new(move |record| kept.lock().unwrap().push(record.clone()));
    (app, records)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_logs_the_caller_whom_the_authorizer_let_in() {
    let nomad = NomadSim::start(Options {
        version: Some("4.23.04.0".to_owned()),
        ..Options::default()
    })
    .await
    .unwrap();
    let (app, records) = recorded(&nomad.url());
    let (_server, api) = tests::gateway(&nomad.url(), &[]).await;
    api.post_json("/v1/jobs", &job("db1-to-db2"))
        .await
        .succeeds();
    running(&api, "db1-to-db2", Duration::from_secs(10)).await;

    let route = TABLE
        .iter()
        .find(|route| route.function == "job-delete")
        .unwrap();
    // Payload 2.0, as `docs.aws.amazon.com` has it for a Lambda authorizer.
    let event = |authorizer: Value| {
        let event = json!({
            "version": "2.0",
            "routeKey": "DELETE /v1/job/{id}",
            "rawPath": "/v1/job/db1-to-db2",
            "rawQueryString": "",
            // What a client sends is no authorizer's word.
            "headers": {"x-caller": "root", "caller": "root", "host": "h"},
            "pathParameters": {"id": "db1-to-db2"},
            "requestContext": {
                "accountId": "123456789012", "apiId": "a", "stage": "$default",
                "requestId": "JKJaXmPLvHcESHA=", "routeKey": "DELETE /v1/job/{id}",
                "authorizer": authorizer,
                "http": {"method": "DELETE", "path": "/v1/job/db1-to-db2", "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.7", "userAgent": "curl"},
                "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 0,
            },
            "isBase64Encoded": false,
        });
        serde_json::from_value::<LambdaRequest>(event)
            .unwrap()
            .into()
    };
    for authorizer in [
        json!({"lambda": {"caller": "deploy"}}),
        Value::Null,
        json!({"lambda": null}),
    ] {
        let response = pipeline::answer(&app, route, event(authorizer)).await;
        assert_eq!(response.status(), 200);
    }
    let records = records.lock().unwrap().clone();
    let callers: Vec<&str> = records
        .iter()
        .map(|record| record.caller.as_str())
        .collect();
    assert_eq!(callers, ["deploy", "unknown", "unknown"]);

    let line = cloudwatch_line(
        &records[0],
        "dtle/x",
        "1",
        std::time::SystemTime::UNIX_EPOCH,
    );
    let line: Value = serde_json::from_str(&line).unwrap();
    for (field, value) in [
        ("Route", json!("job-delete")),
        ("job", json!("db1-to-db2")),
        ("caller", json!("deploy")),
        ("ip", json!("192.0.2.7")),
        ("status", json!(200)),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
    assert!(line["nomad_index"].as_u64() > Some(0), "{line}");
    // Fields, not dimensions, each of which would make a metric of its own.
    let dimensions = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
    assert_eq!(*dimensions, json!([["Service"], ["Service", "Route"]]));
    api.get("/v1/job/db1-to-db2")
        .await
        .fails(404, "job not found");
}
