//! `Accept-Encoding: gzip`

use serde_json::json;
use tests::client::own_headers;
use tests::site::written;
use tests::stage::{RUNNING, Stage, of_2x};
use tests::{on_both, on_every_cluster};

on_every_cluster!(
    gzip_comes_from_1400_bytes_on_and_only_when_asked,
    async |site| {
        let id = site.create("zip").await;
        let ask = async |target: &str, header: &str| {
            site.api
                .send("GET", target, &[("Accept-Encoding", header)], b"")
                .await
        };
        let plain = site.api.get("/v1/self").await;
        assert!(plain.body.len() >= 1400, "{}", plain.body.len());
        assert_eq!(plain.header("content-encoding"), None);
        for header in ["gzip", "deflate, gzip;q=0.5", "GZIP"] {
            let answer = ask("/v1/self", header).await;
            assert_eq!(answer.header("content-encoding"), Some("gzip"), "{header}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(
                tests::Json::parse(&answer.unzipped()).value()["config"],
                plain.json()["config"]
            );
        }
        for header in ["identity", "gzip;q=0", "br"] {
            assert_eq!(
                ask("/v1/self", header).await.header("content-encoding"),
                None,
                "{header}"
            );
        }
        // Exactly from 1,400 bytes: the name makes the length.
        let mut job = site.job(&id);
        let empty = site.api.get(&format!("/v1/job/{id}")).await.body.len()
            - site.job(&id)["Name"].as_str().unwrap().len();
        for (length, zipped) in [(1399, false), (1400, true)] {
            job["Name"] = json!("n".repeat(length - empty));
            written(&site.api.post_json("/v1/jobs", &job).await);
            // Indexes and progress can have grown by a digit meanwhile.
            let mut plain = site.api.get(&format!("/v1/job/{id}")).await.body.len();
            for _ in 0..5 {
                if plain == length {
                    break;
                }
                let name = job["Name"].as_str().unwrap().len();
                job["Name"] = json!("n".repeat(name + length - plain));
                written(&site.api.post_json("/v1/jobs", &job).await);
                site.running(&id).await;
                plain = site.api.get(&format!("/v1/job/{id}")).await.body.len();
            }
            assert_eq!(plain, length);
            let answer = ask(&format!("/v1/job/{id}"), "gzip").await;
            assert_eq!(
                answer.header("content-encoding").is_some(),
                zipped,
                "{length}"
            );
        }
    }
);

on_both!(gzip_travels_with_the_headers_of_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let plain = stage.get("/v1/jobs").await;
    let expected = of_2x("010-jobs-list-gzip");
    let answer = stage
        .api
        .send("GET", "/v1/jobs", &[("Accept-Encoding", "gzip")], b"")
        .await;
    assert_eq!(answer.header_names(), own_headers(&expected.headers));
    assert_eq!(
        answer.header("content-encoding"),
        expected.header("content-encoding")
    );
    assert_eq!(
        answer.header("content-type"),
        expected.header("content-type")
    );
    assert_eq!(answer.unzipped(), plain.body);
    assert!(answer.body.len() < plain.body.len());
});
