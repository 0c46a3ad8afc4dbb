//! What belongs together names each other, whichever route shows it.

use serde_json::json;
use tests::shape::is_uuid;
use tests::{ids, on_every_cluster};

on_every_cluster!(what_belongs_together_names_each_other, async |site| {
    let id = site.create("links").await;
    site.running(&id).await;
    let allocations = site.allocations(&id).await;
    let nodes = site.api.get("/v1/nodes").await.ok();
    for stub in &allocations {
        let allocation = stub["ID"].as_str().unwrap();
        let whole = site
            .api
            .get(&format!("/v1/allocation/{allocation}"))
            .await
            .ok();
        assert_eq!(
            (&whole["ID"], &whole["JobID"], &whole["Job"]["ID"]),
            (&stub["ID"], &json!(id), &json!(id))
        );
        let evaluation = whole["EvalID"].as_str().unwrap();
        assert!(is_uuid(evaluation));
        let one = site
            .api
            .get(&format!("/v1/evaluation/{evaluation}"))
            .await
            .ok();
        assert_eq!((&one["ID"], &one["JobID"]), (&whole["EvalID"], &json!(id)));
        let placed = site
            .api
            .get(&format!("/v1/evaluation/{evaluation}/allocations"))
            .await
            .ok();
        assert!(ids(&placed).contains(&allocation.to_owned()));
        assert!(ids(&placed).is_sorted());
        let node = whole["NodeID"].as_str().unwrap();
        assert!(ids(&nodes).contains(&node.to_owned()));
        let on_node = site
            .api
            .get(&format!("/v1/node/{node}/allocations"))
            .await
            .ok();
        assert!(ids(&on_node).contains(&allocation.to_owned()));
        assert!(ids(&on_node).is_sorted());
    }
    let evaluations = site
        .api
        .get(&format!("/v1/job/{id}/evaluations"))
        .await
        .ok();
    let order: Vec<(String, String)> = evaluations
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["Status"].as_str().unwrap().to_owned(),
                one["ID"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert!(!order.is_empty() && order.is_sorted(), "{order:?}");
    // The two spellings of the vendor's page.
    let short = site.api.get(&format!("/job/{id}/allocations")).await.ok();
    assert_eq!(ids(&short).len(), 2);
    for target in [
        "/v1/allocations",
        "/v1/evaluations",
        "/v1/nodes",
        "/v1/jobs",
    ] {
        assert!(
            ids(&site.api.get(target).await.ok()).is_sorted(),
            "{target}"
        );
    }
});
