//! `POST`, `PUT /v1/agent/force-leave`

use tests::stage::{RUNNING, Stage, like, of_2x};
use tests::{on_both, on_every_cluster};

on_every_cluster!(a_node_has_to_be_named_and_need_not_be_there, async |site| {
    let answer = site.api.post("/v1/agent/force-leave").await;
    answer.fails(400, "missing node to force leave");
    assert_eq!(answer.header_names(), ["content-type", "vary"]);
    let answer = site.api.put("/v1/agent/force-leave?node=nobody").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-type"), None);
});

on_both!(a_leave_is_answered_as_by_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let answer = stage.api.post("/v1/agent/force-leave?node=nobody").await;
    like(&answer, &of_2x("054-force-leave-unknown"));
    let answer = stage.api.post("/v1/agent/force-leave").await;
    like(&answer, &of_2x("053-force-leave-missing"));
    assert_eq!(stage.nomad.unknown(), Vec::<String>::new());
});
