//! `GET /v1/node/{id}`

use serde_json::json;
use tests::stage::{RUNNING, Stage, index, like, nomad_index, of_2x, shaped};
use tests::{NOBODY, Shape, on_both};

on_both!(a_node_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let nomad = stage.recorded("013-node-get");
    let id = nomad.json()["ID"].as_str().unwrap();
    let expected = of_2x("036-node-get");
    let mut shape = Shape::of([expected.json()]);
    // Where NATS listens is known to the plugin alone; no text is a text.
    shape.at(&["NatsAddr"]).learn(&json!(""), "NatsAddr");
    shape
        .at(&["NatsAdvertiseAddr"])
        .learn(&json!(""), "NatsAdvertiseAddr");
    let answer = stage.get(&format!("/v1/node/{id}")).await;
    let node = shaped(&answer, &expected, &shape);
    assert_eq!(json!(index(&answer)), node["ModifyIndex"]);
    // The command line prints every `driver.` of them as one of the node's.
    assert_eq!(node["Attributes"], expected.json()["Attributes"]);
    assert_eq!(node["StatusUpdatedAt"], nomad.json()["StatusUpdatedAt"]);
});

on_both!(
    an_unknown_node_is_404_with_the_index_headers_of_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let answer = stage.get(&format!("/v1/node/{NOBODY}")).await;
        like(&answer, &of_2x("039-node-unknown"));
        assert_eq!(
            index(&answer),
            nomad_index(&stage.recorded("015-node-unknown"))
        );
    }
);
