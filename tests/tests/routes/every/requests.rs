//! No request, however formed, touches or shows what is not dtle's, leads to
//! another route of Nomad's, or makes this program fail; nor does a damaged answer of
//! Nomad's.
//!
//! `SAFETY_CASES` makes these tests longer.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use dtle_api::routes::TABLE;
use futures_util::future::join_all;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Value, json};
use tests::Answer;
use tests::cluster::{job, nomad_job};
use tests::proxy::{Fault, Received, Which};
use tests::two_tenants::{FOREIGN, FOREIGN_TEXT, TwoTenants};
use tokio::runtime::Runtime;

use crate::cases;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Nomad's routes that this API may ask for: those that the comments of the client's
/// methods name. `*` stands for a segment.
fn routes_of_nomad() -> Vec<(String, Vec<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/nomad/src");
    let mut routes = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let named = text.lines().filter_map(|line| {
            let route = line.trim().strip_prefix("/// `")?.split('`').next()?;
            route
                .split_once(' ')
                .filter(|(_, path)| path.starts_with("/v1/"))
        });
        for (method, target) in named {
            let path = target.split('?').next().unwrap_or_default();
            let segment = |part: &str| if part.starts_with('{') { "*" } else { part }.to_owned();
            routes.push((method.to_owned(), path.split('/').map(segment).collect()));
        }
    }
    assert!(routes.len() > 20, "{routes:?}");
    routes
}

/// What was asked of Nomad is a route of its that this API uses, as Nomad reads
/// it: decoded, and cleaned of dots.
fn check_route(routes: &[(String, Vec<String>)], received: &Received) -> Result<(), TestCaseError> {
    let path = received.target.split('?').next().unwrap_or_default();
    let decoded = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let asked: Vec<&str> = decoded.split('/').collect();
    prop_assert!(
        asked
            .iter()
            .skip(1)
            .all(|part| !matches!(*part, "" | "." | "..")),
        "{path}"
    );
    let known = routes.iter().any(|(method, pattern)| {
        *method == received.method
            && pattern.len() == asked.len()
            && pattern.iter().zip(&asked).all(|(p, a)| p == "*" || p == a)
    });
    prop_assert!(known, "{} {decoded}", received.method);
    Ok(())
}

/// A change, or a signal, names nothing of another tenant's.
fn check_write(shared: &TwoTenants, received: &Received) -> Result<(), TestCaseError> {
    if received.method == "GET" {
        return Ok(());
    }
    let path = received.target.split('?').next().unwrap_or_default();
    let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
    prop_assert!(!path.contains(FOREIGN), "{path}");
    for id in &shared.foreign {
        prop_assert!(!path.to_ascii_lowercase().contains(id), "{path}");
    }
    if path == "/v1/jobs" {
        let body: Value = serde_json::from_slice(&received.body).unwrap();
        prop_assert!(body["Job"]["ID"] != FOREIGN);
        prop_assert_eq!(&body["EnforceIndex"], &json!(true));
        let groups = body["Job"]["TaskGroups"].as_array().unwrap();
        for task in groups.iter().flat_map(|g| g["Tasks"].as_array().unwrap()) {
            prop_assert_eq!(&task["Driver"], &json!("dtle"));
        }
    }
    Ok(())
}

/// The answer shows nothing of another tenant's, and is no failure of this
/// program.
fn check_answer(shared: &TwoTenants, answer: &Answer) -> Result<(), TestCaseError> {
    let text = answer.shown();
    let shown = format!("{} {} {text}", answer.asked, answer.status);
    prop_assert!(!text.contains(FOREIGN_TEXT), "{shown}");
    if answer.status == 200 {
        prop_assert!(!text.contains(FOREIGN), "{shown}");
        for id in &shared.foreign {
            prop_assert!(!text.contains(id.as_str()), "{shown}");
        }
    }
    let known = match answer.status {
        500 => {
            // What Nomad or 2.x itself says with a 500.
            text.starts_with("Enforcing job modify index")
                || text == "No path to region"
                || text.ends_with("was not found in the Raft configuration")
                || text.contains("error occurred")
                || text.contains("errors occurred")
        }
        502..=504 => false,
        _ => true,
    };
    prop_assert!(known, "{shown}");
    Ok(())
}

/// Ways to write a text in a path.
fn spelled(text: &str, way: u8) -> String {
    let all = |text: &str| -> String { text.bytes().map(|b| format!("%{b:02X}")).collect() };
    match way {
        0 => text.to_owned(),
        1 => all(text),
        2 => text.replace('/', "%2F").replace('.', "%2e"),
        3 => all(text).replace('%', "%25"),
        4 => text.replace('/', "%252f"),
        5 => text.to_ascii_uppercase(),
        6 => format!("{text}%00"),
        _ => format!("{text}%20"),
    }
}

#[derive(Clone, Debug)]
struct Asked {
    method: String,
    target: String,
    body: Vec<u8>,
}

/// IDs that somebody might try, as positions in a list that is known when the
/// cluster runs.
fn an_id() -> impl Strategy<Value = (usize, u8)> {
    (0..24_usize, 0..8_u8)
}

fn ids(shared: &TwoTenants) -> Vec<String> {
    let mut ids: Vec<String> = [
        FOREIGN,
        "own",
        "..",
        ".",
        "../system/gc",
        "..\\..\\system\\gc",
        "../../system/gc",
        "own/../../system/gc",
        "x/../foreign-tenant",
        "foreign-tenant/evaluate",
        "foreign-tenant/plan",
        "own?purge=true",
        "own#x",
        "own;x",
        "a b",
        "é",
        "\u{202e}x",
        "",
        "00000000-0000-0000-0000-000000000000",
    ]
    .map(str::to_owned)
    .to_vec();
    ids.extend(shared.foreign.iter().cloned());
    ids.extend(shared.own.iter().cloned());
    ids.push(shared.node.clone());
    ids
}

fn a_body() -> impl Strategy<Value = (u8, usize)> {
    (0..9_u8, 0..24_usize)
}

fn body(kind: u8, id: &str) -> Vec<u8> {
    let own = |id: &str| job(id);
    let nomad = nomad_job;
    match kind {
        0 => Vec::new(),
        1 => own(id).to_string().into_bytes(),
        2 => nomad(id, "dtle").to_string().into_bytes(),
        3 => nomad(id, "raw_exec").to_string().into_bytes(),
        4 => json!({"Job": own(id), "EnforceIndex": true, "JobModifyIndex": 10})
            .to_string()
            .into_bytes(),
        5 => {
            let mut named = nomad("own-2", "dtle");
            named["Job"]["Name"] = json!(id);
            named["Job"]["ParentID"] = json!(FOREIGN);
            named.to_string().into_bytes()
        }
        6 => {
            let mut elsewhere = nomad("own-3", "dtle");
            elsewhere["Job"]["Namespace"] = json!(id);
            elsewhere.to_string().into_bytes()
        }
        7 => {
            // The second one wins in Go's decoder, and might elsewhere.
            let text = own("own-4").to_string();
            text.replacen('{', &format!("{{\"ID\":\"{FOREIGN}\",\"id\":\"x\","), 1)
                .into_bytes()
        }
        _ => b"{\"Job\":{\"TaskGroups\":[]}}".to_vec(),
    }
}

fn a_request() -> impl Strategy<Value = (usize, usize, (usize, u8), usize, (u8, usize), u8)> {
    (
        0..7_usize,
        0..60_usize,
        an_id(),
        0..14_usize,
        a_body(),
        0..10_u8,
    )
}

fn asked(
    shared: &TwoTenants,
    (method, path, (id, way), query, (kind, body_id), extra): (
        usize,
        usize,
        (usize, u8),
        usize,
        (u8, usize),
        u8,
    ),
) -> Asked {
    let ids = ids(shared);
    let id = &ids[id % ids.len()];
    let paths: Vec<&str> = TABLE
        .iter()
        .flat_map(|route| route.paths)
        .copied()
        .collect();
    let mut path = paths[path % paths.len()].replace("{id}", &spelled(id, way));
    match extra {
        0 => path.push_str("/../../system/gc"),
        1 => path.push_str("%2f..%2f..%2fsystem%2fgc"),
        2 => path = path.replace("/v1/", "/v1//"),
        3 => path.push('/'),
        _ => {}
    }
    // A space or a control character would be no request line.
    let path: String = path
        .bytes()
        .map(|b| {
            if b <= b' ' || b == b'#' || b >= 127 {
                format!("%{b:02X}")
            } else {
                char::from(b).to_string()
            }
        })
        .collect();
    let encoded: String = id.bytes().map(|b| format!("%{b:02X}")).collect();
    let query = match query {
        0 => format!("?prefix={encoded}"),
        1 => "?all=true&stale&pretty".to_owned(),
        2 => format!("?task={encoded}"),
        3 => "?index=1&wait=1ms".to_owned(),
        4 => format!("?namespace={encoded}&purge=true"),
        5 => format!("?region={encoded}"),
        6 => format!("?node={encoded}&address=127.0.0.1:1"),
        7 => "?wait=-5h&index=0".to_owned(),
        8 => "?%ff=%fe&&&==&pretty=%00".to_owned(),
        _ => String::new(),
    };
    let methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "GET"];
    Asked {
        method: methods[method].to_owned(),
        target: format!("{path}{query}"),
        // A job of one's own may be called like somebody else's allocation, and
        // would then be taken for it below.
        body: match &ids[body_id % ids.len()] {
            id if shared.foreign.contains(id) => body(kind, "own-9"),
            id => body(kind, id),
        },
    }
}

#[test]
fn no_request_reads_signals_changes_or_stops_what_is_not_dtles() {
    let runtime = runtime();
    let shared = runtime.block_on(TwoTenants::start());
    let routes = routes_of_nomad();
    let mut runner = TestRunner::new(cases(1_500));
    let outcome = runner.run(&a_request(), |request| {
        let asked = asked(&shared, request);
        shared.proxy.forget();
        let answer = runtime.block_on(shared.api.send(
            &asked.method,
            &asked.target,
            &[],
            &asked.body,
        ));
        check_answer(&shared, &answer)?;
        for received in shared.proxy.log() {
            check_route(&routes, &received)?;
            check_write(&shared, &received)?;
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    // It is still there, as it was.
    let direct = &shared.direct;
    let job = runtime
        .block_on(direct.get(&format!("/v1/job/{FOREIGN}")))
        .json();
    assert_eq!((&job["Version"], &job["Stop"]), (&json!(0), &json!(false)));
}

#[test]
fn an_answer_of_nomads_that_is_damaged_is_at_worst_a_502() {
    static SEED: AtomicU64 = AtomicU64::new(1);
    let runtime = runtime();
    let shared = runtime.block_on(TwoTenants::start());
    let (allocation, evaluation) = (&shared.own[0], &shared.own[2]);
    let targets = [
        "/v1/jobs".to_owned(),
        "/v1/job/own".to_owned(),
        "/v1/job/own/allocations".to_owned(),
        "/v1/job/own/evaluations".to_owned(),
        "/v1/allocations".to_owned(),
        format!("/v1/allocation/{allocation}"),
        format!("/v1/agent/allocation/{allocation}/stats"),
        "/v1/evaluations".to_owned(),
        format!("/v1/evaluation/{evaluation}"),
        "/v1/nodes".to_owned(),
        format!("/v1/node/{}", shared.node),
        format!("/v1/node/{}/allocations", shared.node),
        "/v1/members".to_owned(),
        "/v1/self".to_owned(),
        "/v1/leader".to_owned(),
        "/v1/operator/raft/configuration".to_owned(),
    ];
    let rounds = u64::from(cases(40).cases);
    runtime.block_on(async {
        for _ in 0..rounds {
            let seed = SEED.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            shared.proxy.set(Fault::Garble(seed), Which::All);
            let answers = targets.iter().map(|target| shared.api.get(target));
            for answer in join_all(answers).await {
                assert!(
                    matches!(answer.status, 200 | 404 | 500 | 502),
                    "seed {seed}: {} {} {}",
                    answer.asked,
                    answer.status,
                    answer.shown()
                );
            }
        }
    });
}
