//! A migration that answers get lost in: a job must never run on both sides, nor
//! be left on neither.
//!
//! A second gateway plays the 2.x cluster: it answers as one does.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::time::Duration;

use local::gateway::Server;
use local::migrate::{Migration, Outcome, Plan};
use local::nomad_sim::{NomadSim, Options};
use tests::cluster::{job, running};
use tests::proxy::{Fault, Which};
use tests::{Client, Proxy, gateway};

const ID: &str = "moving";

/// One side, and the way to it that answers get lost on.
struct Side {
    api: Client,
    way: Proxy,
    _server: Server,
    _nomad: NomadSim,
}

impl Side {
    async fn start() -> Self {
        let nomad = NomadSim::start(Options::default()).await.unwrap();
        let consul = nomad.consul_url();
        let (server, api) = gateway(&nomad.url(), &[("CONSUL_HTTP_ADDR", &consul)]).await;
        Self {
            api,
            way: Proxy::start(server.address()).await,
            _server: server,
            _nomad: nomad,
        }
    }

    async fn has_job(&self) -> bool {
        self.api.get(&format!("/v1/job/{ID}")).await.status == 200
    }
}

/// Two sides, the job running on the old one.
async fn sides() -> (Side, Side) {
    let (old, new) = (Side::start().await, Side::start().await);
    let reply = old.api.post_json("/v1/jobs", &job(ID)).await.ok();
    assert_eq!(reply["Success"], true);
    running(&old.api, ID, Duration::from_secs(10)).await;
    (old, new)
}

async fn migrate(old: &Side, new: &Side) -> Outcome {
    let (migration, ids) = Migration::begin(Plan {
        from: old.way.url().parse().unwrap(),
        to: new.way.url().parse().unwrap(),
        only: Vec::new(),
        dry_run: false,
        forget: false,
        patience: Duration::from_secs(20),
    })
    .await
    .unwrap();
    assert_eq!(ids, [ID]);
    migration.job(ID).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_moved_and_paused_on_the_old_side() {
    let (old, new) = sides().await;
    let outcome = migrate(&old, &new).await;
    assert!(matches!(outcome, Outcome::Moved(_)), "{outcome:?}");
    let before = old.api.get(&format!("/v1/job/{ID}")).await.ok();
    assert_eq!(before["Status"], "pause");
    running(&new.api, ID, Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_creation_is_in_doubt_does_not_run_on_both_sides() {
    for fault in [
        Fault::ResetAfter,
        Fault::AnswerAfter(504, "text/html", "<html>Gateway Timeout</html>"),
    ] {
        let (old, new) = sides().await;
        new.way.set_next(1, fault, Which::Writes);
        let outcome = migrate(&old, &new).await;
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
        assert!(!new.has_job().await, "{outcome:?}");
        running(&old.api, ID, Duration::from_secs(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_somebody_else_is_never_removed() {
    let (old, new) = sides().await;
    // Made by others between the look and the creation, which finds it there.
    let words = "Enforcing job modify index 0: job already exists";
    let conflict = Fault::Answer(500, "text/plain; charset=utf-8", words);
    new.way.set_next(1, conflict, Which::Writes);
    let outcome = migrate(&old, &new).await;
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    let deletes = new.way.log();
    assert!(deletes.iter().all(|received| received.method != "DELETE"));
    running(&old.api, ID, Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_pause_is_in_doubt_goes_on_on_the_old_side() {
    let (old, new) = sides().await;
    old.way.set_next(1, Fault::ResetAfter, Which::Writes);
    let outcome = migrate(&old, &new).await;
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    assert!(!new.has_job().await, "{outcome:?}");
    running(&old.api, ID, Duration::from_secs(10)).await;
}
