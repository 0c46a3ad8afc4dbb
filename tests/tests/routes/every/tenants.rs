//! What is not dtle's does not exist, whichever route is asked.

use serde_json::{Value, json};
use tests::proxy::{Fault, Which};
use tests::site::written;
use tests::stage::{
    MIXED, RUNNING, Stage, index, like, nomad_index, of_2x, shape_of_allocations, shaped,
    sorted_by_id,
};
use tests::two_tenants::TwoTenants;
use tests::{ids, on_both, on_every_cluster};

on_every_cluster!(
    another_tenants_job_can_be_neither_seen_nor_touched,
    async |site| {
        let id = site.foreign().await;
        let before = site.nomad.get(&format!("/v1/job/{id}")).await.json();
        let allocations = site
            .nomad
            .get(&format!("/v1/job/{id}/allocations"))
            .await
            .json();
        let allocation = allocations[0]["ID"].as_str().unwrap().to_owned();
        let evaluation = allocations[0]["EvalID"].as_str().unwrap().to_owned();
        let node = allocations[0]["NodeID"].as_str().unwrap().to_owned();
        let events = allocations[0]["TaskStates"]["web"]["Events"]
            .as_array()
            .unwrap()
            .len();

        for target in [
            "/v1/jobs",
            "/v1/allocations",
            "/v1/evaluations",
            &format!("/v1/node/{node}/allocations"),
            &format!("/v1/jobs?prefix={id}"),
            &format!("/v1/allocations?prefix={allocation}"),
        ] {
            let answer = site.api.get(target).await;
            let _ = answer.ok();
            assert!(!answer.text().contains(&id), "{target}");
            assert!(!answer.text().contains(&allocation), "{target}");
        }
        site.api
            .get(&format!("/v1/job/{id}"))
            .await
            .fails(404, "job not found");
        assert_eq!(site.allocations(&id).await, Vec::<Value>::new());
        assert_eq!(
            site.api
                .get(&format!("/v1/job/{id}/evaluations"))
                .await
                .ok(),
            json!([])
        );
        site.api
            .get(&format!("/v1/allocation/{allocation}"))
            .await
            .fails(404, "alloc not found");
        site.api
            .get(&format!("/v1/evaluation/{evaluation}"))
            .await
            .fails(404, "eval not found");
        assert_eq!(
            site.api
                .get(&format!("/v1/evaluation/{evaluation}/allocations"))
                .await
                .ok(),
            json!([])
        );
        site.api
            .get(&format!("/v1/agent/allocation/{allocation}/stats"))
            .await
            .fails(404, "alloc not found");
        site.api
            .get(&format!("/v1/agent/allocation/{allocation}/stats?task=web"))
            .await
            .fails(404, "alloc not found");

        for verb in ["pause", "resume"] {
            site.api
                .post(&format!("/v1/job/{id}/{verb}"))
                .await
                .fails(404, "job not found");
        }
        site.api
            .post_json("/v1/jobs", &site.job(&id))
            .await
            .fails(404, "job not found");
        site.api
            .put_json(&format!("/v1/job/{id}"), &site.job(&id))
            .await
            .fails(404, "job not found");
        let mut native = before.clone();
        native["TaskGroups"][0]["Tasks"][0]["Driver"] = json!("dtle");
        native["TaskGroups"][0]["Tasks"][0]["Config"] = json!({});
        site.api
            .post_json("/v1/jobs", &json!({"Job": native}))
            .await
            .fails(404, "job not found");
        // Answered as for an unknown job.
        written(&site.api.delete(&format!("/v1/job/{id}")).await);

        let after = site.nomad.get(&format!("/v1/job/{id}")).await.json();
        // Its deployment may have gone on meanwhile; nobody has written it.
        for key in [
            "JobModifyIndex",
            "Version",
            "Stop",
            "Status",
            "Meta",
            "TaskGroups",
        ] {
            assert_eq!(after[key], before[key], "{key}");
        }
        let allocations = site
            .nomad
            .get(&format!("/v1/job/{id}/allocations"))
            .await
            .json();
        assert_eq!(allocations.as_array().unwrap().len(), 1);
        assert_eq!(
            (
                &allocations[0]["ClientStatus"],
                &allocations[0]["DesiredStatus"]
            ),
            (&json!("running"), &json!("run"))
        );
        // Nor was its task signalled.
        assert_eq!(
            allocations[0]["TaskStates"]["web"]["Events"]
                .as_array()
                .unwrap()
                .len(),
            events
        );
    }
);

on_both!(another_tenants_job_does_not_exist, async |generation| {
    // Its job was never read by itself; the list of the replay brings it.
    let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
    let foreign = stage.recorded("090-foreign-allocations");
    let allocation = foreign.json()[0]["ID"].as_str().unwrap().to_owned();
    let all = stage.recorded("092-allocations-mixed");
    assert!(ids(all.json()).contains(&allocation));

    stage
        .get("/v1/job/other-1")
        .await
        .fails(404, "job not found");
    let answer = stage.get("/v1/job/other-1/allocations").await;
    like(&answer, &of_2x("016-job-allocations-unknown-job"));
    assert_eq!(answer.text(), "[]");

    let answer = stage.get("/v1/allocations").await;
    let list = shaped(&answer, &of_2x("026-allocations"), &shape_of_allocations());
    sorted_by_id(&list);
    assert!(!ids(&list).contains(&allocation));
    assert!(!answer.text().contains("other-1"));
    // Everybody else's that are there.
    let expected: Vec<&str> = all
        .json()
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["JobID"] != "other-1")
        .map(|one| one["ID"].as_str().unwrap())
        .collect();
    assert_eq!(list.as_array().unwrap().len(), expected.len());
    assert_eq!(index(&answer), nomad_index(&all));

    // It cannot be stopped, changed or signalled from here.
    let delete = stage.api.delete("/v1/job/other-1").await;
    assert_eq!(delete.ok()["Success"], true);
    for verb in ["pause", "resume"] {
        stage
            .api
            .post(&format!("/v1/job/other-1/{verb}"))
            .await
            .fails(404, "job not found");
    }
    let body = of_2x("003-jobs-create-with-id").request_json();
    let mut taken = body.clone();
    taken["ID"] = json!("other-1");
    stage
        .api
        .post_json("/v1/jobs", &taken)
        .await
        .fails(404, "job not found");
    stage
        .api
        .put_json("/v1/job/other-1", &taken)
        .await
        .fails(404, "job not found");
    assert_eq!(stage.nomad.writes().len(), 0, "{:?}", stage.nomad.writes());
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_node_without_dtle_is_shown_or_evaluated() {
    let shared = TwoTenants::start().await;
    // The only node loses its plugin.
    shared
        .proxy
        .set(Fault::Replace("\"dtle\":{", "\"qemu\":{"), Which::All);
    let node = &shared.node;
    let list = shared.api.get("/v1/nodes").await.ok();
    assert_eq!(list, json!([]));
    shared
        .api
        .get(&format!("/v1/node/{node}"))
        .await
        .fails(404, "node not found");
    let evaluate = shared.api.put(&format!("/v1/node/{node}/evaluate")).await;
    evaluate.fails(404, "node not found");
    assert!(shared.proxy.log().iter().all(|one| one.method == "GET"));
}
