//! `?prefix=` on the lists of what has a UUID; of jobs, see `jobs::list`.

use serde_json::json;
use tests::{ids, on_every_cluster};

on_every_cluster!(lists_are_filtered_by_a_prefix_of_any_kind, async |site| {
    let one = site.create("of-any-kind").await;
    site.running(&one).await;
    let evaluations = site.api.get(&format!("/v1/job/{one}/evaluations")).await;
    for (list, own) in [
        ("/v1/allocations", site.allocation(&one, "Src").await),
        ("/v1/evaluations", ids(&evaluations.ok())[0].clone()),
        (
            "/v1/nodes",
            ids(&site.api.get("/v1/nodes").await.ok())[0].clone(),
        ),
    ] {
        // Odd lengths and hyphens are refused by Nomad and text here.
        for length in [1, 3, 4, 9, 10, 36] {
            let prefix = &own[..length];
            let found = ids(&site.api.get(&format!("{list}?prefix={prefix}")).await.ok());
            assert!(found.contains(&own), "{list} {prefix}: {found:?}");
            assert!(
                found.iter().all(|id| id.starts_with(prefix)),
                "{list} {prefix}: {found:?}"
            );
        }
        for none in ["zzz", "-", "x%20y"] {
            assert_eq!(
                site.api.get(&format!("{list}?prefix={none}")).await.ok(),
                json!([]),
                "{list} {none}"
            );
        }
    }
});
