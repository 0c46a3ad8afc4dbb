//! The log.

use nomad_sim::{Acl, NomadSim, Options};
use serde_json::json;
use tests::cluster::{job, running};
use tests::proxy::{Fault, Which};
use tests::{PATIENCE, Process, Proxy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_password_and_no_token_is_ever_logged() {
    const TOKEN: &str = "1f0e2d3c-token-of-nomad-4b5a69788796";
    const CONSUL_TOKEN: &str = "9a8b7c6d-token-of-consul-5e4f3a2b1c0d";
    let nomad = NomadSim::start(Options {
        version: Some("4.23.04.0".to_owned()),
        acl: Some(Acl {
            manages: TOKEN.to_owned(),
            ..Acl::default()
        }),
        ..Options::default()
    })
    .await
    .unwrap();
    let proxy = Proxy::start(nomad.address()).await;
    let process = Process::start(
        &proxy.url(),
        &[
            ("RUST_LOG", "trace"),
            ("NOMAD_TOKEN", TOKEN),
            ("CONSUL_HTTP_ADDR", &nomad.consul_url()),
            ("CONSUL_HTTP_TOKEN", CONSUL_TOKEN),
        ],
    );
    let api = &process.api;
    let mut broken = job("logged").to_string();
    broken.truncate(broken.len() - 40);
    let mut wrong = job("wrong");
    wrong["Tasks"][0]["Config"]["ConnectionConfig"]["Port"] = json!({"x": "secret-of-src"});
    let headers = [
        ("Authorization", "Bearer bearer-of-the-caller"),
        ("Cookie", "cookie-of-the-caller"),
    ];
    api.send(
        "POST",
        "/v1/jobs",
        &headers,
        job("logged").to_string().as_bytes(),
    )
    .await
    .succeeds();
    api.send("POST", "/v1/jobs", &headers, broken.as_bytes())
        .await;
    api.send("POST", "/v1/jobs", &headers, wrong.to_string().as_bytes())
        .await;
    api.post_json("/v1/validate/job", &job("logged")).await;
    running(api, "logged", PATIENCE).await;
    for target in [
        "/v1/jobs",
        "/v1/job/logged",
        "/v1/allocations",
        "/v1/self",
        "/nothing",
    ] {
        api.send("GET", target, &headers, b"").await;
    }
    let list = api.get("/v1/job/logged/allocations").await.ok();
    let id = list[0]["ID"].as_str().unwrap();
    api.get(&format!("/v1/allocation/{id}")).await.succeeds();
    api.get(&format!("/v1/agent/allocation/{id}/stats")).await;
    for seed in 1..30 {
        proxy.set(Fault::Garble(seed * 7_919), Which::All);
        api.get("/v1/job/logged").await;
        api.get(&format!("/v1/allocation/{id}")).await;
        api.post("/v1/job/logged/pause").await;
    }
    proxy.clear();
    api.post("/v1/job/logged/resume").await;
    api.delete("/v1/job/logged?forget=true").await;
    let refused = Fault::Answer(403, "text/plain; charset=utf-8", "Permission denied");
    proxy.set(refused, Which::All);
    api.get("/v1/jobs").await;
    let log = process.stop();
    assert!(log.contains("request"), "{log}");
    for secret in [
        TOKEN,
        CONSUL_TOKEN,
        "secret-of-src",
        "secret-of-dest",
        "bearer-of-the-caller",
        "cookie-of-the-caller",
    ] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}
