//! `?pretty`

use tests::stage::{RUNNING, Stage, like, of_2x};
use tests::{on_both, on_every_cluster};

on_every_cluster!(
    pretty_indents_by_four_spaces_and_ends_the_line,
    async |site| {
        let id = site.create("pretty").await;
        for target in [
            format!("/v1/job/{id}"),
            "/v1/nodes".to_owned(),
            "/v1/leader".to_owned(),
            "/v1/self".to_owned(),
            "/v1/members".to_owned(),
            "/v1/regions".to_owned(),
        ] {
            for query in [
                "pretty",
                "pretty=",
                "pretty=1",
                "pretty=false",
                "stale&pretty",
            ] {
                let answer = site.api.get(&format!("{target}?{query}")).await;
                assert_eq!(answer.text(), answer.ordered().pretty(), "{target}?{query}");
            }
            for query in ["pretty=0", "prefix=pretty", ""] {
                let answer = site.api.get(&format!("{target}?{query}")).await;
                assert_eq!(
                    answer.text(),
                    answer.ordered().compact(),
                    "{target}?{query}"
                );
            }
        }
        // Writes too.
        let answer = site.api.post(&format!("/v1/job/{id}/resume?pretty")).await;
        assert_eq!(answer.text(), answer.ordered().pretty());
    }
);

on_both!(pretty_is_indented_as_by_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    // Both leaders are fourteen characters long: the same bytes but for the digits.
    let expected = of_2x("046-leader-pretty");
    let answer = stage.get("/v1/leader?pretty").await;
    like(&answer, &expected);
    assert_eq!(
        answer.body.len().to_string(),
        expected.header("content-length").unwrap()
    );
    assert!(answer.text().ends_with("\"\n"));

    let expected = of_2x("047-members-pretty");
    for target in [
        "/v1/members?pretty=1",
        "/v1/members?pretty",
        "/v1/members?pretty=",
        "/v1/members?pretty=false",
    ] {
        let answer = stage.get(target).await;
        like(&answer, &expected);
        assert_eq!(answer.text(), answer.ordered().pretty(), "{target}");
    }
    for target in [
        "/v1/jobs",
        "/v1/nodes",
        "/v1/evaluations",
        "/v1/allocations",
    ] {
        let answer = stage.get(&format!("{target}?pretty")).await;
        assert_eq!(answer.text(), answer.ordered().pretty(), "{target}");
        assert!(answer.text().contains("\n        \"ID\": "), "{target}");
    }
    let answer = stage.get("/v1/leader?pretty=0").await;
    assert_eq!(
        answer.body.len().to_string(),
        of_2x("040-leader").header("content-length").unwrap()
    );
});
