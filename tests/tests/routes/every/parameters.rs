//! `?index=`, `?wait=`, `?stale`, `?region=` as text.

use tests::{NOBODY, on_every_cluster};

on_every_cluster!(parameters_that_cannot_be_read_are_named, async |site| {
    for target in [
        "/v1/jobs",
        "/v1/job/x",
        "/v1/job/x/allocations",
        "/v1/job/x/evaluations",
        "/v1/allocations",
        "/v1/nodes",
        "/v1/evaluations",
        &format!("/v1/allocation/{NOBODY}"),
        &format!("/v1/node/{NOBODY}"),
        &format!("/v1/evaluation/{NOBODY}"),
        &format!("/v1/node/{NOBODY}/allocations"),
        &format!("/v1/evaluation/{NOBODY}/allocations"),
    ] {
        for (query, text) in [
            ("wait=xx", "Invalid wait time"),
            ("wait=5", "Invalid wait time"),
            ("index=-1", "Invalid index"),
            ("index=1x", "Invalid index"),
            ("index=x&wait=x", "Invalid wait time"),
            ("index=18446744073709551616", "Invalid index"),
        ] {
            let answer = site.api.get(&format!("{target}?{query}")).await;
            answer.fails(400, text);
            assert_eq!(
                answer.header_names(),
                ["content-type", "vary"],
                "{target}?{query}"
            );
        }
        let answer = site.api.get(&format!("{target}?region=mars")).await;
        answer.fails(500, "No path to region");
        assert_eq!(answer.header_names(), ["content-type", "vary"], "{target}");
    }
    let id = site.create("plain").await;
    for query in [
        "stale",
        "stale=",
        "stale=x",
        "stale=false",
        "region=global",
        "region=",
        "index=0",
        "index=",
        "wait=",
        "wait=0",
        "wait=1m30s",
        "nonsense=1",
        "&&",
        "=",
    ] {
        let answer = site.api.get(&format!("/v1/job/{id}?{query}")).await;
        assert_eq!(answer.ok()["ID"], id, "{query}");
    }
});
