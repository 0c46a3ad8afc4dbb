//! `DELETE /v1/job/{id}`

use serde_json::{Value, json};
use tests::site::written;
use tests::stage::{RUNNING, SECOND, Stage, index, of_2x, shaped};
use tests::{Shape, ids, on_both, on_every_cluster};

on_every_cluster!(a_job_is_created_runs_and_is_deleted, async |site| {
    let id = site.create("life").await;
    let job = site.running(&id).await;
    assert_eq!(job["Name"], format!("name of {id}"));
    let list = site.api.get("/v1/jobs").await.ok();
    assert!(ids(&list).contains(&id));
    assert!(ids(&list).is_sorted());

    let deleted = written(&site.api.delete(&format!("/v1/job/{id}")).await);
    assert!(deleted > job["ModifyIndex"].as_u64().unwrap());
    site.api
        .get(&format!("/v1/job/{id}"))
        .await
        .fails(404, "job not found");
    let list = site.api.get("/v1/jobs").await.ok();
    assert!(!ids(&list).contains(&id));
    // What is left of it in Nomad does not exist for a caller.
    let answer = site.api.get("/v1/allocations").await;
    assert!(!answer.text().contains(&id));
    let answer = site.api.get("/v1/evaluations").await;
    assert!(!answer.text().contains(&id));
    assert_eq!(site.allocations(&id).await, Vec::<Value>::new());
    // Deleting twice is as good as once [075], creating again is creating.
    written(&site.api.delete(&format!("/v1/job/{id}")).await);
    written(&site.api.put_json("/v1/jobs", &site.job(&id)).await);
    site.running(&id).await;
});

on_both!(a_delete_purges_and_answers_as_2x_does, async |generation| {
    let names = [RUNNING, &["094-job-get-stopped"]].concat();
    let stage = Stage::at(generation, &names).await;
    let expected = of_2x("076-job-delete");
    let answer = stage.api.delete(&format!("/v1/job/{SECOND}")).await;
    let reply = shaped(&answer, &expected, &Shape::of([expected.json()]));
    assert_eq!(
        reply["Index"],
        stage.recorded("095-deregister-purge").json()["Index"]
    );
    let writes = stage.nomad.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(
        writes[0].request,
        format!("DELETE /v1/job/{SECOND}?purge=true")
    );
});

on_both!(an_unknown_job_can_be_deleted, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, &["096-deregister-unknown"]].concat()).await;
    let expected = of_2x("075-job-delete-unknown");
    let answer = stage.api.delete("/v1/job/nope").await;
    let reply = shaped(&answer, &expected, &Shape::of([expected.json()]));
    assert_eq!(reply["Success"], true);
    assert_eq!(json!(index(&answer)), reply["Index"]);
});
