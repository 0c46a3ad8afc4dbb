//! Many callers at once.

use std::time::{Duration, Instant};

use nomad_sim::{NomadSim, Options};
use tests::crowd::a_thousand_slow_requests;
use tests::{Process, Proxy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures time"]
async fn most_of_a_thousand_slow_requests_succeed_in_time() {
    let nomad = NomadSim::start(Options {
        version: Some("4.23.04.0".to_owned()),
        ..Options::default()
    })
    .await
    .unwrap();
    let proxy = Proxy::start(nomad.address()).await;
    let process = Process::start(&proxy.url(), &[("RUST_LOG", "error")]);
    let began = Instant::now();
    let answers = a_thousand_slow_requests(&process.api, &proxy).await;
    let good = answers.iter().filter(|a| a.status == 200).count();
    println!("{good} of 1000 succeeded in {:?}", began.elapsed());
    assert!(good > 800, "{good}");
    assert!(began.elapsed() < Duration::from_secs(40));
    // Nomad refuses more than a hundred.
    let connections = proxy.most_connections();
    assert!(connections < 100, "{connections} connections at once");
}
