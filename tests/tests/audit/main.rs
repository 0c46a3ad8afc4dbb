//! The log as an audit reads it: who did what to which job, and what came of it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets something odd should stop and say so"
)]

mod lambda;

use std::collections::BTreeSet;

use dtle_api::auth::{Scope, new_token};
use dtle_api::routes::TABLE;
use nomad_sim::{NomadSim, Options};
use serde_json::{Value, json};
use tests::cluster::job;
use tests::proxy::{Fault, Which};
use tests::{Answer, Process, Proxy};

/// A gateway as a process, in front of an in-memory Nomad, and the tokens of its
/// callers: `dashboard`, who may read, and `deploy`, who may write.
struct Guarded {
    process: Process,
    reader: String,
    writer: String,
    proxy: Proxy,
    _nomad: NomadSim,
}

impl Guarded {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let nomad = NomadSim::start(Options {
            version: Some("4.23.04.0".to_owned()),
            ..Options::default()
        })
        .await
        .unwrap();
        let proxy = Proxy::start(nomad.address()).await;
        let (reader, first) = new_token("dashboard", Scope::Read).unwrap();
        let (writer, second) = new_token("deploy", Scope::Write).unwrap();
        let tokens = json!({"tokens": [first, second]}).to_string();
        let consul = nomad.consul_url();
        let mut environment = vec![("DTLE_TOKENS", &*tokens), ("CONSUL_HTTP_ADDR", &consul)];
        environment.extend_from_slice(settings);
        let url = proxy.url();
        let process = tokio::task::block_in_place(|| Process::start(&url, &environment));
        Self {
            process,
            reader: reader.expose().to_owned(),
            writer: writer.expose().to_owned(),
            proxy,
            _nomad: nomad,
        }
    }

    async fn send(&self, token: &str, method: &str, target: &str, body: &[u8]) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        self.process.api.send(method, target, &headers, body).await
    }

    async fn write(&self, method: &str, target: &str, body: &[u8]) -> Answer {
        self.send(&self.writer, method, target, body).await
    }

    /// Ends it; its log, which holds no token.
    fn log(self) -> String {
        let log = self.process.stop();
        for token in [&self.reader, &self.writer] {
            assert!(!log.contains(token.as_str()));
        }
        log
    }
}

/// The lines about requests in a log of JSON, each of which is a whole object.
fn lines(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .filter(|line: &Value| line["message"] == "write" || line["message"] == "request")
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_write_is_one_line_that_says_who_did_what_to_which_job() {
    let gateway = Guarded::start(&[("DTLE_LOG_FORMAT", "json"), ("RUST_LOG", "warn")]).await;
    let described = job("audited").to_string();
    let described = described.as_bytes();
    let mut nameless = job("x");
    nameless.as_object_mut().unwrap().remove("ID");
    let nameless = nameless.to_string();
    let nodes = gateway
        .send(&gateway.reader, "GET", "/v1/nodes", b"")
        .await
        .ok();
    let node = nodes[0]["ID"].as_str().unwrap();

    // Method, target, body; then route, and what the line says it is about.
    let writes = [
        (
            "POST",
            "/v1/validate/job".to_owned(),
            described,
            "validate-job",
            ("job", "audited"),
        ),
        (
            "POST",
            "/v1/jobs".to_owned(),
            described,
            "jobs-register",
            ("job", "audited"),
        ),
        (
            "POST",
            "/v1/jobs".to_owned(),
            nameless.as_bytes(),
            "jobs-register",
            ("job", ""),
        ),
        (
            "PUT",
            "/v1/job/audited".to_owned(),
            described,
            "job-update",
            ("job", "audited"),
        ),
        (
            "POST",
            "/v1/job/audited/pause".to_owned(),
            b"",
            "job-pause",
            ("job", "audited"),
        ),
        (
            "PUT",
            "/v1/job/audited/resume".to_owned(),
            b"",
            "job-resume",
            ("job", "audited"),
        ),
        (
            "DELETE",
            "/v1/job/audited".to_owned(),
            b"",
            "job-delete",
            ("job", "audited"),
        ),
        (
            "POST",
            format!("/v1/node/{node}/evaluate"),
            b"",
            "node-evaluate",
            ("node", node),
        ),
        (
            "POST",
            "/v1/join?address=10.0.0.9&address=10.0.0.8".to_owned(),
            b"",
            "join",
            ("server", "10.0.0.9,10.0.0.8"),
        ),
        (
            "POST",
            "/v1/managers?address=10.0.0.9:4647".to_owned(),
            b"",
            "managers-set",
            ("server", "10.0.0.9:4647"),
        ),
        (
            "POST",
            "/v1/agent/force-leave?node=n9".to_owned(),
            b"",
            "force-leave",
            ("server", "n9"),
        ),
        (
            "DELETE",
            "/v1/operator/raft/peer?id=p9".to_owned(),
            b"",
            "raft-peer-remove",
            ("server", "p9"),
        ),
        (
            "POST",
            "/v1/login".to_owned(),
            b"",
            "unsupported",
            ("job", ""),
        ),
    ];
    let of_table: BTreeSet<_> = TABLE
        .iter()
        .filter(|route| route.methods.iter().any(|method| *method != "GET"))
        .map(|route| route.function)
        .collect();
    let of_test: BTreeSet<_> = writes.iter().map(|write| write.3).collect();
    assert_eq!(of_test, of_table, "every route that writes is tried");

    let mut answers = Vec::new();
    for (method, target, body, ..) in &writes {
        answers.push(gateway.write(method, target, body).await);
    }
    let jobs = gateway.write("GET", "/v1/jobs", b"").await.ok();
    let made = jobs[0]["ID"].as_str().unwrap().to_owned();
    assert_eq!(jobs.as_array().unwrap().len(), 1);

    let log = gateway.log();
    let lines = lines(&log);
    // Nothing but writes at this level, each once.
    assert_eq!(lines.len(), writes.len(), "{log}");
    for ((line, answer), (method, target, _, route, (kind, id))) in
        lines.iter().zip(&answers).zip(&writes)
    {
        let what = format!("{method} {target}: {line}");
        assert_eq!(line["message"], "write", "{what}");
        assert_eq!(line["route"], *route, "{what}");
        assert_eq!(line["method"], *method, "{what}");
        assert_eq!(line["caller"], "deploy", "{what}");
        assert_eq!(line["ip"], "127.0.0.1", "{what}");
        assert_eq!(line["status"], answer.status, "{what}");
        let index = line["nomad_index"].as_u64().map(|index| index.to_string());
        assert_eq!(index.as_deref(), answer.header("x-udup-index"), "{what}");
        match (*route, *id) {
            ("unsupported", _) => assert_eq!(line["job"], Value::Null, "{what}"),
            // The ID that was made up for it.
            (_, "") => assert_eq!(line["job"], made, "{what}"),
            _ => assert_eq!(line[kind], *id, "{what}"),
        }
    }
    let with_index = lines.iter().filter(|line| line["nomad_index"].is_u64());
    assert_eq!(with_index.count(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_deleted_a_job_is_one_search_in_the_readable_log() {
    let gateway = Guarded::start(&[]).await;
    for id in ["db1", "db1-to-db2"] {
        let body = job(id).to_string();
        gateway
            .write("POST", "/v1/jobs", body.as_bytes())
            .await
            .succeeds();
    }
    gateway.write("DELETE", "/v1/job/db1", b"").await.succeeds();
    let refused = gateway
        .send(&gateway.reader, "DELETE", "/v1/job/db1-to-db2", b"")
        .await;
    assert_eq!(refused.status, 403);
    let log = gateway.log();
    // As docs/deploy.md says it: grep 'route="job-delete"' | grep 'job="…"'.
    let deleted = |id: &str| -> Vec<String> {
        let job = format!("job={id:?}");
        log.lines()
            .filter(|line| line.contains(r#"route="job-delete""#) && line.contains(&job))
            .map(str::to_owned)
            .collect()
    };
    let [line] = &deleted("db1")[..] else {
        panic!("{log}")
    };
    for part in [
        r#"caller="deploy""#,
        "status=200",
        "nomad_index=",
        " write ",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // Who tried to is there too.
    let [line] = &deleted("db1-to-db2")[..] else {
        panic!("{log}")
    };
    for part in [
        r#"caller="dashboard""#,
        "status=403",
        r#"cause="this token"#,
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_has_its_cause_in_the_log_once() {
    let mut gateway = Guarded::start(&[("DTLE_LOG_FORMAT", "json")]).await;
    let large = vec![b' '; 6_000_001];
    let job = job("x").to_string();
    let (reader, writer) = (gateway.reader.clone(), gateway.writer.clone());
    let cases = [
        (
            "",
            "GET",
            "/v1/jobs",
            &b""[..],
            401,
            "unknown",
            "a token is needed",
        ),
        (
            "x",
            "DELETE",
            "/v1/job/a",
            b"",
            401,
            "unknown",
            "a token is needed",
        ),
        (
            &reader,
            "POST",
            "/v1/jobs",
            b"{}",
            403,
            "dashboard",
            "this token may only read",
        ),
        (
            &reader,
            "GET",
            "/v1/job/a",
            b"",
            403,
            "dashboard",
            "this token may only read",
        ),
        (
            &writer,
            "POST",
            "/v1/jobs",
            &large,
            413,
            "unknown",
            "at most 4194304 are taken",
        ),
        (
            &writer,
            "POST",
            "/v1/jobs",
            &large[..5 << 20],
            413,
            "deploy",
            "the body has 5242880 bytes",
        ),
        (
            &writer,
            "GET",
            "/v1/nothing",
            b"",
            404,
            "deploy",
            "404 page not found",
        ),
        (
            &writer,
            "GET",
            "/v1/job/a",
            b"",
            404,
            "deploy",
            "job not found",
        ),
        (
            &writer,
            "DELETE",
            "/v1/jobs",
            b"",
            405,
            "deploy",
            "Invalid method",
        ),
        (
            &writer,
            "POST",
            "/v1/jobs",
            b"{",
            400,
            "deploy",
            "the JSON ends too early",
        ),
        (
            &writer,
            "GET",
            "/v1/jobs?index=x",
            b"",
            400,
            "deploy",
            "index",
        ),
        (&writer, "POST", "/v1/login", b"", 501, "deploy", "billing"),
        (
            &writer,
            "POST",
            "/v1/jobs?fresh=true",
            job.as_bytes(),
            200,
            "deploy",
            "",
        ),
        (
            &writer,
            "GET",
            "/v1/jobs?region=nowhere",
            b"",
            500,
            "deploy",
            "No path to region",
        ),
    ];
    let mut expected = Vec::new();
    for (token, method, target, body, status, caller, cause) in cases {
        let answer = gateway.send(token, method, target, body).await;
        assert_eq!(
            answer.status,
            status,
            "{method} {target}: {}",
            answer.shown()
        );
        expected.push((status, caller, cause));
    }
    gateway.proxy.refuse();
    let answer = gateway.write("POST", "/v1/job/x/pause", b"").await;
    assert_eq!(answer.status, 502);
    expected.push((502, "deploy", "Nomad is unreachable: cannot connect"));
    let health = gateway.process.api.get("/health").await;
    assert_eq!(health.status, 503);
    expected.push((503, "unknown", "cannot connect"));

    let log = gateway.log();
    let lines = lines(&log);
    assert_eq!(lines.len(), expected.len(), "{log}");
    for (line, (status, caller, cause)) in lines.iter().zip(expected) {
        assert_eq!(line["status"], status, "{line}");
        assert_eq!(line["caller"], caller, "{line}");
        let found = line["cause"].as_str().unwrap_or_default();
        assert!(found.contains(cause), "{cause}: {line}");
        assert_eq!(found.is_empty(), cause.is_empty(), "{line}");
    }
}

/// IDs as somebody would write them who wants a line of the log to be another's.
const HOSTILE: [&str; 6] = [
    "x%0A2026-01-01T00:00:00.000000Z%20%20INFO%20write%20route=%22job-delete%22%20caller=%22root%22",
    "x%0D%0A%7B%22message%22:%22write%22,%22caller%22:%22root%22%7D",
    "x%22,%22caller%22:%22root%22,%22y%22:%22",
    "x%22%20caller=%22root%22%20job=%22y",
    "x%1B[2K%1B[1A%C2%9B2J%08%07",
    "x%E2%80%A8y%E2%80%AEz",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_id_forges_a_line() {
    for format in ["text", "json"] {
        let gateway = Guarded::start(&[("DTLE_LOG_FORMAT", format)]).await;
        for id in HOSTILE {
            gateway.write("DELETE", &format!("/v1/job/{id}"), b"").await;
            gateway
                .write("POST", &format!("/v1/job/{id}/pause"), b"")
                .await;
            // Refused before anybody looks at it.
            gateway
                .send("x", "DELETE", &format!("/v1/job/{id}"), b"")
                .await;
            gateway
                .write("DELETE", &format!("/v1/operator/raft/peer?id={id}"), b"")
                .await;
            let body =
                json!({"ID": percent_encoding::percent_decode_str(id).decode_utf8().unwrap()});
            gateway
                .write("POST", "/v1/jobs", body.to_string().as_bytes())
                .await;
        }
        let log = gateway.log();
        assert_eq!(log.lines().count(), HOSTILE.len() * 5, "{log}");
        for c in [
            '\u{1b}', '\u{9b}', '\u{8}', '\u{7}', '\r', '\u{2028}', '\u{202e}',
        ] {
            assert!(!log.contains(c), "{c:?} in {log}");
        }
        if format == "json" {
            for line in lines(&log) {
                let caller = line["caller"].as_str().unwrap();
                assert!(matches!(caller, "deploy" | "unknown"), "{line}");
            }
        } else {
            for line in log.lines() {
                // A quote of the ID's own has a backslash before it.
                assert_eq!(line.matches(r#" caller=""#).count(), 1, "{line}");
                assert!(!line.contains(r#" caller="root""#), "{line}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cause_quotes_no_password_whoever_words_it() {
    let gateway = Guarded::start(&[("RUST_LOG", "trace")]).await;
    let described = job("x");
    let whole = described.to_string();
    let mut faulty = Vec::new();
    // A password where it does not belong, and faults around one that does.
    for (pointer, value) in [
        ("/Tasks/0/Type", json!("secret-of-src")),
        ("/Tasks/1/Driver", json!("secret-of-dest")),
        ("/ID", json!("secret-of-src secret-of-dest")),
        ("/Tasks/0/Config/ReplicateDoDb", json!("secret-of-src")),
        (
            "/Tasks/0/Config/ConnectionConfig/Port",
            json!("secret-of-src"),
        ),
        (
            "/Tasks",
            json!([{"Config": {"Password": "secret-of-src"}, "Type": "secret-of-src"}]),
        ),
    ] {
        let mut job = described.clone();
        let (of, field) = pointer.rsplit_once('/').unwrap();
        job.pointer_mut(of).unwrap()[field] = value;
        faulty.push(job.to_string());
    }
    faulty.push(whole[..whole.len() - 30].to_owned());
    for body in &faulty {
        gateway.write("POST", "/v1/jobs", body.as_bytes()).await;
        gateway
            .write("POST", "/v1/validate/job", body.as_bytes())
            .await;
    }
    // Words of Nomad's, which nobody here has chosen.
    for (status, text) in [
        (400, "bad value \"secret-of-src\" in job"),
        (500, "1 error occurred:\n\t* Task Src: secret-of-dest\n\n"),
        (500, "secret-of-src"),
        (403, "secret-of-dest"),
    ] {
        gateway
            .proxy
            .set(Fault::Answer(status, "text/plain", text), Which::Writes);
        let answer = gateway.write("POST", "/v1/jobs", whole.as_bytes()).await;
        assert!(answer.status >= 400, "{}", answer.shown());
    }
    let log = gateway.log();
    assert!(
        log.contains(r#"cause="Nomad refused the job: Task Src: *""#),
        "{log}"
    );
    for secret in ["secret-of-src", "secret-of-dest"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}
