//! `GET /v1/members`

use serde_json::Value;
use tests::stage::{RUNNING, Stage, of_2x, shaped};
use tests::{Shape, on_both, on_every_cluster};

on_every_cluster!(the_members_are_servers, async |site| {
    let members = site.api.get("/v1/members").await.ok();
    assert_eq!(members["Members"][0]["Tags"]["role"], "server");
});

on_both!(the_members_read_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let expected = of_2x("043-members");
    let answer = stage.get("/v1/members").await;
    let members = shaped(&answer, &expected, &Shape::of([expected.json()]));
    // What the command line reads.
    for tag in ["region", "role"] {
        let tags = |members: &Value| members["Members"][0]["Tags"][tag].clone();
        assert_eq!(tags(&members), tags(expected.json()), "{tag}");
    }
    assert_eq!(
        members["Members"][0]["Tags"]["port"],
        stage.recorded("002-agent-members").json()["Members"][0]["Tags"]["port"]
    );
    assert_eq!(members["ServerRegion"], "global");
});
