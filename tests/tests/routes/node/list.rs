//! `GET /v1/nodes`

use tests::stage::{RUNNING, Stage, index, nomad_index, of_2x, shaped};
use tests::{Shape, ids, on_both};

on_both!(the_list_of_nodes_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let nomad = stage.recorded("013-node-get");
    let id = nomad.json()["ID"].as_str().unwrap();
    let expected = of_2x("034-nodes");
    let answer = stage.get("/v1/nodes").await;
    let list = shaped(&answer, &expected, &Shape::of([expected.json()]));
    assert_eq!(ids(&list), [id]);
    assert_eq!(index(&answer), nomad_index(&stage.recorded("006-nodes")));
    assert_eq!(list[0]["HTTPAddr"], nomad.json()["HTTPAddr"]);
    assert_eq!(list[0]["Status"], "ready");
});
