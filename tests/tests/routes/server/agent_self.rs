//! `GET /v1/self`

use serde_json::Value;
use tests::stage::{RUNNING, Stage, like, of_2x};
use tests::{Shape, ids, on_both, on_every_cluster};

on_every_cluster!(the_agent_names_a_node_of_the_cluster, async |site| {
    let itself = site.api.get("/v1/self").await.ok();
    let nodes = ids(&site.api.get("/v1/nodes").await.ok());
    assert!(
        nodes
            .iter()
            .any(|id| itself["stats"]["client"]["node_id"] == **id),
        "{itself}"
    );
});

on_both!(the_agent_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    // Its keys are those of the agent's own configuration; these are for clients.
    let answer = stage.get("/v1/self").await;
    like(&answer, &of_2x("045-self"));
    let (ours, theirs) = (answer.json(), of_2x("045-self"));
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&ours), keys(theirs.json()));
    assert_eq!(keys(&ours["stats"]), keys(&theirs.json()["stats"]));
    for (name, group) in ours["stats"].as_object().unwrap() {
        for (key, value) in group.as_object().unwrap() {
            assert!(value.is_string(), "stats.{name}.{key}: {value}");
        }
    }
    assert_eq!(
        ours["stats"]["client"]["node_id"],
        stage.recorded("013-node-get").json()["ID"]
    );
    let member = Shape::of([&theirs.json()["member"]]);
    assert_eq!(member.faults(&ours["member"]), Vec::<String>::new());
});
