//! `GET /v1/regions`

use serde_json::json;
use tests::stage::{RUNNING, Stage, of_2x, shaped};
use tests::{Shape, on_both, on_every_cluster};

on_every_cluster!(the_region_global_is_listed, async |site| {
    assert!(
        site.api
            .get("/v1/regions")
            .await
            .ok()
            .as_array()
            .unwrap()
            .contains(&json!("global"))
    );
});

on_both!(the_regions_read_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let expected = of_2x("042-regions");
    let answer = stage.get("/v1/regions").await;
    shaped(&answer, &expected, &Shape::of([expected.json()]));
    assert_eq!(answer.text(), r#"["global"]"#);
});
