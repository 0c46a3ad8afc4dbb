//! Changes that something happens to: made once, or said to be in doubt.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tests::cluster::job;
use tests::faulty::{Faulty, Request, faults};
use tests::proxy::{Fault, Which};
use tests::{Client, Proxy};

use crate::document::check_document;
use crate::{AT_ONCE, CERTAINLY_NOT, PLAIN};

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
            let sent = faulty.servers.iter().flat_map(Proxy::log);
            // Looking before the change changes nothing.
            let sent = sent.filter(|request| request.method != "GET").count();
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
    let nomad = Client::of_url(&faulty.nomad.url());
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
