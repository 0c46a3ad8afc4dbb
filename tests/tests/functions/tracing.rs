//! Traces: functions that are built with the feature `xray`, and a daemon that listens.

use std::collections::BTreeMap;

use tokio::net::UdpSocket;

use super::*;

/// `job-get` with the feature, in a folder of its own: the other tests run it without.
fn with_traces() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let done = std::process::Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "-p", "functions", "--bin", "job-get"])
        .args(["--features", "functions/xray", "--target-dir"])
        .arg(concat!(env!("CARGO_TARGET_TMPDIR"), "/xray"))
        .status()
        .expect("cargo");
    assert!(done.success(), "job-get does not build with the feature");
    concat!(env!("CARGO_TARGET_TMPDIR"), "/xray/debug/job-get").into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "builds once more, with the feature"]
async fn each_call_to_nomad_is_a_span_below_lambdas_own() {
    let file = tokio::task::block_in_place(with_traces);
    let nomad = nomad().await;
    let daemon = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = daemon.local_addr().unwrap().to_string();
    let url = nomad.url();
    let settings = [
        ("NOMAD_ADDR", url.as_str()),
        ("DTLE_TRACING", "true"),
        ("AWS_XRAY_DAEMON_ADDRESS", &address),
    ];
    let mut function = Function::start_file(file, "job-get", &settings).await;
    let answer = function.answers(event("http-api-2.0-job")).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert!(matches!(function.tells().await, Told::Ready));

    let (log, _) = function.end().await;
    let line: Value = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|line| line["Route"] == "job-get")
        .unwrap();
    assert_eq!(line["trace_id"], **ROOT);
    let calls = usize::try_from(line["nomad_calls"].as_u64().unwrap()).unwrap();
    assert!(calls >= 2, "{line}");

    // One span for the request, and one for each call.
    let mut spans = BTreeMap::new();
    let mut packet = vec![0; 65_536];
    while spans.len() < calls + 1 {
        let length = tokio::time::timeout(tests::PATIENCE, daemon.recv(&mut packet)).await;
        let text = String::from_utf8(packet[..length.unwrap().unwrap()].to_vec()).unwrap();
        let (head, document) = text.split_once('\n').unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(head).unwrap(),
            json!({"format": "json", "version": 1})
        );
        let span: Value = serde_json::from_str(document).unwrap();
        assert_eq!(span["trace_id"], **ROOT, "{span}");
        assert_eq!(span["type"], "subsegment", "{span}");
        spans.insert(span["id"].as_str().unwrap().to_owned(), span);
    }
    let (requests, of_nomad): (Vec<&Value>, Vec<&Value>) =
        spans.values().partition(|span| span["parent_id"] == PARENT);
    assert_eq!((requests.len(), of_nomad.len()), (1, calls), "{spans:?}");
    assert_eq!(requests[0]["name"], "job-get");
    for span in of_nomad {
        assert_eq!(span["parent_id"], requests[0]["id"]);
        assert!(span["end_time"].as_f64() >= span["start_time"].as_f64());
        assert!(span.to_string().contains("/v1/"), "{span}");
    }
}
