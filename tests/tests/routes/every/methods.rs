//! Methods that a route has not.

use tests::on_every_cluster;

on_every_cluster!(other_methods_are_405, async |site| {
    for (path, methods) in [
        ("/v1/jobs", &["GET", "POST", "PUT"][..]),
        ("/v1/job/x", &["GET", "POST", "PUT", "DELETE"]),
        ("/v1/job/x/pause", &["POST", "PUT"]),
        ("/v1/job/x/resume", &["POST", "PUT"]),
        ("/v1/job/x/allocations", &["GET"]),
        ("/v1/job/x/evaluations", &["GET"]),
        ("/v1/nodes", &["GET"]),
        ("/v1/node/x", &["GET"]),
        ("/v1/node/x/allocations", &["GET"]),
        ("/v1/node/x/evaluate", &["POST", "PUT"]),
        ("/v1/leader", &["GET"]),
        ("/v1/peers", &["GET"]),
        ("/v1/regions", &["GET"]),
        ("/v1/members", &["GET"]),
        ("/v1/managers", &["GET", "POST", "PUT"]),
        ("/v1/self", &["GET"]),
        ("/v1/join", &["POST", "PUT"]),
        ("/v1/agent/force-leave", &["POST", "PUT"]),
        ("/v1/agent/allocation/x/stats", &["GET"]),
        ("/v1/allocations", &["GET"]),
        ("/v1/allocation/x", &["GET"]),
        ("/v1/evaluations", &["GET"]),
        ("/v1/evaluation/x", &["GET"]),
        ("/v1/evaluation/x/allocations", &["GET"]),
        ("/v1/validate/job", &["POST", "PUT"]),
        ("/v1/operator/raft/configuration", &["GET"]),
        ("/v1/operator/raft/peer", &["DELETE"]),
        ("/job/x/allocations", &["GET"]),
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            if methods.contains(&method) {
                continue;
            }
            let answer = site.api.send(method, path, &[], b"").await;
            answer.fails(405, "Invalid method");
            assert_eq!(
                answer.header_names(),
                ["content-type", "vary"],
                "{method} {path}"
            );
        }
    }
});
