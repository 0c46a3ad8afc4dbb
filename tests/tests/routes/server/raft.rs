//! `GET /v1/operator/raft/configuration` and `DELETE /v1/operator/raft/peer`

use nomad_sim::{NomadSim, Options};
use serde_json::Value;
use tests::stage::{RUNNING, Stage, like, of_2x};
use tests::{gateway, on_both, on_every_cluster};

on_every_cluster!(the_leader_is_in_the_configuration, async |site| {
    let leader = site.api.get("/v1/leader").await.ok();
    let raft = site.api.get("/v1/operator/raft/configuration").await.ok();
    assert!(
        raft["Servers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["Leader"] == true && one["Address"] == leader)
    );
});

on_both!(raft_configuration_names_its_servers, async |generation| {
    // 2.19's own crashes; the shape is read in its code.
    let stage = Stage::at(generation, RUNNING).await;
    let answer = stage.get("/v1/operator/raft/configuration").await;
    let value = answer.ok();
    assert_eq!(answer.header_names(), ["content-type", "vary"]);
    assert_eq!(answer.ordered().disorder(), Vec::<String>::new());
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&value), ["Index", "Servers"]);
    let nomad = stage.recorded("007-operator-raft-configuration");
    let server = &value["Servers"][0];
    assert_eq!(keys(server), ["Address", "ID", "Leader", "Node", "Voter"]);
    for key in keys(server) {
        assert_eq!(server[&key], nomad.json()["Servers"][0][&key], "{key}");
    }
});

on_every_cluster!(a_peer_has_to_be_named_in_one_way, async |site| {
    for (target, text) in [
        (
            "/v1/operator/raft/peer",
            "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove",
        ),
        (
            "/v1/operator/raft/peer?id=a&address=b",
            "Must specify only one of ?id or ?address",
        ),
    ] {
        let answer = site.api.delete(target).await;
        answer.fails(400, text);
        assert_eq!(answer.header_names(), ["content-type", "vary"], "{target}");
    }
});

on_both!(
    a_peer_that_is_not_named_is_refused_as_by_2x,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, &["108-raft-peer-missing"]].concat()).await;
        let answer = stage.api.delete("/v1/operator/raft/peer").await;
        like(&answer, &of_2x("048-operator-raft-peer-missing"));
        assert_eq!(stage.nomad.unknown(), Vec::<String>::new());
    }
);

/// Nomad takes an address up to 1.2, an address or an ID that is not one up to 1.10.0, and
/// only an ID from then on.
#[tokio::test]
async fn a_peer_is_removed_by_its_address_whatever_nomad_takes() {
    for build in ["1.1.2", "1.9.7", "1.10.5", "2.0.5"] {
        let sim = NomadSim::start(Options {
            build: build.to_owned(),
            ..Options::default()
        })
        .await
        .unwrap();
        let (_server, api) = gateway(&sim.url(), &[]).await;
        let raft = api.get("/v1/operator/raft/configuration").await.ok();
        let peer = raft["Servers"][0].clone();
        let target = |key: &str, value: &str| format!("/v1/operator/raft/peer?{key}={value}");
        for (key, value) in [("address", &peer["Address"]), ("id", &peer["ID"])] {
            let answer = api.delete(&target(key, value.as_str().unwrap())).await;
            assert_eq!((answer.status, answer.text()), (200, ""), "{build}: {key}");
        }
        for (key, value) in [("address", "10.0.0.9:4647"), ("id", "nobody")] {
            let text = format!("{key} \"{value}\" was not found in the Raft configuration");
            api.delete(&target(key, value)).await.fails(500, &text);
        }
    }
}
