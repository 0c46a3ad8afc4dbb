//! `GET /v1/allocation/{id}`

use serde_json::json;
use tests::stage::{JOB, PAUSED, RUNNING, Stage, index, like, nomad_index, of_2x, shaped};
use tests::{NOBODY, Shape, on_both};

on_both!(an_allocation_reads_whole_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    for (name, side) in [
        ("033-allocation-get-dest", "Dest"),
        ("036-allocation-get-src", "Src"),
    ] {
        let nomad = stage.recorded(name);
        let id = nomad.json()["ID"].as_str().unwrap();
        let expected = of_2x("028-allocation-get");
        let mut shape = Shape::of([expected.json()]);
        // The recording is of Src; the keys of the other task's Config are open anyway.
        for list in ["037-node-allocations"] {
            for allocation in of_2x(list).json().as_array().unwrap() {
                shape.learn(allocation, "");
            }
        }
        // Its job had not failed, its scheduler had not scored; ours has states of
        // either, in the shapes that 2.x gives a map of counts and of scores.
        shape
            .at(&["Metrics", "Scores"])
            .learn(&json!({"n.binpack": 0.5}), "Scores");
        let answer = stage.get(&format!("/v1/allocation/{id}")).await;
        let whole = shaped(&answer, &expected, &shape);
        assert_eq!(json!(index(&answer)), whole["ModifyIndex"]);
        assert_eq!(whole["Task"], side);
        for key in [
            "AllocModifyIndex",
            "CreateIndex",
            "CreateTime",
            "ModifyIndex",
            "NodeID",
        ] {
            assert_eq!(whole[key], nomad.json()[key], "{key}");
        }
        assert_eq!(
            whole["Metrics"]["NodesEvaluated"],
            nomad.json()["Metrics"]["NodesEvaluated"]
        );
        assert_eq!(whole["Job"]["ID"], JOB);
    }
});

on_both!(an_allocation_of_a_paused_job_waits, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, PAUSED].concat()).await;
    // Nomad's own words for it were not recorded in this state, so it answers as it
    // did before the pause, and the job says that it waits.
    let source = stage.recorded("036-allocation-get-src");
    let id = source.json()["ID"].as_str().unwrap();
    let whole = stage.get(&format!("/v1/allocation/{id}")).await.ok();
    assert_eq!(whole["DesiredStatus"], "pause");
});

on_both!(
    an_unknown_allocation_is_404_with_the_index_headers_of_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let answer = stage.get(&format!("/v1/allocation/{NOBODY}")).await;
        like(&answer, &of_2x("029-allocation-unknown"));
        assert_eq!(
            index(&answer),
            nomad_index(&stage.recorded("043-allocation-unknown"))
        );
    }
);
