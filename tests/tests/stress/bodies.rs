//! Bodies that were built to hurt.

use std::time::{Duration, Instant};

use tests::hostile::{hostile_bodies, tables_read};
use tests::{Cluster, Generation};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures time"]
async fn bodies_that_were_built_to_hurt_are_answered_soon() {
    let cluster = Cluster::start(Generation::Merged).await;
    for (what, body, wanted) in hostile_bodies(100_000) {
        let began = Instant::now();
        let answer = cluster.api.send("POST", "/v1/jobs", &[], &body).await;
        assert!(
            wanted == 0 || answer.status == wanted,
            "{what}: {}",
            answer.status
        );
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{what}: {:?}",
            began.elapsed()
        );
    }
    assert_eq!(tables_read(&cluster.api).await, Some(100_000));
}
