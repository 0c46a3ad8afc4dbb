//! Answers of more than six megabytes: Lambda carries none, a gateway on one machine
//! all of them. (What a function answers instead, `functions.rs` looks at.)

use serde_json::json;
use tests::cluster::job;
use tests::{Cluster, Generation};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_any_size_is_answered_on_ones_own_machine() {
    let cluster = Cluster::start(Generation::Merged).await;
    for number in 0..3 {
        let mut job = job(&format!("large-{number}"));
        job["Tasks"][0]["Config"]["SqlFilter"] = json!(["x".repeat(2_500_000)]);
        cluster.create(&job).await;
    }
    let answer = cluster.api.get("/v1/jobs").await;
    assert!(answer.body.len() > 7_500_000, "{}", answer.body.len());
    let list = answer.ok();
    assert_eq!(list.as_array().map(Vec::len), Some(3));
    // Compressed it is small, and as large again.
    let headers = [("Accept-Encoding", "gzip")];
    let answer = cluster.api.send("GET", "/v1/jobs", &headers, b"").await;
    assert_eq!(answer.status, 200);
    assert!(answer.unzipped().len() > 7_500_000);
}
