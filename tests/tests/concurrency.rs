//! Many clients, the same few jobs, two gateways, one Nomad.
//!
//! Each update adds a token of its own to what it read and sends that back under
//! the index that it read. So a job's tokens are the whole history of accepted
//! updates, and one that is missing was lost. Every job also carries its newest
//! token in three places (Name, Src, Dest): two different ones would be a torn
//! job.
//!
//! `CONCURRENCY_SECONDS`, `CONCURRENCY_CLIENTS` and `CONCURRENCY_GATEWAYS` make it
//! longer and wider.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use local::gateway::Server;
use local::nomad_sim::{NomadSim, Options};
use serde_json::{Value, json};
use tests::{Answer, Client, gateway};

const JOBS: u64 = 20;

fn setting(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |text| text.parse().expect("a number"))
}

/// One Nomad, two gateways that know nothing of each other.
struct Setup {
    nomad: NomadSim,
    apis: Vec<Client>,
    _servers: Vec<Server>,
}

impl Setup {
    async fn start(atomic: bool) -> Arc<Self> {
        let nomad = NomadSim::start(Options {
            version: Some("4.23.04.0".to_owned()),
            atomic_enforce_index: atomic,
            // Wide enough that writers meet often.
            write_window: Duration::from_millis(5),
            ..Options::default()
        })
        .await
        .unwrap();
        nomad.faults().set_logging(false);
        let mut setup = Self {
            nomad,
            apis: Vec::new(),
            _servers: Vec::new(),
        };
        for _ in 0..setting("CONCURRENCY_GATEWAYS", 2) {
            let (server, api) = gateway(&setup.nomad.url(), &[]).await;
            setup.apis.push(api);
            setup._servers.push(server);
        }
        Arc::new(setup)
    }

    fn api(&self, number: u64) -> &Client {
        &self.apis[usize::try_from(number).unwrap() % self.apis.len()]
    }
}

/// Numbers that differ from run to run and client to client.
struct Random(u64);

impl Random {
    fn of(client: u64) -> Self {
        let now = std::time::SystemTime::now();
        let nanos = now
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .subsec_nanos();
        Self((u64::from(nanos) << 16 | client) | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A job that carries these tokens.
fn job(id: &str, tokens: &[String]) -> Value {
    let newest = tokens.last().map_or("none", String::as_str);
    let schemas: Vec<Value> = tokens.iter().map(|t| json!({"TableSchema": t})).collect();
    json!({
        "ID": id,
        "Name": newest,
        "Tasks": [
            {"Type": "Src", "Config": {
                "ReplicateDoDb": schemas,
                "SqlFilter": [newest],
                "ConnectionConfig": {"Host": "10.9.8.7", "Port": 3306, "User": "u", "Password": newest},
            }},
            {"Type": "Dest", "Config": {
                "ConnectionConfig": {"Host": "10.9.8.6", "Port": 3306, "User": newest, "Password": "p"},
            }},
        ],
    })
}

/// The tokens of a job that was read, which must be whole.
fn tokens(read: &Value, shows_passwords: bool) -> Vec<String> {
    let name = read["Name"].as_str().unwrap();
    let task = |side| {
        let tasks = read["Tasks"].as_array().unwrap();
        tasks.iter().find(|task| task["Type"] == side).unwrap()
    };
    let src = &task("Src")["Config"];
    let dest = &task("Dest")["Config"];
    let found: Vec<String> = src["ReplicateDoDb"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|schema| schema["TableSchema"].as_str().unwrap().to_owned())
        .collect();
    let newest = found.last().map_or("none", String::as_str);
    assert_eq!(newest, name, "torn: {read:#}");
    assert_eq!(src["SqlFilter"][0], name, "torn: {read:#}");
    assert_eq!(dest["ConnectionConfig"]["User"], name, "torn: {read:#}");
    if shows_passwords {
        assert_eq!(src["ConnectionConfig"]["Password"], name, "torn: {read:#}");
    }
    found
}

fn is_conflict(answer: &Answer) -> bool {
    answer.status == 500 && answer.shown().starts_with("Enforcing job modify index")
}

/// What became of the updates of one client.
#[derive(Default)]
struct Diary {
    accepted: Vec<(String, String)>,
    refused: Vec<(String, String)>,
}

async fn update_under_enforce_index(
    setup: &Setup,
    client: u64,
    id: &str,
    random: &mut Random,
    diary: &mut Diary,
) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let target = format!("/v1/job/{id}");
    let read = setup.api(random.below(64)).get(&target).await.ok();
    let mut list = tokens(&read, true);
    let token = format!("t{}-{client}", COUNT.fetch_add(1, Ordering::Relaxed));
    list.push(token.clone());
    let mut body = job(id, &list);
    body["EnforceIndex"] = json!(true);
    body["JobModifyIndex"] = read["JobModifyIndex"].clone();
    let answer = setup.api(random.below(64)).put_json(&target, &body).await;
    if is_conflict(&answer) {
        diary.refused.push((id.to_owned(), token));
        return;
    }
    assert_eq!(answer.status, 200, "{}", answer.shown());
    diary.accepted.push((id.to_owned(), token));
}

async fn no_update_is_lost(atomic: bool) {
    let setup = Setup::start(atomic).await;
    for number in 0..JOBS {
        let id = format!("job-{number}");
        setup
            .api(0)
            .post_json("/v1/jobs", &job(&id, &[]))
            .await
            .succeeds();
    }
    let clients = setting("CONCURRENCY_CLIENTS", 32);
    let end = Instant::now() + Duration::from_secs(setting("CONCURRENCY_SECONDS", 8));
    let clients: Vec<_> = (0..clients)
        .map(|client| {
            let setup = Arc::clone(&setup);
            tokio::spawn(async move {
                let mut random = Random::of(client);
                let mut diary = Diary::default();
                while Instant::now() < end {
                    // Half of all meet on two jobs.
                    let number = match random.below(2) {
                        0 => random.below(2),
                        _ => random.below(JOBS),
                    };
                    let id = format!("job-{number}");
                    let api = setup.api(random.below(64));
                    match random.below(10) {
                        0 => change_state(api, &id, "pause").await,
                        1 => change_state(api, &id, "resume").await,
                        2 => {
                            tokens(&api.get(&format!("/v1/job/{id}")).await.ok(), true);
                        }
                        3 if random.below(4) == 0 => {
                            let list = api.get("/v1/jobs").await.ok();
                            assert_eq!(list.as_array().unwrap().len() as u64, JOBS);
                        }
                        _ => {
                            update_under_enforce_index(
                                &setup,
                                client,
                                &id,
                                &mut random,
                                &mut diary,
                            )
                            .await;
                        }
                    }
                }
                diary
            })
        })
        .collect();
    let mut diaries = Vec::new();
    for client in clients {
        diaries.push(client.await.unwrap());
    }
    let mut accepted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, token) in diaries.iter().flat_map(|diary| &diary.accepted) {
        accepted
            .entry(id.clone())
            .or_default()
            .insert(token.clone());
    }
    let refused: usize = diaries.iter().map(|diary| diary.refused.len()).sum();
    let count: usize = accepted.values().map(BTreeSet::len).sum();
    eprintln!("atomic: {atomic}; {count} updates accepted, {refused} refused");
    assert!(
        count > 50 && refused > 5,
        "{count} accepted, {refused} refused"
    );
    for number in 0..JOBS {
        let id = format!("job-{number}");
        let wanted = accepted.remove(&id).unwrap_or_default();
        for api in &setup.apis {
            let list = tokens(&api.get(&format!("/v1/job/{id}")).await.ok(), true);
            let found: BTreeSet<String> = list.iter().cloned().collect();
            assert_eq!(found.len(), list.len(), "{id}: an update was made twice");
            let lost: Vec<_> = wanted.difference(&found).collect();
            let uninvited: Vec<_> = found.difference(&wanted).collect();
            assert!(
                lost.is_empty() && uninvited.is_empty(),
                "{id}: accepted and not there: {lost:?}; there and refused: {uninvited:?}"
            );
        }
    }
    // Nomad's own view of every job is settled: nothing is left to give back.
    assert!(setup.nomad.index() > 0);
}

async fn change_state(api: &Client, id: &str, what: &str) {
    let answer = api.post(&format!("/v1/job/{id}/{what}")).await;
    assert!(
        matches!(answer.status, 200 | 404) || is_conflict(&answer),
        "{what}: {} {}",
        answer.status,
        answer.shown()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_accepted_update_is_lost_where_nomads_check_is_atomic() {
    no_update_is_lost(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_accepted_update_is_lost_where_nomads_check_is_not_atomic() {
    no_update_is_lost(false).await;
}

/// Two writers on one version, again and again: exactly one is told that it was
/// accepted, and its change is the one that is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_writers_at_the_same_instant_one_is_accepted_and_one_told() {
    let setup = Setup::start(false).await;
    setup
        .api(0)
        .post_json("/v1/jobs", &job("x", &[]))
        .await
        .succeeds();
    for round in 0..40 {
        let read = setup.api(0).get("/v1/job/x").await.ok();
        let before = tokens(&read, true);
        let bodies = [0, 1].map(|writer| {
            let mut list = before.clone();
            list.push(format!("r{round}-{writer}"));
            let mut body = job("x", &list);
            body["EnforceIndex"] = json!(true);
            body["JobModifyIndex"] = read["JobModifyIndex"].clone();
            body
        });
        let (first, second) = tokio::join!(
            setup.api(0).put_json("/v1/jobs", &bodies[0]),
            setup.api(1).put_json("/v1/jobs", &bodies[1])
        );
        let told: Vec<bool> = [&first, &second].map(|a| a.status == 200).to_vec();
        for answer in [&first, &second] {
            assert!(
                answer.status == 200 || is_conflict(answer),
                "{}",
                answer.shown()
            );
        }
        assert_eq!(
            told.iter().filter(|one| **one).count(),
            1,
            "round {round}: {told:?}"
        );
        let winner = format!("r{round}-{}", usize::from(told[1]));
        let now = tokens(&setup.api(1).get("/v1/job/x").await.ok(), true);
        assert_eq!(now.last(), Some(&winner), "round {round}");
    }
    // Each round two writes, and at most two that give the first one back.
    let job = Client::of_url(&setup.nomad.url())
        .get("/v1/job/x")
        .await
        .json();
    assert!(
        job["Version"].as_u64().unwrap() <= 4 * 40,
        "{}",
        job["Version"]
    );
}

/// Two who create one job, each only if it is new: the other is told so in the
/// words of 2.x's recording 074, whoever noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_creators_at_the_same_instant_one_is_told_that_the_job_exists() {
    let setup = Setup::start(false).await;
    let words = tests::recording(
        tests::recording::DTLE_2,
        "074-job-create-enforce-index-exists",
    );
    for round in 0..20 {
        let id = format!("new-{round}");
        let bodies = [0, 1].map(|writer| {
            let mut body = job(&id, &[format!("w{writer}")]);
            body["EnforceIndex"] = json!(true);
            body["JobModifyIndex"] = json!(0);
            body
        });
        let answers = tokio::join!(
            setup.api(0).put_json("/v1/jobs", &bodies[0]),
            setup.api(1).put_json("/v1/jobs", &bodies[1])
        );
        let (winner, loser) = match (&answers.0, &answers.1) {
            (first, second) if first.status == 200 => ("w0", second),
            (first, _) => ("w1", first),
        };
        assert_eq!(
            (loser.status, loser.text()),
            (words.status, words.text.as_str()),
            "round {round}"
        );
        let now = setup.api(1).get(&format!("/v1/job/{id}")).await.ok();
        assert_eq!(tokens(&now, true), [winner], "round {round}");
    }
}

/// An update that meets a delete must not bring the job back behind the back of
/// the one who deleted it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_does_not_bring_a_deleted_job_back() {
    let setup = Setup::start(false).await;
    for round in 0..40 {
        let id = format!("x-{round}");
        setup
            .api(0)
            .post_json("/v1/jobs", &job(&id, &[]))
            .await
            .succeeds();
        let pause = format!("/v1/job/{id}/pause");
        let target = format!("/v1/job/{id}");
        let (paused, deleted) = tokio::join!(setup.api(0).post(&pause), async {
            tokio::time::sleep(Duration::from_millis(round % 12)).await;
            setup.api(1).delete(&target).await
        });
        assert_eq!(deleted.status, 200, "{}", deleted.shown());
        assert!(
            matches!(paused.status, 200 | 404),
            "{} {}",
            paused.status,
            paused.shown()
        );
        let now = setup.api(1).get(&target).await;
        assert_eq!(now.status, 404, "round {round}: {}", now.shown());
    }
}

/// Everything at once, deletes and creates included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_ever_torn_and_both_gateways_agree_in_the_end() {
    let setup = Setup::start(false).await;
    let clients = setting("CONCURRENCY_CLIENTS", 32);
    let end = Instant::now() + Duration::from_secs(setting("CONCURRENCY_SECONDS", 8));
    let clients: Vec<_> = (0..clients)
        .map(|client| {
            let setup = Arc::clone(&setup);
            tokio::spawn(async move {
                let mut random = Random::of(client);
                let mut count = 0_u64;
                while Instant::now() < end {
                    let id = format!("job-{}", random.below(JOBS));
                    let target = format!("/v1/job/{id}");
                    let api = setup.api(random.below(64));
                    let answer = match random.below(8) {
                        0 => api.delete(&target).await,
                        1 => api.post(&format!("{target}/pause")).await,
                        2 => api.post(&format!("{target}/resume")).await,
                        3 | 4 => {
                            let body = job(&id, &[format!("c{client}-{count}")]);
                            api.post_json("/v1/jobs", &body).await
                        }
                        5 => {
                            let list = api.get("/v1/jobs").await.ok();
                            for stub in list.as_array().unwrap() {
                                assert!(stub["ID"].as_str().unwrap().starts_with("job-"));
                            }
                            continue;
                        }
                        _ => {
                            let answer = api.get(&target).await;
                            if answer.status == 200 {
                                tokens(&answer.json(), true);
                            }
                            answer
                        }
                    };
                    assert!(
                        matches!(answer.status, 200 | 404) || is_conflict(&answer),
                        "{}: {} {}",
                        answer.asked,
                        answer.status,
                        answer.shown()
                    );
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for client in clients {
        count += client.await.unwrap();
    }
    println!("{count} requests");
    assert!(count > 200);
    let list = setup.api(0).get("/v1/jobs").await.ok();
    let other = setup.api(1).get("/v1/jobs").await.ok();
    let changes = |list: &Value| -> Vec<(Value, Value)> {
        let stubs = list.as_array().unwrap().iter();
        stubs
            .map(|stub| (stub["ID"].clone(), stub["JobModifyIndex"].clone()))
            .collect()
    };
    assert_eq!(changes(&list), changes(&other));
    let listed: BTreeSet<String> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|stub| stub["ID"].as_str().unwrap().to_owned())
        .collect();
    for number in 0..JOBS {
        let id = format!("job-{number}");
        let target = format!("/v1/job/{id}");
        let (one, two) = tokio::join!(setup.api(0).get(&target), setup.api(1).get(&target));
        assert_eq!(one.status == 200, listed.contains(&id), "{id}");
        assert_eq!(one.status, two.status, "{id}");
        if one.status == 200 {
            assert_eq!(tokens(&one.json(), true), tokens(&two.json(), true), "{id}");
        }
    }
}
