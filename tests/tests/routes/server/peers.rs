//! `GET /v1/peers`

use tests::stage::{RUNNING, Stage, of_2x, shaped};
use tests::{Shape, on_both, on_every_cluster};

on_every_cluster!(the_leader_is_among_the_peers, async |site| {
    let leader = site.api.get("/v1/leader").await.ok();
    let list = site.api.get("/v1/peers").await.ok();
    assert!(list.as_array().unwrap().contains(&leader), "{list}");
});

on_both!(the_peers_read_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let expected = of_2x("041-peers");
    let answer = stage.get("/v1/peers").await;
    shaped(&answer, &expected, &Shape::of([expected.json()]));
    assert_eq!(answer.json(), *stage.recorded("004-status-peers").json());
});
