//! Refusals, and what is said when Nomad itself refuses.

use nomad_sim::{Acl, NomadSim, Options};
use serde_json::json;
use tests::stage::{RUNNING, Stage, like, of_2x};
use tests::{Replay, gateway, on_both, recording};

on_both!(
    wrong_parameters_methods_and_paths_are_answered_as_by_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        for name in [
            "102-err-method-jobs",
            "103-err-method-leader",
            "104-err-method-allocations",
            "105-err-wait",
            "106-err-index",
            "107-err-region",
            "108-err-unknown-path",
            // Not 109-err-root: that 2.x was built without its console, which is at `/`.
            "112-validate-get",
            "024-alloc-bad-suffix",
            "025-alloc-no-suffix",
            "114-orders",
            "115-orders-pending",
            "094-err-no-name",
        ] {
            let expected = of_2x(name);
            let answer = stage
                .api
                .send(
                    &expected.method,
                    &expected.target,
                    &[],
                    &expected.request_body,
                )
                .await;
            like(&answer, &expected);
            assert_eq!(answer.body, expected.body(), "{name}");
        }
        assert_eq!(stage.nomad.unknown(), Vec::<String>::new());
    }
);

/// Without a leader everything says so in 2.x's words but what needs none, and
/// stale reads go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_without_a_leader_says_so() {
    let all = tests::recording::all("nomad-1.1.2-no-leader");
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    let nomad = Replay::of("nomad-1.1.2-no-leader", &names).await;
    let (_server, api) = gateway(&nomad.url(), &[("DTLE_DEADLINE", "3s")]).await;
    for target in ["/v1/jobs", "/v1/nodes", "/v1/leader", "/v1/peers"] {
        let answer = api.get(target).await;
        answer.fails(500, "No cluster leader");
        assert!(answer.header("retry-after").is_some(), "{target}");
        assert_eq!(answer.header("x-udup-index"), None, "{target}");
    }
    for target in ["/v1/members", "/v1/self", "/v1/regions"] {
        let _ = api.get(target).await.ok();
    }
    let answer = api.get("/v1/jobs?stale").await;
    assert_eq!(answer.ok(), json!([]));
    let stale = recording("nomad-1.1.2-no-leader", "002-jobs-stale");
    assert_eq!(
        answer.header("x-udup-lastcontact"),
        stale.header("x-nomad-lastcontact")
    );
    assert_eq!(answer.header("x-udup-knownleader"), Some("false"));
}

/// Nomad's 403 is about the gateway's own token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_nomad_refuses_is_the_gateways_own() {
    let token = &[("NOMAD_TOKEN", "11111111-1111-1111-1111-111111111111")];
    for (moment, settings, words) in [
        (
            &[
                "001-anonymous-jobs",
                "002-anonymous-nodes",
                "003-anonymous-job-x",
            ][..],
            &[][..],
            "Permission denied",
        ),
        (&["011-bad-token-jobs"][..], token, "ACL token not found"),
    ] {
        let nomad = Replay::of("nomad-1.1.2-acl", moment).await;
        let (_server, api) = gateway(&nomad.url(), settings).await;
        let answer = api.get("/v1/jobs").await;
        assert_eq!(answer.status, 403);
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert!(answer.text().contains(words), "{}", answer.text());
        assert!(answer.text().contains("the gateway"), "{}", answer.text());
    }
}

/// What is the matter with it. Releases from 1.5 on have the same words for a token that
/// they do not know as for one that is too weak, until they are asked about the token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_what_is_the_matter_with_the_gateways_token() {
    let Acl { weak, expired, .. } = Acl::default();
    let unknown = "11111111-1111-1111-1111-111111111111";
    // A workload's identity: no token of the table, so it stays open what it lacks.
    let identity = "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl";
    for build in ["1.1.2", "1.10.5", "2.0.5"] {
        let nomad = NomadSim::start(Options {
            build: build.to_owned(),
            acl: Some(Acl::default()),
            ..Options::default()
        })
        .await
        .expect("a server");
        for (token, words) in [
            (
                None,
                "it has no token for Nomad, and this request needs one;",
            ),
            (
                Some(unknown),
                "Nomad does not know it (deleted, or another cluster's);",
            ),
            (
                Some(&*weak),
                "it lacks a capability that this request needs;",
            ),
            (Some(&*expired), "it has expired;"),
            (
                Some(identity),
                "it lacks a capability that this request needs, or Nomad",
            ),
        ] {
            // 1.1.2 has neither.
            let newer = [Some(&*expired), Some(identity)];
            if build == "1.1.2" && newer.contains(&token) {
                continue;
            }
            let settings: Vec<_> = token
                .map(|token| ("NOMAD_TOKEN", token))
                .into_iter()
                .collect();
            let (_server, api) = gateway(&nomad.url(), &settings).await;
            for answer in [api.get("/v1/jobs").await, api.delete("/v1/job/x").await] {
                assert_eq!(answer.status, 403);
                let text = answer.text();
                assert!(text.starts_with("Nomad refused the gateway"), "{text}");
                assert!(text.contains(words), "{build} {token:?}: {text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_the_gateways_that_has_expired_is_called_that() {
    for system in ["nomad-1.10.5-acl", "nomad-2.0.5-acl"] {
        let nomad = Replay::of(system, &["019-expired-token-agent-self"]).await;
        let token = &[("NOMAD_TOKEN", "33333333-3333-3333-3333-333333333333")];
        let (_server, api) = gateway(&nomad.url(), token).await;
        let answer = api.get("/v1/self").await;
        assert_eq!(answer.status, 403);
        let text = answer.text();
        assert!(text.contains("it has expired"), "{text}");
        assert!(!text.contains("capability"), "{text}");
    }
}
