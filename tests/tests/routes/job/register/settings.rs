//! `POST`, `PUT /v1/jobs`: what the gateway's settings give a new job, and what an update
//! leaves as it is registered.

use serde_json::{Value, json};
use tests::cluster::{job, nomad_job};
use tests::sent::{cluster_job, expected, lasting};
use tests::stage::{RUNNING, Stage};
use tests::{Client, Cluster, Generation, on_both};

/// Every setting of new jobs, each unlike its default.
const SETTINGS: [(&str, &str); 8] = [
    ("DTLE_DATACENTERS", "dc7, dc1"),
    ("DTLE_NODE_POOL", "replication"),
    ("DTLE_PRIORITY", "70"),
    ("DTLE_RESTART_ATTEMPTS", "5"),
    ("DTLE_RESTART_INTERVAL", "20m"),
    ("DTLE_RESTART_DELAY", "7s"),
    ("DTLE_TASK_CPU", "250"),
    ("DTLE_TASK_MEMORY", "128"),
];

/// The job that the gateway sends to Nomad for a body: what a Nomad of 1.1.2 does not
/// know it does not keep.
async fn sent(generation: Generation, settings: &[(&str, &str)], body: &Value) -> Value {
    let stage = Stage::set(generation, RUNNING, settings).await;
    let answer = stage.api.post_json("/v1/jobs", body).await;
    assert_eq!(answer.ok()["Success"], true);
    let writes = stage.nomad.writes();
    writes.last().expect("a register").body["Job"].clone()
}

/// What the settings say of a job, as it stands in Nomad.
fn policy(job: &Value) -> Value {
    let of_group = |group: &Value| {
        let restart = &group["RestartPolicy"];
        let resources = &group["Tasks"][0]["Resources"];
        json!([
            restart["Attempts"],
            restart["Interval"],
            restart["Delay"],
            restart["Mode"],
            resources["CPU"],
            resources["MemoryMB"]
        ])
    };
    let groups: Vec<Value> = job["TaskGroups"]
        .as_array()
        .expect("groups")
        .iter()
        .map(of_group)
        .collect();
    json!({"Datacenters": job["Datacenters"], "Priority": job["Priority"], "groups": groups})
}

on_both!(a_new_job_carries_the_settings, async |generation| {
    let group = json!([
        5,
        1_200_000_000_000_u64,
        7_000_000_000_u64,
        "fail",
        250,
        128
    ]);
    let wanted = json!({"Datacenters": ["dc7", "dc1"], "Priority": 70, "groups": [group, group]});
    let new = sent(generation, &SETTINGS, &job("nope")).await;
    assert_eq!(policy(&new), wanted);
    assert_eq!(new["NodePool"], "replication");
    let cluster = Cluster::with(generation, &SETTINGS).await;
    cluster.create(&job("set")).await;
    assert_eq!(policy(&cluster_job(&cluster, "set").await), wanted);
    // 2.x's clients see what they saw, with these datacenters.
    let mut seen = job("set");
    seen["Datacenters"] = json!(["dc7", "dc1"]);
    assert_eq!(lasting(cluster.running("set").await), expected(&seen));
    // What the caller says goes before.
    let mut said = job("said");
    said["Datacenters"] = json!(["dc1", "dc2"]);
    cluster.create(&said).await;
    assert_eq!(lasting(cluster.running("said").await), expected(&said));
});

on_both!(
    without_settings_nothing_is_sent_that_an_old_nomad_does_not_know,
    async |generation| {
        let new = sent(generation, &[], &job("nope")).await;
        assert_eq!(new["Datacenters"], json!(["dc1"]));
        for field in ["NodePool", "Priority"] {
            assert_eq!(new.get(field), None, "{field}");
        }
        let cluster = Cluster::start(generation).await;
        cluster.create(&job("plain")).await;
        let group = json!([3, 600_000_000_000_u64, 15_000_000_000_u64, "fail", 100, 64]);
        let wanted = json!({"Datacenters": ["dc1"], "Priority": 50, "groups": [group, group]});
        assert_eq!(policy(&cluster_job(&cluster, "plain").await), wanted);
    }
);

on_both!(
    an_update_keeps_what_is_registered_whatever_the_settings,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        cluster.create(&job("kept")).await;
        // What an operator did to it in Nomad.
        let nomad = Client::of_url(&cluster.nomad.url());
        let mut theirs = cluster_job(&cluster, "kept").await;
        theirs["Datacenters"] = json!(["dc1", "dc3"]);
        theirs["Priority"] = json!(33);
        for group in theirs["TaskGroups"].as_array_mut().unwrap() {
            group["RestartPolicy"]["Attempts"] = json!(9);
            group["RestartPolicy"]["Delay"] = json!(1_000_000_000);
            group["Tasks"][0]["Resources"]["CPU"] = json!(777);
            group["Tasks"][0]["Resources"]["MemoryMB"] = json!(99);
        }
        let answer = nomad.put_json("/v1/jobs", &json!({"Job": theirs})).await;
        assert_eq!(answer.status, 200);
        let before = policy(&cluster_job(&cluster, "kept").await);
        assert_eq!(before["groups"][0][0], 9);

        // Another gateway, with settings, updates it.
        let (_server, api) = tests::gateway::gateway(&cluster.nomad.url(), &SETTINGS).await;
        let mut update = job("kept");
        update["Tasks"][0]["Config"]["ReplChanBufferSize"] = json!("77");
        assert_eq!(
            api.post_json("/v1/jobs", &update).await.ok()["Success"],
            true
        );
        assert_eq!(policy(&cluster_job(&cluster, "kept").await), before);
        for verb in ["pause", "resume"] {
            let path = format!("/v1/job/kept/{verb}");
            assert_eq!(api.post_json(&path, &json!({})).await.ok()["Success"], true);
            assert_eq!(
                policy(&cluster_job(&cluster, "kept").await),
                before,
                "{verb}"
            );
        }
    }
);

on_both!(
    a_job_of_nomads_own_form_gets_the_datacenters_that_it_lacks_and_nothing_else,
    async |generation| {
        let mut body = nomad_job("nope", "dtle");
        body["Job"].as_object_mut().unwrap().remove("Datacenters");
        let sent = sent(generation, &SETTINGS, &body).await;
        assert_eq!(sent["Datacenters"], json!(["dc7", "dc1"]));
        for field in ["NodePool", "Priority"] {
            assert_eq!(sent.get(field), None, "{field}");
        }
        let group = &sent["TaskGroups"][0];
        assert_eq!(group.get("RestartPolicy"), None);
        assert_eq!(group["Tasks"][0].get("Resources"), None);
    }
);
