//! `POST`, `PUT /v1/node/{id}/evaluate`

use serde_json::json;
use tests::stage::{RUNNING, Stage, index, nomad_index, of_2x, shaped};
use tests::{Shape, ids, on_both, on_every_cluster};

on_every_cluster!(
    an_evaluation_of_a_node_has_the_headers_of_2x,
    async |site| {
        // Where nothing runs there is nothing to evaluate: null.
        let id = site.create("evaluate").await;
        site.running(&id).await;
        let node = ids(&site.api.get("/v1/nodes").await.ok())[0].clone();
        let answer = site.api.post(&format!("/v1/node/{node}/evaluate")).await;
        assert_eq!(
            answer.header_names(),
            ["content-type", "vary", "x-udup-index"]
        );
        let evaluated = answer.ok();
        assert_eq!(
            answer.header("x-udup-index").unwrap(),
            evaluated["Index"].to_string()
        );
        assert!(evaluated["EvalIDs"].is_array());
    }
);

on_both!(evaluating_a_node_answers_as_2x_does, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let nomad = stage.recorded("013-node-get");
    let id = nomad.json()["ID"].as_str().unwrap();
    let expected = of_2x("038-node-evaluate");
    let answer = stage.api.post(&format!("/v1/node/{id}/evaluate")).await;
    let evaluated = shaped(&answer, &expected, &Shape::of([expected.json()]));
    let nomad = stage.recorded("052-node-evaluate");
    // The recorded lists are older than these evaluations, and what is in none of
    // the caller's is somebody else's: see the tests of namespaces.
    assert!(!nomad.json()["EvalIDs"].as_array().unwrap().is_empty());
    assert_eq!(evaluated["EvalIDs"], json!([]));
    assert_eq!(evaluated["Index"], nomad.json()["Index"]);
    assert_eq!(index(&answer), nomad_index(&nomad));
});
