//! Many callers at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use nomad_sim::NomadSim;

use crate::cluster::job;
use crate::{Answer, Client};

/// A thousand reads and writes of twenty jobs at the same time, while that Nomad takes a
/// tenth of a second for each answer. It goes on being slow.
pub async fn a_thousand_slow_requests(api: &Client, nomad: &NomadSim) -> Vec<Answer> {
    let api = Arc::new(api.clone());
    for number in 0..20 {
        api.post_json("/v1/jobs", &job(&format!("job-{number}")))
            .await
            .succeeds();
    }
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
    join_all(requests).await
}
