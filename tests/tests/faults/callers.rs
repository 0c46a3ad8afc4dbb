//! What many callers at once may cost.

use std::time::Duration;

use futures_util::future::join_all;
use nomad_sim::{NomadSim, Options};
use tests::crowd::a_thousand_slow_requests;
use tests::proxy::{Fault, Which};
use tests::{Process, Proxy, gateway};

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
    let idle = process.peak_memory();
    let answers = a_thousand_slow_requests(&process.api, &proxy).await;
    let bad = answers
        .iter()
        .filter(|a| !matches!(a.status, 200 | 500 | 502))
        .count();
    let peak = process.peak_memory();
    println!("idle {} MiB, peak {} MiB", idle >> 20, peak >> 20);
    assert_eq!(bad, 0);
    assert!(peak < BOUND, "{} MiB", peak >> 20);
    proxy.clear();
    process.api.get("/v1/jobs").await.succeeds();
}

/// Nomad refuses more than a hundred connections of one address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_callers_at_once_need_fewer_than_a_hundred_connections() {
    let nomad = NomadSim::start(Options::default()).await.unwrap();
    let proxy = Proxy::start(nomad.address()).await;
    let (_server, api) = gateway(&proxy.url(), &[("DTLE_DEADLINE", "80s")]).await;
    proxy.set(Fault::Delay(Duration::from_secs(1)), Which::All);
    for answer in join_all((0..200).map(|_| api.get("/v1/regions"))).await {
        answer.succeeds();
    }
    assert!(proxy.count("GET", "/v1/regions").1 >= 200);
    let connections = proxy.most_connections();
    assert!(connections < 100, "{connections} connections at once");
}
