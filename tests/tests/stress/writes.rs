//! What takes its time, and depends on the machine: left out of a usual run.
//!
//! ```sh
//! cargo test -p tests --test stress -- --ignored --nocapture
//! NOMAD_ADDR=http://10.0.0.1:4646 cargo test -p tests --test stress -- --ignored --nocapture
//! ```
//!
//! Without `NOMAD_ADDR` the in-memory Nomad is used, whose check of an index is as
//! little atomic as that of Nomad 1.1.2. `STRESS_ROUNDS` (100), `STRESS_CLIENTS` (8),
//! `STRESS_GATEWAYS` (2) and `STRESS_JOBS` (1) change the load. `NOMAD_TOKEN` and
//! `NOMAD_REGION` mean what they mean to Nomad. The jobs are called
//! `stress-<number>-…`, wait for a node that nobody has, and are deleted afterwards.
//! With `STRESS_TRUST=1` the gateways are made to believe that Nomad's check is atomic
//! (`NOMAD_ADDR` has to be an IP address then): that shows what is lost without them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::sync::Arc;
use std::time::Duration;

use local::gateway::Server;
use nomad_sim::{NomadSim, Options};
use tests::contention::{Diary, Random, job, tokens};
use tests::proxy::{Fault, Which};
use tests::{Client, Proxy, gateway};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// A node that nobody has, so that nothing starts.
const NODE: Option<&str> = Some("node-of-nobody");

fn setting(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |text| text.parse().expect("a number"))
}

/// One Nomad, and gateways that know nothing of each other.
struct Setup {
    _nomad: Option<NomadSim>,
    _proxy: Option<Proxy>,
    direct: Client,
    apis: Vec<Client>,
    _servers: Vec<Server>,
    jobs: Vec<String>,
}

impl Setup {
    async fn start() -> Arc<Self> {
        let (nomad, url) = match std::env::var("NOMAD_ADDR") {
            Ok(url) => (None, url),
            Err(_) => {
                let nomad = NomadSim::start(Options {
                    version: Some("4.23.04.0".to_owned()),
                    write_window: Duration::from_millis(3),
                    keeps_requests: false,
                    ..Options::default()
                });
                let nomad = nomad.await.unwrap();
                let url = nomad.url();
                (Some(nomad), url)
            }
        };
        let direct = Client::of_url(&url);
        let (proxy, url) = if setting("STRESS_TRUST", 0) == 0 {
            (None, url)
        } else {
            let address = url.trim_start_matches("http://").parse();
            let proxy = Proxy::start(address.expect("an IP address and a port")).await;
            let build = Fault::Replace(r#""build":"1.1.2""#, r#""build":"2.0.1""#);
            proxy.set(build, Which::All);
            let url = proxy.url();
            (Some(proxy), url)
        };
        let more: Vec<(&str, String)> = ["NOMAD_TOKEN", "NOMAD_REGION"]
            .into_iter()
            .filter_map(|name| Some((name, std::env::var(name).ok()?)))
            .collect();
        let mut settings = vec![("DTLE_LAYOUT", "merged")];
        settings.extend(more.iter().map(|(name, value)| (*name, value.as_str())));
        let (mut apis, mut servers) = (Vec::new(), Vec::new());
        for _ in 0..setting("STRESS_GATEWAYS", 2) {
            let (server, api) = gateway(&url, &settings).await;
            servers.push(server);
            apis.push(api);
        }
        let run = std::process::id();
        let jobs: Vec<String> = (0..setting("STRESS_JOBS", 1))
            .map(|number| format!("stress-{run}-{number}"))
            .collect();
        for id in &jobs {
            let body = job(id, &[], NODE);
            apis[0].post_json("/v1/jobs", &body).await.succeeds();
        }
        Arc::new(Self {
            _nomad: nomad,
            _proxy: proxy,
            apis,
            _servers: servers,
            jobs,
            direct,
        })
    }

    /// The Version of a job in Nomad: how many changes it has seen, those that were
    /// lost and put back included.
    async fn version(&self, id: &str) -> u64 {
        let token = std::env::var("NOMAD_TOKEN").unwrap_or_default();
        let headers = [("X-Nomad-Token", token.as_str())];
        let target = format!("/v1/job/{id}");
        let answer = self.direct.send("GET", &target, &headers, b"").await;
        answer.json()["Version"].as_u64().unwrap()
    }
}

async fn change(setup: Arc<Setup>, barrier: Arc<Barrier>, client: u64) -> Diary {
    let mut random = Random::of(client);
    let mut diary = Diary::default();
    for _ in 0..setting("STRESS_ROUNDS", 100) {
        // In step, so that they meet.
        barrier.wait().await;
        let id = random.of_these(&setup.jobs);
        let apis = (random.of_these(&setup.apis), random.of_these(&setup.apis));
        diary.add(apis, id, NODE).await;
    }
    diary
}

/// Clients who change the same few jobs under EnforceIndex, through gateways that know
/// nothing of each other. Of what was accepted nothing may be missing, and of what was
/// refused nothing may be there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes its time: see the head of this file"]
async fn no_accepted_change_is_lost() {
    let setup = Setup::start().await;
    let clients = setting("STRESS_CLIENTS", 8);
    let barrier = Arc::new(Barrier::new(usize::try_from(clients).unwrap()));
    let mut changing: JoinSet<Diary> = (0..clients)
        .map(|number| change(Arc::clone(&setup), Arc::clone(&barrier), number))
        .collect();
    let mut diary = Diary::default();
    // The first that fails ends all: the others would wait for it.
    while let Some(client) = changing.join_next().await {
        diary.extend(client.unwrap());
    }
    let (mut lost, mut uninvited) = (Vec::new(), Vec::new());
    let mut versions = 0;
    for id in &setup.jobs {
        let target = format!("/v1/job/{id}");
        let found = tokens(&setup.apis[0].get(&target).await.ok());
        let faults = diary.faults(id, &found);
        lost.extend(faults.0);
        uninvited.extend(faults.1);
        versions += setup.version(id).await;
        setup.apis[0].delete(&target).await.succeeds();
    }
    println!(
        "{} accepted, {} of them lost; {} refused, {} of them there; {versions} versions",
        diary.accepted(),
        lost.len(),
        diary.refused,
        uninvited.len(),
    );
    assert!(diary.accepted() > 0);
    assert!(lost.is_empty(), "accepted and not there: {lost:?}");
    assert!(uninvited.is_empty(), "refused and there: {uninvited:?}");
}
