//! The headers of every route that reads.

use std::collections::BTreeMap;

use tests::{NOBODY, ids, on_every_cluster};

on_every_cluster!(each_route_has_the_headers_of_2x, async |site| {
    let id = site.create("headers").await;
    site.running(&id).await;
    let all = [
        "content-type",
        "vary",
        "x-udup-index",
        "x-udup-knownleader",
        "x-udup-lastcontact",
    ];
    let none = &all[..2];
    let allocation = site.allocation(&id, "Src").await;
    let node = ids(&site.api.get("/v1/nodes").await.ok())[0].clone();
    let evaluation = ids(&site
        .api
        .get(&format!("/v1/job/{id}/evaluations"))
        .await
        .ok())[0]
        .clone();
    let mut single = BTreeMap::new();
    for (target, expected) in [
        ("/v1/jobs".to_owned(), &all[..]),
        (format!("/v1/job/{id}"), &all),
        ("/v1/job/nope".to_owned(), &all),
        (format!("/v1/job/{id}/allocations"), &all),
        ("/v1/job/nope/allocations".to_owned(), &all),
        (format!("/v1/job/{id}/evaluations"), &all),
        ("/v1/job/nope/evaluations".to_owned(), &all),
        ("/v1/allocations".to_owned(), &all),
        (format!("/v1/allocation/{allocation}"), &all),
        (format!("/v1/allocation/{NOBODY}"), &all),
        ("/v1/nodes".to_owned(), &all),
        (format!("/v1/node/{node}"), &all),
        (format!("/v1/node/{NOBODY}"), &all),
        (format!("/v1/node/{node}/allocations"), &all),
        ("/v1/evaluations".to_owned(), &all),
        (format!("/v1/evaluation/{evaluation}"), &all),
        (format!("/v1/evaluation/{NOBODY}"), &all),
        (format!("/v1/evaluation/{evaluation}/allocations"), &all),
        ("/v1/orders".to_owned(), &all),
        ("/v1/leader".to_owned(), none),
        ("/v1/peers".to_owned(), none),
        ("/v1/regions".to_owned(), none),
        ("/v1/members".to_owned(), none),
        ("/v1/managers".to_owned(), none),
        ("/v1/self".to_owned(), none),
        (format!("/v1/agent/allocation/{allocation}/stats"), none),
        ("/v1/operator/raft/configuration".to_owned(), none),
    ] {
        let answer = site.api.get(&target).await;
        assert_eq!(answer.header_names(), expected, "{target}");
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{target}");
        if expected.len() > 2 {
            assert_eq!(
                answer.header("x-udup-knownleader"),
                Some("true"),
                "{target}"
            );
            assert!(
                answer
                    .header("x-udup-lastcontact")
                    .unwrap()
                    .parse::<u64>()
                    .is_ok(),
                "{target}"
            );
        }
        if answer.status == 200 {
            let value = answer.ok();
            assert_eq!(
                answer.ordered().disorder(),
                Vec::<String>::new(),
                "{target}"
            );
            if let (true, Some(index)) = (expected.len() > 2, value["ModifyIndex"].as_u64()) {
                single.insert(
                    target,
                    (
                        index.to_string(),
                        answer.header("x-udup-index").unwrap().to_owned(),
                    ),
                );
            }
        }
    }
    // On a single object the index is its own.
    assert_eq!(single.len(), 4);
    for (target, (own, header)) in single {
        assert_eq!(own, header, "{target}");
    }
});
