//! Namespaces, on a Nomad that takes a register's from the body (1.1.2), and on
//! one that takes it from the query first (from 1.2.16).

use std::time::Duration;

use local::gateway::Server;
use nomad_sim::{NomadSim, Options};
use serde_json::{Value, json};
use tests::cluster::{job, running};
use tests::{Client, Proxy, gateway};

const TENANT: &str = "tenant";

/// A Nomad with the namespace `tenant`, and gateways to it and to `default`.
struct Site {
    nomad: NomadSim,
    proxy: Proxy,
    direct: Client,
    /// The gateway of `tenant`.
    api: Client,
    /// The gateway of `default`.
    other: Client,
    _servers: [Server; 2],
}

impl Site {
    async fn start(query_names_namespace: bool) -> Self {
        let nomad = NomadSim::start(Options {
            version: Some("4.23.04.0".to_owned()),
            build: if query_names_namespace {
                "1.2.16"
            } else {
                "1.1.2"
            }
            .to_owned(),
            ..Options::default()
        })
        .await
        .unwrap();
        let direct = Client::of_url(&nomad.url());
        let named = json!({"Name": TENANT, "Description": ""});
        let made = direct
            .put_json(&format!("/v1/namespace/{TENANT}"), &named)
            .await;
        assert_eq!(made.status, 200, "{}", made.shown());
        let proxy = Proxy::start(nomad.address()).await;
        let consul = nomad.consul_url();
        let consul = ("CONSUL_HTTP_ADDR", consul.as_str());
        let settings = [("NOMAD_NAMESPACE", TENANT), consul];
        let (first, api) = gateway(&proxy.url(), &settings).await;
        let (second, other) = gateway(&nomad.url(), &[consul]).await;
        Self {
            nomad,
            proxy,
            direct,
            api,
            other,
            _servers: [first, second],
        }
    }

    async fn create(&self, api: &Client, id: &str) {
        api.post_json("/v1/jobs", &job(id)).await.succeeds();
        running(api, id, Duration::from_secs(10)).await;
    }

    /// What Nomad has under an ID in a namespace.
    async fn registered(&self, id: &str, namespace: &str) -> Option<Value> {
        let target = format!("/v1/job/{id}?namespace={namespace}");
        let answer = self.direct.get(&target).await;
        (answer.status == 200).then(|| answer.json())
    }

    /// The IDs in one of Nomad's lists.
    async fn ids(&self, target: &str) -> Vec<String> {
        let list = self.direct.get(target).await.json();
        let list = list.as_array().unwrap().iter();
        list.map(|one| one["ID"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A Nomad job whose tasks are dtle's.
fn nomad_job(id: &str) -> Value {
    let task = |name: &str| json!({"Name": name, "Tasks": [{"Name": name, "Driver": "dtle", "Config": {}}]});
    json!({"Job": {"ID": id, "Name": id, "Type": "service", "Datacenters": ["dc1"],
        "TaskGroups": [task("Src"), task("Dest")]}})
}

async fn a_jobs_whole_life_is_in_the_namespace(query_names_namespace: bool) {
    let site = Site::start(query_names_namespace).await;
    site.create(&site.api, "life").await;
    let stands = async |what: &str| -> Value {
        let job = site.registered("life", TENANT).await;
        let job = job.unwrap_or_else(|| panic!("not in the namespace after {what}"));
        assert_eq!(job["Namespace"], TENANT);
        assert!(site.registered("life", "default").await.is_none(), "{what}");
        job
    };
    stands("a create").await;
    site.api.put("/v1/job/life/pause").await.succeeds();
    assert_eq!(stands("a pause").await["TaskGroups"][0]["Count"], 0);
    site.api.put("/v1/job/life/resume").await.succeeds();
    assert_eq!(stands("a resume").await["TaskGroups"][0]["Count"], 1);
    let mut changed = job("life");
    changed["Tasks"][0]["Config"]["ChunkSize"] = json!("77");
    for target in ["/v1/jobs", "/v1/job/life"] {
        site.api.post_json(target, &changed).await.succeeds();
    }
    let read = site.api.get("/v1/job/life").await.ok();
    assert_eq!(read["Tasks"][0]["Config"]["ChunkSize"], "77");
    stands("an update").await;
    let own = nomad_job("own-words");
    site.api.put_json("/v1/jobs", &own).await.succeeds();
    assert!(site.registered("own-words", TENANT).await.is_some());
    let validated = site.api.post_json("/v1/validate/job", &job("life")).await;
    assert_eq!(validated.ok()["Error"], "");
    for sent in site.proxy.log() {
        if sent.target.starts_with("/v1/jobs?") && sent.method == "PUT"
            || sent.target.starts_with("/v1/validate/job")
        {
            let body: Value = serde_json::from_slice(&sent.body).unwrap();
            assert_eq!(body["Job"]["Namespace"], TENANT, "{}", sent.target);
        }
    }
    site.api.delete("/v1/job/life").await.succeeds();
    assert!(site.registered("life", TENANT).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jobs_whole_life_is_in_the_namespace_on_1_1_2() {
    a_jobs_whole_life_is_in_the_namespace(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jobs_whole_life_is_in_the_namespace_from_1_2_16() {
    a_jobs_whole_life_is_in_the_namespace(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_another_namespace_does_not_exist() {
    let site = Site::start(false).await;
    site.create(&site.other, "theirs").await;
    site.create(&site.api, "ours").await;
    let allocations = site.ids("/v1/job/theirs/allocations").await;
    let evaluations = site.ids("/v1/job/theirs/evaluations").await;
    let node = site.ids("/v1/nodes").await.remove(0);
    assert!(!allocations.is_empty() && !evaluations.is_empty());
    let signals = site.nomad.requests().count_below("/v1/client/");
    let get = async |target: String| site.api.get(&target).await;

    for passed in ["", "&namespace=default", "&namespace=*"] {
        for list in [
            "/v1/jobs".to_owned(),
            "/v1/allocations".to_owned(),
            "/v1/evaluations".to_owned(),
            format!("/v1/node/{node}/allocations"),
        ] {
            let answer = get(format!("{list}?pretty=0{passed}")).await;
            assert!(answer.ok().as_array().unwrap().len() == 1 || list != "/v1/jobs");
            let text = answer.shown();
            assert!(text.contains("ours"), "{list}: {text}");
            for hidden in ["theirs"]
                .into_iter()
                .chain(allocations.iter().map(String::as_str))
                .chain(evaluations.iter().map(String::as_str))
            {
                assert!(!text.contains(hidden), "{list}{passed} shows {hidden}");
            }
        }
        let job = get(format!("/v1/job/theirs?pretty=0{passed}")).await;
        job.fails(404, "job not found");
        for part in ["allocations", "evaluations"] {
            let list = get(format!("/v1/job/theirs/{part}?pretty=0{passed}")).await;
            assert_eq!(list.ok(), json!([]), "{part}");
        }
        for id in &allocations {
            let whole = get(format!("/v1/allocation/{id}?pretty=0{passed}")).await;
            whole.fails(404, "alloc not found");
            let target = format!("/v1/agent/allocation/{id}/stats?pretty=0{passed}");
            get(target).await.fails(404, "alloc not found");
        }
        for id in &evaluations {
            let one = get(format!("/v1/evaluation/{id}?pretty=0{passed}")).await;
            one.fails(404, "eval not found");
            let placed = get(format!("/v1/evaluation/{id}/allocations?pretty=0{passed}")).await;
            assert_eq!(placed.ok(), json!([]));
        }
    }
    let after = site.nomad.requests().count_below("/v1/client/");
    assert_eq!(after, signals, "another tenant's task was signalled");

    let put = async |target: &str| site.api.put(target).await;
    put("/v1/job/theirs/pause")
        .await
        .fails(404, "job not found");
    put("/v1/job/theirs/resume")
        .await
        .fails(404, "job not found");
    let evaluated = put(&format!("/v1/node/{node}/evaluate")).await.ok();
    let shown = evaluated["EvalIDs"].as_array().unwrap();
    let of_ours = site.ids("/v1/job/ours/evaluations?namespace=tenant").await;
    assert_eq!(shown.len(), 1);
    assert!(of_ours.contains(&shown[0].as_str().unwrap().to_owned()));
    let before = site.registered("theirs", "default").await.unwrap();
    let deleted = site.api.delete("/v1/job/theirs?namespace=default").await;
    assert_eq!(deleted.ok()["Success"], true);
    assert_eq!(
        site.registered("theirs", "default").await,
        Some(before.clone())
    );

    // Under their ID one's own job can be made, changed and deleted.
    site.create(&site.api, "theirs").await;
    put("/v1/job/theirs/pause").await.succeeds();
    site.api.delete("/v1/job/theirs").await.succeeds();
    assert_eq!(site.registered("theirs", "default").await, Some(before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_progress_of_another_namespaces_job_is_not_forgotten() {
    let site = Site::start(false).await;
    site.create(&site.other, "shared").await;
    let consul = Client::of_url(&site.nomad.consul_url());
    let stored = async || consul.get("/v1/kv/dtle/shared/?recurse").await.status;
    assert_eq!(stored().await, 200);
    for made in [false, true] {
        if made {
            site.create(&site.api, "shared").await;
        }
        let refused = site.api.delete("/v1/job/shared?forget=true").await;
        assert_eq!(refused.status, 400, "{}", refused.shown());
        assert!(refused.shown().contains("another namespace"));
        assert_eq!(stored().await, 200);
    }
    assert!(site.registered("shared", TENANT).await.is_some());
    // Once it is nobody else's it can be forgotten.
    site.other.delete("/v1/job/shared").await.succeeds();
    site.api
        .delete("/v1/job/shared?forget=true")
        .await
        .succeeds();
    assert_eq!(stored().await, 404);
}

/// Nomad matches names of fields without regard to case, and of two the last one
/// counts: no spelling may say to it what was not looked at here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_of_a_field_leads_elsewhere() {
    let site = Site::start(false).await;
    let whole = nomad_job("sly");
    let foreign = json!([{"Name": "x", "Tasks": [
        {"Name": "x", "Driver": "mock_driver", "Config": {"run_for": "1h"}}]}]);
    for (field, value) in [
        ("namespace", json!("default")),
        ("NAMESPACE", json!("default")),
        ("taskgroups", foreign.clone()),
        ("ta\u{17f}\u{212a}groups", foreign),
        ("id", json!("another")),
        ("region", json!("elsewhere")),
        ("Region", json!("elsewhere")),
        ("Multiregion", json!({"Regions": [{"Name": "elsewhere"}]})),
    ] {
        let mut sly = whole.clone();
        sly["Job"][field] = value;
        let answer = site.api.put_json("/v1/jobs", &sly).await;
        let refused = matches!(answer.status, 400 | 500);
        assert!(refused, "{field}: {}", answer.shown());
        let there = site.ids("/v1/jobs?namespace=*").await;
        assert_eq!(there, Vec::<String>::new(), "{field}");
    }
    let mut spelled = whole;
    let groups = spelled["Job"]["TaskGroups"].take();
    spelled["Job"].as_object_mut().unwrap().remove("TaskGroups");
    spelled["Job"]["taskGroups"] = groups;
    spelled["Job"]["namespace"] = json!(TENANT);
    site.api.put_json("/v1/jobs", &spelled).await.succeeds();
    assert!(site.registered("sly", TENANT).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_that_nomad_does_not_have_is_named() {
    let nomad = NomadSim::start(Options::default()).await.unwrap();
    let (_server, api) = gateway(&nomad.url(), &[("NOMAD_NAMESPACE", "nowhere")]).await;
    api.post_json("/v1/jobs", &job("lost"))
        .await
        .fails(500, r#"job "lost" is in nonexistent namespace "nowhere""#);
}
