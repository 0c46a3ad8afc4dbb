//! `GET /v1/node/{id}/allocations`

use serde_json::json;
use tests::stage::{RUNNING, Stage, of_2x, shaped, sorted_by_id};
use tests::{Shape, on_both};

on_both!(
    a_nodes_allocations_read_whole_as_from_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let nomad = stage.recorded("051-node-allocations");
        let node = nomad.json()[0]["NodeID"].as_str().unwrap().to_owned();
        let expected = of_2x("037-node-allocations");
        let mut shape = Shape::of([expected.json()]);
        shape
            .at(&["[]", "Metrics", "Scores"])
            .learn(&json!({"n.binpack": 0.5}), "Scores");
        let answer = stage.get(&format!("/v1/node/{node}/allocations")).await;
        let list = shaped(&answer, &expected, &shape);
        sorted_by_id(&list);
        assert_eq!(
            list.as_array().unwrap().len(),
            nomad.json().as_array().unwrap().len()
        );
    }
);
