//! Many callers at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::cluster::job;
use crate::proxy::{Fault, Which};
use crate::{Answer, Client, Proxy};

/// A thousand reads and writes of twenty jobs at the same time, while the Nomad behind that
/// proxy takes a tenth of a second more for each answer. It goes on being slow.
pub async fn a_thousand_slow_requests(api: &Client, nomad: &Proxy) -> Vec<Answer> {
    let api = Arc::new(api.clone());
    for number in 0..20 {
        api.post_json("/v1/jobs", &job(&format!("job-{number}")))
            .await
            .succeeds();
    }
    nomad.set(Fault::Delay(Duration::from_millis(100)), Which::All);
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
