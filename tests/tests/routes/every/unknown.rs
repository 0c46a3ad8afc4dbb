//! IDs that can be nobody's.

use tests::{NOBODY, on_every_cluster};

on_every_cluster!(what_can_be_no_uuid_is_not_found, async |site| {
    for id in [
        "x",
        "8ce4b408",
        &NOBODY[1..],
        &NOBODY.replace('0', "g"),
        NOBODY,
        "%2e%2e",
    ] {
        for (target, text) in [
            (format!("/v1/node/{id}"), "node not found"),
            (format!("/v1/allocation/{id}"), "alloc not found"),
            (format!("/v1/evaluation/{id}"), "eval not found"),
            (
                format!("/v1/agent/allocation/{id}/stats"),
                "alloc not found",
            ),
        ] {
            site.api.get(&target).await.fails(404, text);
        }
        site.api
            .post(&format!("/v1/node/{id}/evaluate"))
            .await
            .fails(404, "node not found");
    }
});
