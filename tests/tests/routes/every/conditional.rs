//! Conditional requests: a caller who has the answer already gets no second one. 2.x
//! knew none of it.

use tests::{Answer, ids, on_every_cluster};

on_every_cluster!(
    an_answer_that_the_caller_has_is_not_sent_again,
    async |site| {
        let id = site.create("conditional").await;
        site.running(&id).await;
        let node = ids(&site.api.get("/v1/nodes").await.ok())[0].clone();
        let allocation = site.allocation(&id, "Src").await;
        let ask = async |target: &str, tag: &str| -> Answer {
            let headers = [("If-None-Match", tag)];
            site.api.send("GET", target, &headers, b"").await
        };
        for target in [
            "/v1/jobs".to_owned(),
            format!("/v1/job/{id}"),
            format!("/v1/job/{id}?pretty"),
            format!("/v1/job/{id}/allocations"),
            format!("/v1/job/{id}/evaluations"),
            format!("/v1/allocation/{allocation}"),
            format!("/v1/node/{node}"),
        ] {
            let first = site.api.get(&target).await;
            let tag = first.header("etag").unwrap_or_default().to_owned();
            assert!(tag.starts_with("W/\""), "{target}: {tag}");
            let again = ask(&target, &tag).await;
            if again.status == 200 {
                // Others change the cluster at the same time.
                assert_ne!(again.body, first.body, "{target}");
                continue;
            }
            assert_eq!(again.status, 304, "{target}");
            assert!(again.body.is_empty(), "{target}");
            assert_eq!(again.header("etag"), Some(&*tag), "{target}");
            assert!(again.header("x-udup-index").is_some(), "{target}");
            // Another answer is another answer.
            let other = ask(&target, "W/\"0000000000000000\"").await;
            assert_eq!(other.status, 200, "{target}");
        }
        let target = format!("/v1/job/{id}");
        let tag = site
            .api
            .get(&target)
            .await
            .header("etag")
            .unwrap()
            .to_owned();
        site.api.post(&format!("{target}/pause")).await.succeeds();
        let paused = ask(&target, &tag).await;
        assert_eq!(paused.status, 200);
        assert_eq!(paused.ok()["Status"], "pause");
        // Neither writes nor what has no index has a tag.
        for target in ["/v1/leader", "/v1/members", "/v1/job/nope"] {
            assert_eq!(site.api.get(target).await.header("etag"), None, "{target}");
        }
    }
);
