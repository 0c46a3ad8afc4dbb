//! `POST`, `PUT /v1/jobs`: compare and set by `EnforceIndex` and `JobModifyIndex`.

use serde_json::json;
use tests::client::own_headers;
use tests::site::written;
use tests::stage::{JOB, RUNNING, Stage, of_2x};
use tests::{on_both, on_every_cluster};

on_every_cluster!(compare_and_set_is_2xs_in_deed_and_word, async |site| {
    let id = site.id("cas");
    let mut job = site.job(&id);
    job["EnforceIndex"] = json!(true);
    job["JobModifyIndex"] = json!(7);
    site.api
        .post_json("/v1/jobs", &job)
        .await
        .fails(500, "Enforcing job modify index 7: job does not exist");
    job["JobModifyIndex"] = json!(0);
    written(&site.api.post_json("/v1/jobs", &job).await);
    site.api
        .post_json("/v1/jobs", &job)
        .await
        .fails(500, "Enforcing job modify index 0: job already exists");
    let held = site.get(&id).await["JobModifyIndex"].clone();
    job["JobModifyIndex"] = json!(1);
    let answer = site.api.put_json(&format!("/v1/job/{id}"), &job).await;
    answer.fails(
        500,
        &format!(
            "Enforcing job modify index 1: job exists with conflicting job modify index: {held}"
        ),
    );
    assert_eq!(answer.header("x-udup-index"), None);
    job["JobModifyIndex"] = held;
    job["Name"] = json!("the right index");
    written(&site.api.post_json("/v1/jobs", &job).await);
    assert_eq!(site.get(&id).await["Name"], "the right index");

    // The command line's wrapper brings its own.
    let held = site.get(&id).await["JobModifyIndex"].clone();
    let mut plain = site.job(&id);
    plain["Name"] = json!("wrapped");
    let body = json!({"Job": plain, "EnforceIndex": true, "JobModifyIndex": 1});
    site.api.post_json("/v1/jobs", &body).await.fails(
        500,
        &format!(
            "Enforcing job modify index 1: job exists with conflicting job modify index: {held}"
        ),
    );
    let body = json!({"Job": plain, "EnforceIndex": true, "JobModifyIndex": held});
    written(&site.api.post_json("/v1/jobs", &body).await);
    assert_eq!(site.get(&id).await["Name"], "wrapped");
});

on_both!(
    compare_and_set_fails_in_the_words_of_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let held = stage.recorded("024-job-get").json()["JobModifyIndex"].to_string();
        let expected = of_2x("072-job-update-enforce-index-stale");
        let answer = stage
            .api
            .post_json("/v1/jobs", &expected.request_json())
            .await;
        assert_eq!(answer.header_names(), own_headers(&expected.headers));
        answer.fails(expected.status, &expected.text.replace("298", &held));
        let expected = of_2x("074-job-create-enforce-index-exists");
        let mut body = expected.request_json();
        body["ID"] = json!(JOB);
        let answer = stage.api.post_json("/v1/jobs", &body).await;
        assert_eq!(answer.header_names(), own_headers(&expected.headers));
        answer.fails(expected.status, &expected.text);
        // (source): the third wording.
        body["ID"] = json!("nope");
        body["JobModifyIndex"] = json!(7);
        stage
            .api
            .post_json("/v1/jobs", &body)
            .await
            .fails(500, "Enforcing job modify index 7: job does not exist");
        assert_eq!(stage.nomad.writes().len(), 0);
    }
);
