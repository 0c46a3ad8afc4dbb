//! Paths that are no route's.

use tests::on_every_cluster;

on_every_cluster!(other_paths_are_404, async |site| {
    for path in [
        "/v1",
        "/v1/",
        "/v1/nosuch",
        "/v2/jobs",
        "/v1/jobs/x",
        "/v1/job",
        "/v1/job/",
        "/v1/job/x/nope",
        "/v1/operator/x",
        "/v1/agent/self",
        "/v1/client/stats",
        "/v1/job/x/y/z",
        "//v1/jobs",
    ] {
        for method in ["GET", "POST"] {
            let answer = site.api.send(method, path, &[], b"").await;
            answer.fails(404, "404 page not found\n");
            assert_eq!(
                answer.header("x-content-type-options"),
                Some("nosniff"),
                "{path}"
            );
        }
    }
});
