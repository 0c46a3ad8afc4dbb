//! `GET /v1/leader`

use tests::stage::{RUNNING, Stage, of_2x, shaped};
use tests::{Shape, on_both, on_every_cluster};

on_every_cluster!(the_leader_is_an_address, async |site| {
    let leader = site.api.get("/v1/leader").await.ok();
    assert!(
        leader
            .as_str()
            .unwrap()
            .parse::<std::net::SocketAddr>()
            .is_ok(),
        "{leader}"
    );
});

on_both!(the_leader_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let expected = of_2x("040-leader");
    let answer = stage.get("/v1/leader").await;
    shaped(&answer, &expected, &Shape::of([expected.json()]));
    assert_eq!(answer.json(), *stage.recorded("003-status-leader").json());
});
