//! Two regions whose servers are joined, and gateways that may name one or both.

use std::time::Duration;

use local::gateway::Server;
use nomad_sim::{NomadSim, Options, Plugin};
use serde_json::{Value, json};
use tests::cluster::{job, running};
use tests::{Client, gateway};

const NO_PATH: &str = "No path to region";

/// Two joined regions: `east` runs the older plugin, `west` the newer.
struct Site {
    east: NomadSim,
    west: NomadSim,
}

impl Site {
    async fn start() -> Self {
        Self::named("east", "west").await
    }

    async fn named(east: &str, west: &str) -> Self {
        let region = async |name: &str, plugin: Plugin, version: &str, digit: &str| {
            NomadSim::start(Options {
                region: name.to_owned(),
                plugin,
                version: Some(version.to_owned()),
                node_name: format!("nomad-{name}"),
                node_id: format!("{digit}571a970-320c-45ed-e00b-05028679abbd"),
                ..Options::default()
            })
            .await
            .unwrap()
        };
        let east = region(east, Plugin::V3, "3.20.10.0", "a").await;
        let west = region(west, Plugin::V4, "4.23.04.0", "b").await;
        east.federate(&west);
        Self { east, west }
    }

    /// A gateway to the east.
    async fn gateway(&self, settings: &[(&str, &str)]) -> (Server, Client) {
        gateway(&self.east.url(), settings).await
    }
}

/// What Nomad itself has under an ID, and whether in the older plugin's layout.
async fn layout_of(nomad: &NomadSim, id: &str) -> Option<&'static str> {
    let direct = Client::of_url(&nomad.url());
    let answer = direct.get(&format!("/v1/job/{id}")).await;
    (answer.status == 200).then(|| {
        let text = answer.shown();
        if text.contains("SrcConnectionConfig") {
            "merged"
        } else {
            "split"
        }
    })
}

fn in_region(id: &str, region: &str) -> Value {
    let mut job = job(id);
    job["Region"] = json!(region);
    job
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_region_is_as_good_as_none() {
    let site = Site::start().await;
    let direct = Client::of_url(&site.west.url());
    let (_to_west, west) = gateway(&site.west.url(), &[]).await;
    west.post_json("/v1/jobs", &job("far")).await.succeeds();
    running(&west, "far", Duration::from_secs(10)).await;
    let allocation = direct.get("/v1/allocations").await.json()[0]["ID"].clone();
    let allocation = allocation.as_str().unwrap();
    let node = direct.get("/v1/nodes").await.json()[0]["ID"].clone();
    let node = node.as_str().unwrap();

    for settings in [&[][..], &[("NOMAD_REGION", "east")][..]] {
        let (_server, api) = site.gateway(settings).await;
        let seen = site.west.requests().count_below("/v1/");
        for (method, target) in [
            ("GET", "/v1/jobs"),
            ("GET", "/v1/job/far"),
            ("GET", "/v1/job/far/allocations"),
            ("GET", "/v1/job/far/evaluations"),
            ("PUT", "/v1/job/far/pause"),
            ("PUT", "/v1/job/far/resume"),
            ("DELETE", "/v1/job/far"),
            ("GET", "/v1/allocations"),
            ("GET", "/v1/evaluations"),
            ("GET", "/v1/nodes"),
            ("GET", "/v1/leader"),
            ("GET", "/v1/peers"),
            ("GET", "/v1/operator/raft/configuration"),
            ("DELETE", "/v1/operator/raft/peer"),
            ("GET", &format!("/v1/allocation/{allocation}")),
            ("GET", &format!("/v1/agent/allocation/{allocation}/stats")),
            ("GET", &format!("/v1/node/{node}")),
            ("GET", &format!("/v1/node/{node}/allocations")),
            ("PUT", &format!("/v1/node/{node}/evaluate")),
        ] {
            let more = if target.ends_with("peer") {
                "&id=x"
            } else {
                ""
            };
            let ask = async |region: &str| {
                let target = format!("{target}?region={region}{more}");
                api.send(method, &target, &[], b"").await
            };
            let (other, unknown) = (ask("west").await, ask("mars").await);
            other.fails(500, NO_PATH);
            unknown.fails(500, NO_PATH);
            assert_eq!(other.header_names(), unknown.header_names(), "{target}");
        }
        for (target, body) in [
            ("/v1/jobs?region=west", job("new")),
            ("/v1/jobs", in_region("new", "west")),
            ("/v1/jobs", in_region("new", "mars")),
            ("/v1/job/far", in_region("far", "west")),
            ("/v1/validate/job", in_region("new", "west")),
            ("/v1/validate/job?region=west", job("new")),
        ] {
            let answer = api.post_json(target, &body).await;
            answer.fails(500, NO_PATH);
        }
        let after = site.west.requests().count_below("/v1/");
        assert_eq!(after, seen, "{:?}", site.west.requests().all());
        // Its servers are not shown, nor made to leave.
        assert_eq!(api.get("/v1/regions").await.ok(), json!(["east"]));
        let members = api.get("/v1/members").await.ok();
        let names: Vec<&Value> = members["Members"].as_array().unwrap().iter().collect();
        assert_eq!(names.len(), 1);
        assert_eq!(names[0]["Name"], "nomad-east.east");
        let leave = async |name: &str| {
            let before = site.east.requests().count_below("/v1/agent/force-leave");
            let target = format!("/v1/agent/force-leave?node={name}");
            assert_eq!(api.put(&target).await.status, 200);
            site.east.requests().count_below("/v1/agent/force-leave") - before
        };
        assert_eq!(leave("nomad-west.west").await, 0);
        assert_eq!(leave("nomad-east.east").await, 1);
        // Its own name leads to it, in a query and in a body.
        let own = in_region("own", "east");
        api.post_json("/v1/jobs?region=east", &own).await.succeeds();
        api.post_json("/v1/jobs", &own).await.succeeds();
        assert_eq!(api.get("/v1/job/own?region=east").await.ok()["ID"], "own");
        assert_eq!(layout_of(&site.east, "own").await, Some("split"));
    }
    assert_eq!(layout_of(&site.west, "far").await, Some("merged"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listed_region_is_reached_and_each_has_its_own_layout_and_jobs() {
    let site = Site::start().await;
    for settings in [
        &[("DTLE_REGIONS", "west")][..],
        &[("DTLE_REGIONS", "west,east"), ("NOMAD_REGION", "east")][..],
    ] {
        // The body's region is asked first, so that what is remembered of it would
        // be taken for the gateway's own, and the other way round.
        for (id, other) in [("a", "/v1/jobs"), ("b", "/v1/jobs?region=west")] {
            let (_server, api) = site.gateway(settings).await;
            let far = match other {
                "/v1/jobs" => in_region(id, "west"),
                _ => job(id),
            };
            api.post_json(other, &far).await.succeeds();
            api.post_json("/v1/jobs", &job(id)).await.succeeds();
            assert_eq!(layout_of(&site.west, id).await, Some("merged"));
            assert_eq!(layout_of(&site.east, id).await, Some("split"));
            api.post_json("/v1/jobs?region=east", &job(id))
                .await
                .succeeds();
            assert_eq!(layout_of(&site.west, id).await, Some("merged"));
            assert_eq!(layout_of(&site.east, id).await, Some("split"));
            for (query, region) in [
                ("", "east"),
                ("?region=east", "east"),
                ("?region=west", "west"),
            ] {
                let read = api.get(&format!("/v1/job/{id}{query}")).await.ok();
                assert_eq!(read["Region"], region, "{query}");
            }
            assert_eq!(api.get("/v1/regions").await.ok(), json!(["east", "west"]));
            let members = api.get("/v1/members").await.ok();
            assert_eq!(members["Members"].as_array().unwrap().len(), 2);
            api.delete(&format!("/v1/job/{id}?region=west"))
                .await
                .succeeds();
            assert_eq!(layout_of(&site.west, id).await, None);
            assert_eq!(layout_of(&site.east, id).await, Some("split"));
            api.delete(&format!("/v1/job/{id}")).await.succeeds();
        }
        // A third is none of them.
        let (_server, api) = site.gateway(settings).await;
        let answer = api.get("/v1/jobs?region=mars").await;
        answer.fails(500, NO_PATH);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validation_goes_where_a_create_would() {
    let site = Site::start().await;
    let (_server, api) = site.gateway(&[("DTLE_REGIONS", "west")]).await;
    let validated = || {
        let count = |nomad: &NomadSim| nomad.requests().count("PUT", "/v1/validate/job");
        (count(&site.east), count(&site.west))
    };
    let (_, west) = validated();
    let validate = async |target: &str, job: &Value| {
        let report = api.post_json(target, job).await.ok();
        assert_eq!(report["Error"], "", "{report}");
    };
    validate("/v1/validate/job", &in_region("v", "west")).await;
    assert_eq!(validated().1, west + 1);
    validate("/v1/validate/job?region=west", &job("v")).await;
    assert_eq!(validated().1, west + 2);
    validate("/v1/validate/job", &job("v")).await;
    validate("/v1/validate/job", &in_region("v", "global")).await;
    assert_eq!(validated().1, west + 2);
}

/// Scripts written for 2.x send the Region that 2.x's servers had by default,
/// whatever the cluster's is called; Nomad reads it in a job as its agent's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn global_in_a_job_is_the_gateways_own_region() {
    let site = Site::start().await;
    for settings in [&[][..], &[("NOMAD_REGION", "east")][..]] {
        let (_server, api) = site.gateway(settings).await;
        let job = in_region("script", "global");
        api.post_json("/v1/jobs", &job).await.succeeds();
        let first = api.get("/v1/job/script").await.ok();
        assert_eq!(first["Region"], "east");
        // Sent again it changes nothing: no task is restarted.
        api.post_json("/v1/jobs", &job).await.succeeds();
        let again = api.get("/v1/job/script").await.ok();
        assert_eq!(again["JobModifyIndex"], first["JobModifyIndex"]);
        assert_eq!(layout_of(&site.west, "script").await, None);
        // In the query it is a region like any other.
        let read = api.get("/v1/job/script?region=global").await;
        read.fails(500, NO_PATH);
        api.delete("/v1/job/script").await.succeeds();
    }
    // Where a listed region is called so, it is that one.
    let site = Site::named("east", "global").await;
    let (_server, api) = site.gateway(&[("DTLE_REGIONS", "global")]).await;
    let job = in_region("named", "global");
    api.post_json("/v1/jobs", &job).await.succeeds();
    assert_eq!(layout_of(&site.west, "named").await, Some("merged"));
    assert_eq!(layout_of(&site.east, "named").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_own_regions_name_is_asked_once_and_only_by_who_names_it() {
    let site = Site::start().await;
    let (_server, api) = site.gateway(&[]).await;
    let asked = || {
        let count = |path| site.east.requests().count("GET", path);
        (count("/v1/regions"), count("/v1/agent/members"))
    };
    api.post_json("/v1/jobs", &job("quiet")).await.succeeds();
    let global = in_region("quiet", "global");
    api.post_json("/v1/jobs", &global).await.succeeds();
    api.get("/v1/jobs").await.succeeds();
    // The members once, for the servers' release, which every gateway asks that writes.
    assert_eq!(asked(), (0, 1));
    for _ in 0..3 {
        api.get("/v1/jobs?region=east").await.succeeds();
        api.get("/v1/jobs?region=west").await.fails(500, NO_PATH);
    }
    assert_eq!(asked(), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consul_is_the_own_regions() {
    let site = Site::start().await;
    let consul = site.east.consul_url();
    let settings = [
        ("DTLE_REGIONS", "west"),
        ("CONSUL_HTTP_ADDR", consul.as_str()),
    ];
    let (_server, api) = site.gateway(&settings).await;
    for query in ["", "?region=west"] {
        let target = format!("/v1/jobs{query}");
        api.post_json(&target, &job("twin")).await.succeeds();
    }
    running(&api, "twin", Duration::from_secs(10)).await;
    let stored = async || {
        let consul = Client::of_url(&consul);
        consul.get("/v1/kv/dtle/twin/?recurse").await.status
    };
    assert_eq!(stored().await, 200);
    let far = api.get("/v1/job/twin?region=west").await.ok();
    assert_eq!(far["Tasks"][0]["Config"]["Gtid"], "", "of the other's");
    let listed = api.get("/v1/jobs?region=west").await.shown();
    assert!(!listed.contains("NatsAddr"), "{listed}");
    let text = "needs the Consul of the job's region; the gateway knows that of its own region";
    let forget = api.delete("/v1/job/twin?region=west&forget=true").await;
    forget.fails(400, &format!("forget=true {text}"));
    let twin = job("twin");
    let fresh = api.post_json("/v1/jobs?region=west&fresh=true", &twin);
    fresh.await.fails(400, &format!("fresh=true {text}"));
    assert_eq!(stored().await, 200);
    assert_eq!(layout_of(&site.west, "twin").await, Some("merged"));
}
