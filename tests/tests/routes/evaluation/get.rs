//! `GET /v1/evaluation/{id}`

use serde_json::json;
use tests::stage::{RUNNING, Stage, index, like, nomad_index, of_2x, shaped, teach_evaluation};
use tests::{NOBODY, Shape, on_both};

on_both!(an_evaluation_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let nomad = stage.recorded("048-evaluation-get");
    let id = nomad.json()["ID"].as_str().unwrap();
    let expected = of_2x("031-evaluation-get");
    let mut shape = Shape::of([expected.json()]);
    teach_evaluation(&mut shape);
    // Others of 2.x's have counts here [030].
    shape
        .at(&["QueuedAllocations"])
        .learn(&json!({"Src": 0}), "QueuedAllocations");
    let answer = stage.get(&format!("/v1/evaluation/{id}")).await;
    let evaluation = shaped(&answer, &expected, &shape);
    assert_eq!(json!(index(&answer)), evaluation["ModifyIndex"]);
    assert_eq!(evaluation["Type"], "synchronous");
    for key in [
        "CreateIndex",
        "ModifyIndex",
        "JobID",
        "TriggeredBy",
        "Status",
        "ID",
    ] {
        assert_eq!(evaluation[key], nomad.json()[key], "{key}");
    }
});

on_both!(
    an_unknown_evaluation_is_404_with_the_index_headers_of_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let answer = stage.get(&format!("/v1/evaluation/{NOBODY}")).await;
        like(&answer, &of_2x("033-evaluation-unknown"));
        assert_eq!(
            index(&answer),
            nomad_index(&stage.recorded("050-evaluation-unknown"))
        );
    }
);
