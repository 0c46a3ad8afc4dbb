//! Many clients, the same few jobs, two gateways, one Nomad, whose check of an index
//! is atomic or is not. `stress.rs` does the same for longer, and on a real Nomad.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use local::gateway::Server;
use nomad_sim::{NomadSim, Options};
use serde_json::{Value, json};
use tests::contention::{Diary, Random, is_conflict, job, tokens};
use tests::{Client, gateway};

const JOBS: u64 = 20;
const CLIENTS: u64 = 16;
/// Requests of each client.
const REQUESTS: u64 = 30;

/// All versions of a job. Where Nomad has pruned those between a write and its check
/// nobody can tell what stood, and how many come between is up to the machine:
/// `stress` measures that with the six that Nomad keeps.
const ALL: usize = 1_000;

/// One Nomad, two gateways that know nothing of each other.
struct Setup {
    nomad: NomadSim,
    apis: Vec<Client>,
    _servers: Vec<Server>,
}

impl Setup {
    async fn start(atomic: bool, job_tracked_versions: usize) -> Arc<Self> {
        let nomad = NomadSim::start(Options {
            version: Some("4.23.04.0".to_owned()),
            build: if atomic { "2.0.5" } else { "1.1.2" }.to_owned(),
            atomic_enforce_index: atomic,
            // Wide enough that writers meet often.
            write_window: Duration::from_millis(5),
            job_tracked_versions,
            keeps_requests: false,
            ..Options::default()
        })
        .await
        .unwrap();
        let mut setup = Self {
            nomad,
            apis: Vec::new(),
            _servers: Vec::new(),
        };
        for _ in 0..2 {
            let (server, api) = gateway(&setup.nomad.url(), &[]).await;
            setup.apis.push(api);
            setup._servers.push(server);
        }
        Arc::new(setup)
    }

    async fn create(&self, id: &str) {
        let body = job(id, &[], None);
        self.apis[0].post_json("/v1/jobs", &body).await.succeeds();
    }
}

async fn no_update_is_lost(atomic: bool) {
    let setup = Setup::start(atomic, ALL).await;
    for number in 0..JOBS {
        setup.create(&format!("job-{number}")).await;
    }
    let client = async |setup: Arc<Setup>, client: u64| {
        let mut random = Random::of(client);
        let mut diary = Diary::default();
        for _ in 0..REQUESTS {
            // Half of all meet on two jobs.
            let number = match random.below(2) {
                0 => random.below(2),
                _ => random.below(JOBS),
            };
            let id = format!("job-{number}");
            let api = random.of_these(&setup.apis);
            match random.below(10) {
                0 => change_state(api, &id, "pause").await,
                1 => change_state(api, &id, "resume").await,
                2 => {
                    let read = api.get(&format!("/v1/job/{id}")).await.ok();
                    let _whole = tokens(&read);
                }
                3 if random.below(4) == 0 => {
                    let list = api.get("/v1/jobs").await.ok();
                    assert_eq!(list.as_array().unwrap().len() as u64, JOBS);
                }
                _ => {
                    let writer = random.of_these(&setup.apis);
                    diary.add((api, writer), &id, None).await;
                }
            }
        }
        diary
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(client(Arc::clone(&setup), number)))
        .collect();
    let mut diary = Diary::default();
    for client in clients {
        diary.extend(client.await.unwrap());
    }
    let (accepted, refused) = (diary.accepted(), diary.refused);
    eprintln!("atomic: {atomic}; {accepted} changes accepted, {refused} refused");
    // Of those that meet one is accepted.
    assert!(accepted > 0);
    for number in 0..JOBS {
        let id = format!("job-{number}");
        for api in &setup.apis {
            let found = tokens(&api.get(&format!("/v1/job/{id}")).await.ok());
            let (lost, uninvited) = diary.faults(&id, &found);
            assert!(
                lost.is_empty() && uninvited.is_empty(),
                "{id}: accepted and not there: {lost:?}; there and refused: {uninvited:?}"
            );
        }
        // The newest version is one that stands, and nothing is left to put back: a
        // change of it is accepted, and is Nomad's newest version then.
        let before = version(&setup.nomad, &id).await;
        let apis = (&setup.apis[0], &setup.apis[1]);
        assert!(diary.add(apis, &id, None).await, "{id} is not settled");
        assert_eq!(version(&setup.nomad, &id).await, before + 1, "{id}");
    }
}

/// The Version of a job in Nomad.
async fn version(nomad: &NomadSim, id: &str) -> u64 {
    let nomad = Client::of_url(&nomad.url());
    let job = nomad.get(&format!("/v1/job/{id}")).await.json();
    job["Version"].as_u64().unwrap()
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
    let setup = Setup::start(false, ALL).await;
    setup.create("x").await;
    let before_all = version(&setup.nomad, "x").await;
    let rounds = 40;
    for round in 0..rounds {
        let read = setup.apis[0].get("/v1/job/x").await.ok();
        let before = tokens(&read);
        let bodies = [0, 1].map(|writer| {
            let mut list = before.clone();
            list.push(format!("r{round}-{writer}"));
            let mut body = job("x", &list, None);
            body["EnforceIndex"] = json!(true);
            body["JobModifyIndex"] = read["JobModifyIndex"].clone();
            body
        });
        let (first, second) = tokio::join!(
            setup.apis[0].put_json("/v1/jobs", &bodies[0]),
            setup.apis[1].put_json("/v1/jobs", &bodies[1])
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
        let now = tokens(&setup.apis[1].get("/v1/job/x").await.ok());
        assert_eq!(now.last(), Some(&winner), "round {round}");
    }
    // Each round two writes at most, and one that puts the first one back.
    let made = version(&setup.nomad, "x").await - before_all;
    assert!(made <= 3 * rounds, "{made}");
}

/// Nomad keeps two versions, so that a writer who is followed at once by another may
/// find his past gone. Then he is told that nobody knows; never that all is well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_versions_that_would_tell_are_gone_nothing_is_called_accepted() {
    let setup = Setup::start(false, 2).await;
    setup.create("x").await;
    for round in 0..40 {
        let mut diaries = [Diary::default(), Diary::default()];
        let [first, second] = &mut diaries;
        let (one, other) = (&setup.apis[0], &setup.apis[1]);
        tokio::join!(
            first.add((one, one), "x", None),
            second.add((other, other), "x", None)
        );
        let found = tokens(&one.get("/v1/job/x").await.ok());
        for token in diaries.iter().flat_map(|d| d.accepted.values().flatten()) {
            assert!(found.contains(token), "round {round}: {token} is lost");
        }
    }
}

/// Two who create one job, each only if it is new: the other is told so in the
/// words of 2.x's recording 074, whoever noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_creators_at_the_same_instant_one_is_told_that_the_job_exists() {
    let setup = Setup::start(false, ALL).await;
    let words = tests::recording(
        tests::recording::DTLE_2,
        "074-job-create-enforce-index-exists",
    );
    for round in 0..20 {
        let id = format!("new-{round}");
        let bodies = [0, 1].map(|writer| {
            let mut body = job(&id, &[format!("w{writer}")], None);
            body["EnforceIndex"] = json!(true);
            body["JobModifyIndex"] = json!(0);
            body
        });
        let answers = tokio::join!(
            setup.apis[0].put_json("/v1/jobs", &bodies[0]),
            setup.apis[1].put_json("/v1/jobs", &bodies[1])
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
        let now = setup.apis[1].get(&format!("/v1/job/{id}")).await.ok();
        assert_eq!(tokens(&now), [winner], "round {round}");
    }
}

/// An update that meets a delete must not bring the job back behind the back of
/// the one who deleted it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_does_not_bring_a_deleted_job_back() {
    let setup = Setup::start(false, ALL).await;
    for round in 0..40 {
        let id = format!("x-{round}");
        setup.create(&id).await;
        let pause = format!("/v1/job/{id}/pause");
        let target = format!("/v1/job/{id}");
        let (paused, deleted) = tokio::join!(setup.apis[0].post(&pause), async {
            tokio::time::sleep(Duration::from_millis(round % 12)).await;
            setup.apis[1].delete(&target).await
        });
        assert_eq!(deleted.status, 200, "{}", deleted.shown());
        assert!(
            matches!(paused.status, 200 | 404),
            "{} {}",
            paused.status,
            paused.shown()
        );
        let now = setup.apis[1].get(&target).await;
        assert_eq!(now.status, 404, "round {round}: {}", now.shown());
    }
}

/// Everything at once, deletes and creates included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_ever_torn_and_both_gateways_agree_in_the_end() {
    let setup = Setup::start(false, ALL).await;
    let client = async |setup: Arc<Setup>, client: u64| {
        let mut random = Random::of(client);
        for count in 0..REQUESTS {
            let id = format!("job-{}", random.below(JOBS));
            let target = format!("/v1/job/{id}");
            let api = random.of_these(&setup.apis);
            let answer = match random.below(8) {
                0 => api.delete(&target).await,
                1 => api.post(&format!("{target}/pause")).await,
                2 => api.post(&format!("{target}/resume")).await,
                3 | 4 => {
                    let body = job(&id, &[format!("c{client}-{count}")], None);
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
                        let _whole = tokens(&answer.json());
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
        }
    };
    let clients = (0..CLIENTS).map(|number| tokio::spawn(client(Arc::clone(&setup), number)));
    for client in join_all(clients).await {
        client.unwrap();
    }
    let list = setup.apis[0].get("/v1/jobs").await.ok();
    let other = setup.apis[1].get("/v1/jobs").await.ok();
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
        let (one, two) = tokio::join!(setup.apis[0].get(&target), setup.apis[1].get(&target));
        assert_eq!(one.status == 200, listed.contains(&id), "{id}");
        assert_eq!(one.status, two.status, "{id}");
        if one.status == 200 {
            assert_eq!(tokens(&one.json()), tokens(&two.json()), "{id}");
        }
    }
}
