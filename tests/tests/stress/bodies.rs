//! Bodies that were built to hurt.

use std::time::{Duration, Instant};

use tests::hostile::hostile_bodies;
use tests::{Cluster, Generation};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures time"]
async fn bodies_that_were_built_to_hurt_are_answered_soon() {
    let cluster = Cluster::start(Generation::Merged).await;
    for (what, body, _) in hostile_bodies() {
        let began = Instant::now();
        cluster.api.send("POST", "/v1/jobs", &[], &body).await;
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{what}: {:?}",
            began.elapsed()
        );
    }
}
