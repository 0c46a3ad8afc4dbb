//! Nomad with things happening to it: what every route answers, how soon, and
//! that no change is made twice.
//!
//! The tables in docs/faults.md are made here. With `WRITE_DOCS=1` in the
//! environment the file is written, without it is compared.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use local::gateway::Server;
use local::nomad_sim::{NomadSim, Options};
use serde_json::{Value, json};
use tests::cluster::{job, running};
use tests::proxy::{Fault, Which};
use tests::{Answer, Client, Process, Proxy, gateway};

/// A Nomad behind one proxy or several, and the gateway in front of them all.
struct Faulty {
    _nomad: NomadSim,
    servers: Vec<Proxy>,
    api: Client,
    _gateway: Server,
    objects: Objects,
}

/// What the routes are asked about.
struct Objects {
    allocation: String,
    evaluation: String,
    node: String,
}

impl Faulty {
    async fn start(servers: usize, deadline: &str) -> Self {
        let nomad = NomadSim::start(Options {
            version: Some("4.23.04.0".to_owned()),
            atomic_enforce_index: true,
            ..Options::default()
        })
        .await
        .unwrap();
        let mut proxies = Vec::new();
        for _ in 0..servers {
            proxies.push(Proxy::start(nomad.address()).await);
        }
        let urls: Vec<String> = proxies.iter().map(Proxy::url).collect();
        let settings = [("DTLE_DEADLINE", deadline), ("DTLE_LAYOUT", "merged")];
        let (server, api) = gateway(&urls.join(","), &settings).await;
        for id in ["kept", "to-pause", "to-resume", "to-change", "to-delete"] {
            api.post_json("/v1/jobs", &job(id)).await.succeeds();
        }
        running(&api, "kept", Duration::from_secs(10)).await;
        api.post("/v1/job/to-resume/pause").await.succeeds();
        let first = |list: Value| list[0]["ID"].as_str().unwrap().to_owned();
        let objects = Objects {
            allocation: first(api.get("/v1/job/kept/allocations").await.ok()),
            evaluation: first(api.get("/v1/job/kept/evaluations").await.ok()),
            node: first(api.get("/v1/nodes").await.ok()),
        };
        Self {
            _nomad: nomad,
            servers: proxies,
            api,
            _gateway: server,
            objects,
        }
    }

    /// Every route once: its name, the request, and whether it changes something.
    fn requests(&self) -> Vec<Request> {
        let Objects {
            allocation,
            evaluation,
            node,
        } = &self.objects;
        let read = |route, path: String| Request::new(route, "GET", path, Value::Null);
        let write =
            |route, method, path: &str, body| Request::new(route, method, path.to_owned(), body);
        vec![
            read("agent-self", "/v1/self".to_owned()),
            read("allocation-get", format!("/v1/allocation/{allocation}")),
            read(
                "allocation-stats",
                format!("/v1/agent/allocation/{allocation}/stats"),
            ),
            read("allocations-list", "/v1/allocations".to_owned()),
            read(
                "evaluation-allocations",
                format!("/v1/evaluation/{evaluation}/allocations"),
            ),
            read("evaluation-get", format!("/v1/evaluation/{evaluation}")),
            read("evaluations-list", "/v1/evaluations".to_owned()),
            write(
                "force-leave",
                "PUT",
                "/v1/agent/force-leave?node=x",
                Value::Null,
            ),
            read("job-allocations", "/v1/job/kept/allocations".to_owned()),
            write("job-delete", "DELETE", "/v1/job/to-delete", Value::Null),
            read("job-evaluations", "/v1/job/kept/evaluations".to_owned()),
            read("job-get", "/v1/job/kept".to_owned()),
            write("job-pause", "POST", "/v1/job/to-pause/pause", Value::Null),
            write(
                "job-resume",
                "POST",
                "/v1/job/to-resume/resume",
                Value::Null,
            ),
            write("job-update", "PUT", "/v1/job/to-change", job("to-change")),
            read("jobs-list", "/v1/jobs".to_owned()),
            write("jobs-register", "POST", "/v1/jobs", job("new")),
            write("join", "PUT", "/v1/join?address=127.0.0.1:1", Value::Null),
            read("leader", "/v1/leader".to_owned()),
            read("managers-list", "/v1/managers".to_owned()),
            write(
                "managers-set",
                "PUT",
                "/v1/managers?address=127.0.0.1:1",
                Value::Null,
            ),
            read("members", "/v1/members".to_owned()),
            read("node-allocations", format!("/v1/node/{node}/allocations")),
            write(
                "node-evaluate",
                "PUT",
                &format!("/v1/node/{node}/evaluate"),
                Value::Null,
            ),
            read("node-get", format!("/v1/node/{node}")),
            read("nodes-list", "/v1/nodes".to_owned()),
            read("orders-list", "/v1/orders".to_owned()),
            read("peers", "/v1/peers".to_owned()),
            read(
                "raft-configuration",
                "/v1/operator/raft/configuration".to_owned(),
            ),
            write(
                "raft-peer-remove",
                "DELETE",
                "/v1/operator/raft/peer?address=127.0.0.1:1",
                Value::Null,
            ),
            read("regions", "/v1/regions".to_owned()),
            read("unsupported", "/v1/login".to_owned()),
            write("validate-job", "POST", "/v1/validate/job", job("kept")),
        ]
    }

    /// All routes at once, in their order.
    async fn all(&self) -> Vec<Outcome> {
        let requests = self.requests();
        join_all(requests.iter().map(|request| request.send(&self.api))).await
    }
}

struct Request {
    route: &'static str,
    method: &'static str,
    target: String,
    body: Value,
}

struct Outcome {
    route: &'static str,
    answer: Answer,
    took: Duration,
}

impl Request {
    fn new(route: &'static str, method: &'static str, target: String, body: Value) -> Self {
        Self {
            route,
            method,
            target,
            body,
        }
    }

    async fn send(&self, api: &Client) -> Outcome {
        let body = match &self.body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let began = Instant::now();
        let answer = api.send(self.method, &self.target, &[], &body).await;
        Outcome {
            route: self.route,
            answer,
            took: began.elapsed(),
        }
    }
}

/// What can be wrong with a server: a name, and how it is done. `None`: nobody
/// listens.
fn faults() -> Vec<(&'static str, Option<Fault>)> {
    let text = |status, body| Some(Fault::Answer(status, "text/plain; charset=utf-8", body));
    let page = |status| {
        let body = "<html><body>Please log in</body></html>";
        Some(Fault::Answer(status, "text/html; charset=utf-8", body))
    };
    vec![
        ("refuses", None),
        ("resets", Some(Fault::Reset)),
        ("stalls", Some(Fault::Stall)),
        ("truncates", Some(Fault::Truncate)),
        ("429", text(429, "Too many requests")),
        ("500", text(500, "something of Nomad's own")),
        ("502", text(502, "bad gateway")),
        ("503", text(503, "unavailable")),
        ("504", text(504, "timeout")),
        ("403", text(403, "Permission denied")),
        ("HTML 200", page(200)),
        ("HTML 404", page(404)),
        ("no leader", text(500, "No cluster leader")),
        (
            "no connection to the leader",
            text(
                500,
                "rpc error: failed to get conn: dial tcp 10.0.0.1:4647: connect: connection refused",
            ),
        ),
        ("the leader is gone", text(500, "rpc error: EOF")),
        (
            "leadership lost",
            text(500, "rpc error: leadership lost while committing log"),
        ),
    ]
}

/// `DTLE_DEADLINE` where every server fails.
const DEADLINE: Duration = Duration::from_secs(4);
/// What a busy machine may add to it. Lambda's own limit is far above both.
const SLACK: Duration = Duration::from_secs(4);
/// How many clusters are looked at together.
const AT_ONCE: usize = 4;

/// Routes that do not need Nomad.
const ALONE: [&str; 2] = ["orders-list", "unsupported"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_in_time_and_recovers_whatever_is_wrong_with_nomad() {
    let healthy = Faulty::start(1, "20s").await.all().await;
    for outcome in &healthy {
        let unaffected = ["unsupported", "managers-set", "raft-peer-remove"];
        assert!(
            outcome.answer.status == 200 || unaffected.contains(&outcome.route),
            "{}: {} {}",
            outcome.route,
            outcome.answer.status,
            outcome.answer.shown()
        );
    }
    let mut columns: Vec<(&str, Vec<u16>)> = vec![("none", statuses(&healthy))];
    let more = stream::iter(faults())
        .map(|(name, fault)| every_route_under(name, fault, &healthy))
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    columns.extend(more);
    let routes: Vec<&str> = healthy.iter().map(|outcome| outcome.route).collect();
    check_document("every", &table(&routes, &columns));
}

/// The statuses of every route while that is wrong with the only server, all of
/// them checked, the way back included.
async fn every_route_under(
    name: &'static str,
    fault: Option<Fault>,
    healthy: &[Outcome],
) -> (&'static str, Vec<u16>) {
    let mut faulty = Faulty::start(1, "4s").await;
    match &fault {
        None => faulty.servers[0].refuse(),
        Some(fault) => faulty.servers[0].set(fault.clone(), Which::All),
    }
    let outcomes = faulty.all().await;
    for outcome in &outcomes {
        let at = format!(
            "{name}, {}: {} {} after {:?}",
            outcome.route,
            outcome.answer.status,
            outcome.answer.shown(),
            outcome.took
        );
        assert!(outcome.took < DEADLINE + SLACK, "{at}");
        if ALONE.contains(&outcome.route) {
            continue;
        }
        let expected = match name {
            "403" => 403,
            "500" | "no leader" => 500,
            _ => 502,
        };
        assert_eq!(outcome.answer.status, expected, "{at}");
        match name {
            "no leader" => {
                outcome.answer.fails(500, "No cluster leader");
                assert!(outcome.answer.header("retry-after").is_some(), "{at}");
            }
            "500" => assert!(
                outcome.answer.shown().contains("something of Nomad's"),
                "{at}"
            ),
            "403" => assert!(
                outcome.answer.shown().contains("gateway's own token"),
                "{at}"
            ),
            _ => assert!(!outcome.answer.shown().contains("<html>"), "{at}"),
        }
    }
    // The way back, without a restart.
    faulty.servers[0].clear();
    faulty.servers[0].listen().await;
    // On a busy machine the first request of all can still miss its short deadline.
    let mut after = faulty.all().await;
    for _ in 0..5 {
        let differs = after
            .iter()
            .zip(healthy)
            .any(|(now, before)| now.answer.status != before.answer.status);
        if !differs {
            break;
        }
        after = faulty.all().await;
    }
    for (now, before) in after.iter().zip(healthy) {
        assert_eq!(
            now.answer.status,
            before.answer.status,
            "after {name}, {}: {}",
            now.route,
            now.answer.shown()
        );
    }
    (name, statuses(&outcomes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_succeeds_as_long_as_one_of_three_servers_answers() {
    let healthy = Faulty::start(1, "20s").await.all().await;
    let columns = stream::iter(faults())
        // These two are answers that another server would give as well.
        .filter(|(name, _)| std::future::ready(!matches!(*name, "500" | "403")))
        .map(|(name, fault)| every_route_with_one_server(name, fault, &healthy))
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let routes: Vec<&str> = healthy
        .iter()
        .map(|outcome| outcome.route)
        .filter(|route| !PLAIN.contains(route))
        .collect();
    check_document("two of three", &table(&routes, &columns));
}

/// Routes that make a change without having read anything first.
const PLAIN: [&str; 4] = ["force-leave", "join", "managers-set", "raft-peer-remove"];

async fn every_route_with_one_server(
    name: &'static str,
    fault: Option<Fault>,
    healthy: &[Outcome],
) -> (&'static str, Vec<u16>) {
    let mut faulty = Faulty::start(3, "8s").await;
    for server in &mut faulty.servers[..2] {
        match &fault {
            None => server.refuse(),
            Some(fault) => server.set(fault.clone(), Which::All),
        }
    }
    let mut requests = faulty.requests();
    requests.retain(|request| !PLAIN.contains(&request.route));
    let outcomes = join_all(requests.iter().map(|request| request.send(&faulty.api))).await;
    for outcome in &outcomes {
        let before = healthy
            .iter()
            .find(|one| one.route == outcome.route)
            .unwrap();
        assert_eq!(
            outcome.answer.status,
            before.answer.status,
            "{name}, {} after {:?}: {}",
            outcome.route,
            outcome.took,
            outcome.answer.shown()
        );
    }
    (name, statuses(&outcomes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_without_an_index_is_never_sent_to_two_servers_that_may_both_have_made_it() {
    for (name, fault) in faults() {
        let Some(fault) = fault else { continue };
        let again = CERTAINLY_NOT.contains(&name);
        if matches!(name, "500" | "403") {
            continue;
        }
        for route in PLAIN {
            let faulty = Faulty::start(2, "3s").await;
            for server in &faulty.servers {
                server.set_next(1, fault.clone(), Which::Writes);
                server.forget();
            }
            let request = faulty
                .requests()
                .into_iter()
                .find(|r| r.route == route)
                .unwrap();
            let answer = request.send(&faulty.api).await.answer;
            let sent: usize = faulty.servers.iter().map(|server| server.log().len()).sum();
            let at = format!("{name}, {route}: {} {}", answer.status, answer.shown());
            if again {
                assert_eq!(sent, 3, "{at}");
                assert_ne!(answer.status, 502, "{at}");
            } else {
                assert_eq!((sent, answer.status), (1, 502), "{at}");
            }
        }
    }
}

/// What was under way when the leader went may be made by the next one: that
/// nobody leads meanwhile does not say that nothing was done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_went_with_its_leader_is_in_doubt_while_nobody_leads() {
    let text = "text/plain; charset=utf-8";
    let faulty = Faulty::start(1, "3s").await;
    let server = &faulty.servers[0];
    server.forget();
    server.set(
        Fault::AnswerAfter(500, text, "rpc error: EOF"),
        Which::Writes,
    );
    let job = tests::cluster::job("doubt");
    let change = faulty.api.post_json("/v1/jobs", &job);
    let election = async {
        while server.count("PUT", "/v1/jobs").1 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.set(Fault::Answer(500, text, "No cluster leader"), Which::All);
    };
    let (answer, ()) = tokio::join!(change, election);
    assert_eq!(answer.status, 502, "{}", answer.shown());
    assert!(answer.text().contains("may or may not have been made"));
}

/// What may happen to the one write of a request, and whether Nomad got it.
fn accidents() -> Vec<(&'static str, Fault, bool)> {
    let text = |status, body| Fault::Answer(status, "text/plain; charset=utf-8", body);
    let after = |status, body| Fault::AnswerAfter(status, "text/plain; charset=utf-8", body);
    let page = "<html></html>";
    vec![
        ("reset before it was read", Fault::Reset, false),
        ("reset after it was made", Fault::ResetAfter, true),
        ("silence, not made", Fault::Stall, false),
        ("silence, made", Fault::StallAfter, true),
        ("truncated answer", Fault::Truncate, true),
        ("429", text(429, "Too many requests"), false),
        ("503", text(503, "unavailable"), false),
        ("502, not made", text(502, "bad gateway"), false),
        ("502, made", after(502, "bad gateway"), true),
        ("504, made", after(504, "timeout"), true),
        (
            "HTML, not made",
            Fault::Answer(200, "text/html", page),
            false,
        ),
        (
            "HTML, made",
            Fault::AnswerAfter(200, "text/html", page),
            true,
        ),
        (
            "half a JSON, made",
            Fault::AnswerAfter(200, "application/json", "{\"Ind"),
            true,
        ),
        ("no leader", text(500, "No cluster leader"), false),
        (
            "no connection to the leader",
            text(500, "rpc error: failed to get conn: x"),
            false,
        ),
        (
            "the leader is gone, not made",
            text(500, "rpc error: EOF"),
            false,
        ),
        (
            "the leader is gone, made",
            after(500, "rpc error: EOF"),
            true,
        ),
        (
            "leadership lost, made",
            after(500, "leadership lost while committing log"),
            true,
        ),
    ]
}

/// Accidents after which Nomad certainly has not made the change.
const CERTAINLY_NOT: [&str; 4] = ["429", "503", "no leader", "no connection to the leader"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_is_sent_again_only_when_it_was_certainly_not_made() {
    let rows = stream::iter(accidents())
        .map(async |(name, fault, made)| {
            let faulty = Faulty::start(1, "8s").await;
            let server = &faulty.servers[0];
            server.forget();
            server.set_next(1, fault, Which::Writes);
            let answer = faulty.api.delete("/v1/job/to-delete").await;
            let (sent, reached) = server.count("DELETE", "/v1/job/to-delete");
            let again = CERTAINLY_NOT.contains(&name);
            assert_eq!(sent, if again { 2 } else { 1 }, "{name}");
            assert_eq!(reached, usize::from(made || again), "{name}");
            let expected = if made || again { 200 } else { 502 };
            assert_eq!(answer.status, expected, "{name}: {}", answer.shown());
            // What was said is true.
            let there = faulty.api.get("/v1/job/to-delete").await.status == 200;
            assert_eq!(there, expected != 200, "{name}");
            format!("| {name} | {sent} | {reached} | {expected} |\n")
        })
        .buffered(AT_ONCE)
        .collect::<String>()
        .await;
    check_document(
        "delete",
        &format!(
            "| what happens to the DELETE | sent | reached Nomad | answer |\n|---|---|---|---|\n{rows}"
        ),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compare_and_set_is_made_exactly_once() {
    let rows = stream::iter(accidents())
        .map(async |(name, fault, _)| {
            let faulty = Faulty::start(1, "12s").await;
            let server = &faulty.servers[0];
            let mut sent = Vec::new();
            for (method, target, body) in [
                ("POST", "/v1/jobs", job("new")),
                ("PUT", "/v1/job/to-change", named("to-change", "changed")),
                ("POST", "/v1/job/to-pause/pause", Value::Null),
                ("POST", "/v1/job/to-resume/resume", Value::Null),
            ] {
                let at = format!("{name}, {method} {target}");
                let id = target.split('/').nth(3).unwrap_or("new");
                let before = indexes(&faulty, id).await;
                server.forget();
                server.set_next(1, fault.clone(), Which::Writes);
                let request = Request::new("", method, target.to_owned(), body);
                let answer = request.send(&faulty.api).await.answer;
                assert_eq!(answer.status, 200, "{at}: {}", answer.shown());
                assert_eq!(answer.json()["Success"], true, "{at}");
                let after = indexes(&faulty, id).await;
                assert_eq!(after.len(), before.len() + 1, "{at}: {before:?} {after:?}");
                sent.push(server.count("PUT", "/v1/jobs").0.to_string());
                server.clear();
            }
            let sent = sent.join(" | ");
            format!("| {name} | {sent} |\n")
        })
        .buffered(AT_ONCE)
        .collect::<String>()
        .await;
    check_document(
        "compare and set",
        &format!(
            "| what happens to the PUT | create | update | pause | resume |\n|---|---|---|---|---|\n{rows}"
        ),
    );
}

fn named(id: &str, name: &str) -> Value {
    let mut job = job(id);
    job["Name"] = json!(name);
    job
}

/// The indexes of a job's versions in Nomad.
async fn indexes(faulty: &Faulty, id: &str) -> Vec<u64> {
    let nomad = Client::of_url(&faulty._nomad.url());
    let answer = nomad.get(&format!("/v1/job/{id}/versions")).await;
    if answer.status != 200 {
        return Vec::new();
    }
    let versions = answer.json()["Versions"].as_array().unwrap().clone();
    versions
        .iter()
        .map(|version| version["JobModifyIndex"].as_u64().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_connections_that_died_cost_one_retry_and_no_error() {
    for silently in [false, true] {
        let faulty = Faulty::start(1, "20s").await;
        // A list of many jobs leaves many connections behind.
        for number in 0..8 {
            let id = format!("more-{number}");
            faulty.api.post_json("/v1/jobs", &job(&id)).await.succeeds();
        }
        faulty.api.get("/v1/jobs").await.succeeds();
        faulty.servers[0].lose_connections(silently);
        let began = Instant::now();
        for request in faulty.requests() {
            let outcome = request.send(&faulty.api).await;
            assert_ne!(
                outcome.answer.status,
                502,
                "{}: {}",
                outcome.route,
                outcome.answer.shown()
            );
        }
        // One silence is waited out; the dead ones that remain in the pool after
        // it must not each cost the same again.
        assert!(
            began.elapsed() < Duration::from_secs(40),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_frozen_goes_on_though_its_connections_died_meanwhile() {
    let faulty = Faulty::start(1, "20s").await;
    let process = Process::start(&faulty.servers[0].url(), &[("DTLE_LAYOUT", "merged")]);
    for silently in [false, true] {
        process.api.get("/v1/jobs").await.succeeds();
        process.signal("STOP");
        faulty.servers[0].lose_connections(silently);
        tokio::time::sleep(Duration::from_millis(300)).await;
        process.signal("CONT");
        let began = Instant::now();
        let id = format!("after-{silently}");
        process.api.get("/v1/job/kept").await.succeeds();
        process
            .api
            .post_json("/v1/jobs", &job(&id))
            .await
            .succeeds();
        process
            .api
            .delete(&format!("/v1/job/{id}"))
            .await
            .succeeds();
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nomad_that_is_slow_makes_this_slow_and_not_dead() {
    let faulty = Faulty::start(1, "20s").await;
    faulty._nomad.faults().set_delay(Duration::from_millis(400));
    let requests = faulty.requests();
    let began = Instant::now();
    let many = (0..6).flat_map(|_| requests.iter().filter(|r| r.method == "GET"));
    let outcomes = join_all(many.map(|request| request.send(&faulty.api))).await;
    for outcome in outcomes {
        assert!(
            outcome.answer.status == 200 || outcome.route == "unsupported",
            "{} after {:?}: {}",
            outcome.route,
            outcome.took,
            outcome.answer.shown()
        );
    }
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_end_is_given_up() {
    // Claims more than is ever read.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
                let _ = stream.write_all(head.as_bytes()).await;
                let chunk = format!("100000\r\n{}\r\n", "[".repeat(0x10_0000));
                // 100 MiB: bounded, and more than is taken.
                for _ in 0..100 {
                    if stream.write_all(chunk.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let (_server, api) = gateway(&url, &[]).await;
    let answer = api.get("/v1/job/x").await;
    answer.fails(502, "Nomad sent an answer that cannot be read");
}

fn statuses(outcomes: &[Outcome]) -> Vec<u16> {
    outcomes.iter().map(|o| o.answer.status).collect()
}

fn table(routes: &[&str], columns: &[(&str, Vec<u16>)]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut text = format!("| route | {} |\n|---|", names.join(" | "));
    text.push_str(&"---|".repeat(columns.len()));
    text.push('\n');
    for (row, route) in routes.iter().enumerate() {
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, all)| all[row].to_string())
            .collect();
        let _ = writeln!(text, "| {route} | {} |", cells.join(" | "));
    }
    text
}

/// Holds a table against the one in the document, or writes it there.
fn check_document(name: &str, table: &str) {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = ONE.lock();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/faults.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name} -->\n"), "<!-- end -->".to_owned());
    let from = text.find(&begin).expect("the table's place") + begin.len();
    let to = from + text[from..].find(&end).expect("its end");
    if std::env::var_os("WRITE_DOCS").is_some() {
        let whole = format!("{}\n{table}\n{}", &text[..from], &text[to..]);
        std::fs::write(&path, whole).unwrap();
    } else {
        assert!(
            text[from..to].trim() == table.trim(),
            "docs/faults.md is not current, WRITE_DOCS=1 writes it:\n{table}"
        );
    }
}
