//! `GET /v1/managers` and `POST`, `PUT /v1/managers`

use tests::stage::{RUNNING, Stage, like, of_2x, shaped};
use tests::{Shape, on_both, on_every_cluster};

on_every_cluster!(the_leader_is_among_the_managers, async |site| {
    let leader = site.api.get("/v1/leader").await.ok();
    let list = site.api.get("/v1/managers").await.ok();
    assert!(list.as_array().unwrap().contains(&leader), "{list}");
});

on_both!(the_managers_read_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let expected = of_2x("044-managers");
    let answer = stage.get("/v1/managers").await;
    shaped(&answer, &expected, &Shape::of([expected.json()]));
});

on_every_cluster!(managers_without_an_address_are_400, async |site| {
    let answer = site.api.post("/v1/managers").await;
    answer.fails(400, "missing server address");
    assert_eq!(answer.header_names(), ["content-type", "vary"]);
});

on_both!(
    managers_without_an_address_are_refused_as_by_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let answer = stage.api.post("/v1/managers").await;
        like(&answer, &of_2x("049-managers-set-missing"));
        assert_eq!(stage.nomad.unknown(), Vec::<String>::new());
    }
);
