//! `POST`, `PUT /v1/join`

use tests::stage::{RUNNING, Stage, like, of_2x};
use tests::{on_both, on_every_cluster};

on_every_cluster!(a_join_without_an_address_is_400, async |site| {
    for (method, target, text) in [
        ("POST", "/v1/join", "missing address to join"),
        ("PUT", "/v1/join?address=", "missing address to join"),
    ] {
        let answer = site.api.send(method, target, &[], b"").await;
        answer.fails(400, text);
        assert_eq!(answer.header_names(), ["content-type", "vary"], "{target}");
    }
});

on_both!(a_join_is_answered_as_by_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let answer = stage.api.put("/v1/join?address=127.0.0.1").await;
    like(&answer, &of_2x("052-join"));
    assert_eq!(answer.body, of_2x("052-join").body());
    let answer = stage.api.post("/v1/join").await;
    like(&answer, &of_2x("051-join-missing"));
    assert_eq!(stage.nomad.unknown(), Vec::<String>::new());
});
