//! No request, however formed, touches or shows what is not dtle's, leads to
//! another route of Nomad's, or makes this program fail; and no secret is logged.
//!
//! `SAFETY_CASES` makes the property tests longer.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dtle_api::duration::go_duration;
use dtle_api::request::Query;
use dtle_api::routes::TABLE;
use dtle_translate::Side;
use dtle_translate::body::parse;
use dtle_translate::statistics::of_signal;
use dtle_translate::template::{escape_value, unescape_value};
use futures_util::future::join_all;
use local::gateway::Server;
use local::nomad_sim::{NomadSim, Options};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tests::cluster::{job, running};
use tests::proxy::{Fault, Received, Which, garbled};
use tests::{Answer, Client, Process, Proxy, gateway};
use tokio::runtime::Runtime;

fn cases(default: u32) -> Config {
    let cases = std::env::var("SAFETY_CASES").ok();
    Config {
        cases: cases.map_or(default, |text| text.parse().expect("a number")),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// The other tenant's job, and a text in its configuration.
const FOREIGN: &str = "foreign-tenant";
const FOREIGN_TEXT: &str = "text-of-the-other-tenant";

/// A cluster that two tenants share, the way to it watched.
struct Shared {
    _nomad: NomadSim,
    proxy: Proxy,
    api: Client,
    _server: Server,
    own: Vec<String>,
    foreign: Vec<String>,
    node: String,
}

impl Shared {
    async fn start() -> Self {
        let nomad = NomadSim::start(Options {
            version: Some("4.23.04.0".to_owned()),
            ..Options::default()
        })
        .await
        .unwrap();
        let direct = Client::of_url(&nomad.url());
        let foreign_job = json!({"Job": {
            "ID": FOREIGN, "Name": FOREIGN, "Type": "service", "Datacenters": ["dc1"],
            "Meta": {"note": FOREIGN_TEXT},
            "TaskGroups": [{"Name": FOREIGN, "Tasks": [{
                "Name": FOREIGN, "Driver": "mock_driver",
                "Config": {"run_for": "87600h", "stdout_string": FOREIGN_TEXT},
                "Resources": {"CPU": 50, "MemoryMB": 20},
            }]}],
        }});
        let answer = direct.put_json("/v1/jobs", &foreign_job).await;
        assert_eq!(answer.status, 200, "{}", answer.shown());
        let proxy = Proxy::start(nomad.address()).await;
        let (server, api) = gateway(&proxy.url(), &[("DTLE_DEADLINE", "25s")]).await;
        api.post_json("/v1/jobs", &job("own")).await.succeeds();
        running(&api, "own", Duration::from_secs(10)).await;
        let ids = async |path: String| -> Vec<String> {
            let list = direct.get(&path).await.json();
            let list = list.as_array().unwrap().iter();
            list.map(|one| one["ID"].as_str().unwrap().to_owned())
                .collect()
        };
        let mut foreign = ids(format!("/v1/job/{FOREIGN}/allocations")).await;
        assert!(!foreign.is_empty());
        foreign.extend(ids(format!("/v1/job/{FOREIGN}/evaluations")).await);
        let mut own = ids("/v1/job/own/allocations".to_owned()).await;
        own.extend(ids("/v1/job/own/evaluations".to_owned()).await);
        let node = ids("/v1/nodes".to_owned()).await.remove(0);
        proxy.forget();
        Self {
            _nomad: nomad,
            proxy,
            api,
            _server: server,
            own,
            foreign,
            node,
        }
    }
}

/// Nomad's routes that this API may ask for, `*` a segment.
const ROUTES_OF_NOMAD: &[&str] = &[
    "GET /v1/jobs",
    "PUT /v1/jobs",
    "GET /v1/job/*",
    "DELETE /v1/job/*",
    "GET /v1/job/*/summary",
    "GET /v1/job/*/versions",
    "GET /v1/job/*/allocations",
    "GET /v1/job/*/evaluations",
    "PUT /v1/validate/job",
    "GET /v1/allocations",
    "GET /v1/allocation/*",
    "PUT /v1/client/allocation/*/signal",
    "GET /v1/evaluations",
    "GET /v1/evaluation/*",
    "GET /v1/evaluation/*/allocations",
    "GET /v1/nodes",
    "GET /v1/node/*",
    "GET /v1/node/*/allocations",
    "PUT /v1/node/*/evaluate",
    "GET /v1/status/leader",
    "GET /v1/status/peers",
    "GET /v1/regions",
    "GET /v1/agent/members",
    "GET /v1/agent/self",
    "GET /v1/agent/servers",
    "PUT /v1/agent/servers",
    "PUT /v1/agent/join",
    "PUT /v1/agent/force-leave",
    "GET /v1/operator/raft/configuration",
    "DELETE /v1/operator/raft/peer",
];

/// What was asked of Nomad is a route of its that this API uses, as Nomad reads
/// it: decoded, and cleaned of dots.
fn check_route(received: &Received) -> Result<(), TestCaseError> {
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
    let known = ROUTES_OF_NOMAD.iter().any(|route| {
        let (method, pattern) = route.split_once(' ').unwrap();
        let pattern: Vec<&str> = pattern.split('/').collect();
        method == received.method
            && pattern.len() == asked.len()
            && pattern.iter().zip(&asked).all(|(p, a)| *p == "*" || p == a)
    });
    prop_assert!(known, "{} {decoded}", received.method);
    Ok(())
}

/// A change, or a signal, names nothing of another tenant's.
fn check_write(shared: &Shared, received: &Received) -> Result<(), TestCaseError> {
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
fn check_answer(shared: &Shared, answer: &Answer) -> Result<(), TestCaseError> {
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

fn ids(shared: &Shared) -> Vec<String> {
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
    let nomad = |id: &str, driver: &str| {
        json!({"Job": {
            "ID": id, "Name": id, "Type": "service", "Datacenters": ["dc1"],
            "TaskGroups": [
                {"Name": "Src", "Tasks": [{"Name": "Src", "Driver": driver, "Config": {}}]},
                {"Name": "Dest", "Tasks": [{"Name": "Dest", "Driver": "dtle", "Config": {}}]},
            ],
        }})
    };
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
    shared: &Shared,
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
    let shared = runtime.block_on(Shared::start());
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
            check_route(&received)?;
            check_write(&shared, &received)?;
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    // It is still there, as it was.
    let direct = Client::of_url(&shared._nomad.url());
    let job = runtime
        .block_on(direct.get(&format!("/v1/job/{FOREIGN}")))
        .json();
    assert_eq!((&job["Version"], &job["Stop"]), (&json!(0), &json!(false)));
}

#[test]
fn no_node_without_dtle_is_shown_or_evaluated() {
    let runtime = runtime();
    let shared = runtime.block_on(Shared::start());
    // The only node loses its plugin.
    shared
        .proxy
        .set(Fault::Replace("\"dtle\":{", "\"qemu\":{"), Which::All);
    runtime.block_on(async {
        let node = &shared.node;
        let list = shared.api.get("/v1/nodes").await.ok();
        assert_eq!(list, json!([]));
        shared
            .api
            .get(&format!("/v1/node/{node}"))
            .await
            .fails(404, "node not found");
        let evaluate = shared.api.put(&format!("/v1/node/{node}/evaluate")).await;
        evaluate.fails(404, "node not found");
    });
    assert!(shared.proxy.log().iter().all(|one| one.method == "GET"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_goes_to_no_other_namespace_than_the_one_it_was_looked_up_in() {
    let shared = Shared::start().await;
    let mut body: Value = serde_json::from_slice(&body(2, "elsewhere")).unwrap();
    body["Job"]["Namespace"] = json!("another");
    let answer = shared.api.put_json("/v1/jobs", &body).await;
    answer.fails(
        400,
        "Namespace is not \"default\", the one that this API serves",
    );
    body["Job"]["Namespace"] = json!("default");
    shared.api.put_json("/v1/jobs", &body).await.succeeds();
    // Nor to another region: nothing is asked there.
    shared.proxy.forget();
    let mut far = job("far");
    far["Region"] = json!("another");
    shared
        .api
        .post_json("/v1/jobs", &far)
        .await
        .fails(500, "No path to region");
    for asked in shared.proxy.log() {
        assert_eq!(asked.target, "/v1/regions");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_takes_another_ones_name_and_with_it_its_progress() {
    let shared = Shared::start().await;
    let mut thief: Value = serde_json::from_slice(&body(2, "thief")).unwrap();
    for name in ["own", "own/x", FOREIGN] {
        thief["Job"]["Name"] = json!(name);
        let answer = shared.api.put_json("/v1/jobs", &thief).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.shown());
    }
    thief["Job"]["Name"] = json!("thief");
    shared.api.put_json("/v1/jobs", &thief).await.succeeds();
    // One that somebody else gave stays.
    let direct = Client::of_url(&shared._nomad.url());
    let mut named: Value = serde_json::from_slice(&body(2, "named")).unwrap();
    named["Job"]["Name"] = json!("a-name-of-its-own");
    assert_eq!(direct.put_json("/v1/jobs", &named).await.status, 200);
    shared.api.put_json("/v1/jobs", &named).await.succeeds();
}

#[test]
fn an_answer_of_nomads_that_is_damaged_is_at_worst_a_502() {
    static SEED: AtomicU64 = AtomicU64::new(1);
    let runtime = runtime();
    let shared = runtime.block_on(Shared::start());
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

// --- bodies ---

#[test]
fn bodies_that_were_built_to_hurt_are_refused_or_taken_and_nothing_breaks() {
    let runtime = runtime();
    let shared = runtime.block_on(Shared::start());
    let tables = |count: usize| {
        let mut job = job("many-tables");
        let list: Vec<Value> = (0..count)
            .map(|n| json!({"TableName": format!("t{n}")}))
            .collect();
        job["Tasks"][0]["Config"]["ReplicateDoDb"] = json!([{"TableSchema": "db", "Tables": list}]);
        job.to_string().into_bytes()
    };
    let with = |from: &str, to: &str| job("odd").to_string().replacen(from, to, 1).into_bytes();
    let deep = format!(
        "{{\"Name\":{}{}}}",
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    let deep_config = with(
        "\"Gtid\":\"\"",
        &format!("\"X\":{}1{}", "{\"a\":".repeat(100), "}".repeat(100)),
    );
    let filler = |length: usize| {
        let mut job = job("large");
        let used = job.to_string().len() - "name of large".len();
        job["Name"] = json!("x".repeat(length - used));
        job.to_string().into_bytes()
    };
    let long_list = format!("[{}0]", "0,".repeat(1_000_000));
    runtime.block_on(async {
        for (what, body, wanted) in [
            ("nested arrays", deep.into_bytes(), 400),
            ("nested objects in Config", deep_config, 0),
            ("a huge number", with("\"3306\"", "1e999"), 0),
            ("a long number", with("\"3306\"", &"9".repeat(10_000)), 0),
            ("not a number", with("\"3306\"", "NaN"), 400),
            (
                "invalid UTF-8",
                [&b"{\"Name\":\""[..], &[0xff, 0xfe], b"\"}"].concat(),
                400,
            ),
            ("half a surrogate", with("name of odd", "\\ud800"), 400),
            ("a null character", with("name of odd", "\\u0000"), 0),
            (
                "a key twice",
                with("\"ID\":\"odd\"", "\"ID\":\"odd\",\"ID\":\"other\""),
                0,
            ),
            ("a million numbers", long_list.into_bytes(), 400),
            ("100,000 tables", tables(100_000), 200),
            ("4 MiB exactly", filler(4 << 20), 0),
            ("one byte more", filler((4 << 20) + 1), 413),
            ("six million and one", vec![b'['; 6_000_001], 413),
        ] {
            let began = Instant::now();
            let answer = shared.api.send("POST", "/v1/jobs", &[], &body).await;
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{what}: {:?}",
                began.elapsed()
            );
            let good = match wanted {
                0 => matches!(answer.status, 200 | 400 | 413),
                status => answer.status == status,
            };
            assert!(good, "{what}: {} {:.300}", answer.status, answer.shown());
            assert!(
                answer.body.len() < 4_096,
                "{what}: an answer of {}",
                answer.body.len()
            );
        }
        // It comes back whole.
        let read = shared.api.get("/v1/job/many-tables").await.ok();
        let found = read["Tasks"][0]["Config"]["ReplicateDoDb"][0]["Tables"]
            .as_array()
            .map(Vec::len);
        assert_eq!(found, Some(100_000));
    });
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn any_bytes_are_a_body_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn a_damaged_body_is_a_body_or_a_fault_and_shows_no_password(seed in any::<u64>()) {
        let whole = job("x").to_string();
        if let Err(error) = parse(&garbled(whole.as_bytes(), seed)) {
            prop_assert!(!error.to_string().contains("secret-of"), "{error}");
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn any_text_is_a_query(text in ".{0,200}") {
        let query = Query::parse(&text);
        let _ = (query.pretty(), query.read_options(), query.flag("all"), query.get("prefix"));
    }

    #[test]
    fn any_text_is_statistics_or_none(text in ".{0,300}", seed in any::<u64>()) {
        let _ = of_signal(&text, Side::Src);
        let good = "rpc error: code = Unknown desc = {\"CurrentCoordinates\":{\"File\":\"\",\"Position\":0,\"GtidSet\":\"a:1-5\"},\"DelayCount\":{\"Num\":0,\"Time\":0},\"Timestamp\":1}";
        let damaged = garbled(good.as_bytes(), seed);
        let _ = of_signal(&String::from_utf8_lossy(&damaged), Side::Dest);
    }

    #[test]
    fn template_characters_come_back_as_they_went(text in "[${}%a-c\\\\~]{0,40}") {
        let value = json!({"a": [text.clone()], format!("{text}~"): null});
        let escaped = escape_value(&value);
        prop_assert_eq!(&unescape_value(&escaped), &value);
        // Nothing is left that Nomad's template engine would take for its own.
        let literal = escaped["a"][0].as_str().unwrap().replace("$${", "#").replace("%%{", "#");
        prop_assert!(!literal.contains("${") && !literal.contains("%{"), "{literal}");
    }

    #[test]
    fn any_text_is_a_duration_or_none(text in "[-+0-9.nuµmsh ]{0,30}") {
        let _ = go_duration(&text);
    }
}

// --- secrets ---

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_password_and_no_token_is_ever_logged() {
    const TOKEN: &str = "1f0e2d3c-token-of-nomad-4b5a69788796";
    const CONSUL_TOKEN: &str = "9a8b7c6d-token-of-consul-5e4f3a2b1c0d";
    let nomad = NomadSim::start(Options {
        version: Some("4.23.04.0".to_owned()),
        acl_token: Some(TOKEN.to_owned()),
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
    running(api, "logged", Duration::from_secs(10)).await;
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
    nomad.faults().set_forbidden(true);
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

// --- limits ---

/// What the gateway's process may need at most, in bytes, while a thousand
/// requests wait for a slow Nomad.
const BOUND: u64 = 160 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_requests_fit_into_memory() {
    let nomad = NomadSim::start(Options {
        version: Some("4.23.04.0".to_owned()),
        ..Options::default()
    })
    .await
    .unwrap();
    let proxy = Proxy::start(nomad.address()).await;
    let process = Process::start(&proxy.url(), &[("RUST_LOG", "error")]);
    let api = Arc::new(process.api.clone());
    for number in 0..20 {
        api.post_json("/v1/jobs", &job(&format!("job-{number}")))
            .await
            .succeeds();
    }
    let idle = process.peak_memory();
    nomad.faults().set_delay(Duration::from_millis(100));
    let requests = (0..1_000).map(|number| {
        let api = Arc::clone(&api);
        async move {
            match number % 4 {
                0 => api.get("/v1/jobs").await,
                1 => api.get("/v1/allocations").await,
                2 => {
                    api.post_json("/v1/jobs", &job(&format!("job-{}", number % 20)))
                        .await
                }
                _ => api.get(&format!("/v1/job/job-{}", number % 20)).await,
            }
        }
    });
    let began = Instant::now();
    let answers = join_all(requests).await;
    let bad = answers
        .iter()
        .filter(|a| !matches!(a.status, 200 | 500 | 502))
        .count();
    let good = answers.iter().filter(|a| a.status == 200).count();
    let peak = process.peak_memory();
    println!(
        "idle {} MiB, peak {} MiB; {good} of 1000 succeeded in {:?}",
        idle >> 20,
        peak >> 20,
        began.elapsed()
    );
    assert_eq!(bad, 0);
    assert!(good > 800, "{good}");
    assert!(began.elapsed() < Duration::from_secs(40));
    assert!(peak < BOUND, "{} MiB", peak >> 20);
    // Nomad refuses more than a hundred.
    let connections = proxy.most_connections();
    assert!(connections < 100, "{connections} connections at once");
    nomad.faults().clear();
    api.get("/v1/jobs").await.succeeds();
}
