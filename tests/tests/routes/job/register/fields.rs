//! `POST`, `PUT /v1/jobs`: what a job has beside its Configs (ID, Name, placement, the
//! order of its tasks), and what becomes of it in Nomad.

use serde_json::{Value, json};
use tests::cluster::job;
use tests::sent::{cluster_job, expected, lasting, survives};
use tests::shape::is_uuid;
use tests::stage::{RUNNING, Stage, of_2x, shaped};
use tests::{Cluster, Shape, on_both};

on_both!(names_may_repeat_and_ids_are_made, async |generation| {
    let cluster = Cluster::start(generation).await;
    let before = cluster.api.get("/v1/jobs").await.ok();
    assert_eq!(before, json!([]));
    let mut body = job("x");
    body.as_object_mut().unwrap().remove("ID");
    for _ in 0..2 {
        assert_eq!(
            cluster.api.post_json("/v1/jobs", &body).await.ok()["Success"],
            true
        );
    }
    let list = cluster.api.get("/v1/jobs").await.ok();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    for stub in list {
        let id = stub["ID"].as_str().unwrap();
        assert!(is_uuid(id) && id.as_bytes()[14] == b'4', "{id}");
        assert_eq!(stub["Name"], "name of x");
        // Two jobs of one Nomad Name corrupt each other's progress.
        let nomad = cluster_job(&cluster, id).await;
        assert_eq!(nomad["Name"], stub["ID"]);
        cluster.running(id).await;
    }
});

on_both!(placement_comes_back_and_binds, async |generation| {
    let cluster = Cluster::start(generation).await;
    let nodes = cluster.api.get("/v1/nodes").await.ok();
    let (id, name) = (nodes[0]["ID"].clone(), nodes[0]["Name"].clone());
    for (number, failover) in [(1, false), (2, true)] {
        let mut sent = job(&format!("placed-{number}"));
        sent["Failover"] = json!(failover);
        sent["Datacenters"] = json!(["dc1", "dc2"]);
        sent["Region"] = json!("global");
        sent["Orders"] = json!([]);
        sent["Tasks"][0]["NodeID"] = id.clone();
        sent["Tasks"][1]["NodeName"] = name.clone();
        survives(&cluster, &sent).await;
    }
    // Elsewhere is nowhere: the job waits, and says so; with Failover any node does.
    let mut sent = job("nowhere");
    sent["Tasks"][0]["NodeName"] = json!("no-such-node");
    cluster.create(&sent).await;
    let mut moves = job("anywhere");
    moves["Tasks"][0]["NodeName"] = json!("no-such-node");
    moves["Failover"] = json!(true);
    survives(&cluster, &moves).await;
    let waits = cluster.read("nowhere").await;
    assert_eq!(waits["Status"], "pending");
    assert!(
        waits["StatusDescription"]
            .as_str()
            .unwrap()
            .contains("no-such-node"),
        "{waits}"
    );
    assert_eq!(lasting(waits), expected(&sent));
});

on_both!(
    tasks_come_back_in_the_order_they_were_sent,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let mut sent = job("order");
        sent["Tasks"].as_array_mut().unwrap().reverse();
        let job = survives(&cluster, &sent).await;
        assert_eq!(job["Tasks"][0]["Type"], "Dest");
    }
);

on_both!(
    what_2x_sends_is_registered_as_the_recordings_registered_it,
    async |generation| {
        // The recorded Nomad jobs were written by hand for the same 2.x job, and ran.
        let stage = Stage::at(generation, RUNNING).await;
        let mut body = of_2x("003-jobs-create-with-id").request_json();
        body["ID"] = json!("nope");
        let answer = stage.api.post_json("/v1/jobs", &body).await;
        let expected = of_2x("003-jobs-create-with-id");
        shaped(&answer, &expected, &Shape::of([expected.json()]));
        let writes = stage.nomad.writes();
        let job = &writes[0].body["Job"];
        assert_eq!(writes[0].body["EnforceIndex"], true);
        assert_eq!(writes[0].body["JobModifyIndex"], 0);
        assert_eq!((&job["ID"], &job["Name"]), (&json!("nope"), &json!("nope")));
        assert_eq!(
            (&job["Type"], &job["Datacenters"]),
            (&json!("service"), &json!(["dc1"]))
        );
        let recorded = stage.recorded("017-job-register").request_json()["Job"].clone();
        let of = |job: &Value, side: &str| -> Value {
            let groups = job["TaskGroups"].as_array().unwrap();
            groups
                .iter()
                .find(|group| group["Name"] == side)
                .unwrap()
                .clone()
        };
        let port = |config: &mut Value| {
            for key in ["ConnectionConfig", "DestConnectionConfig"] {
                if let Some(block) = config.get_mut(key) {
                    block["Port"] = json!(0);
                }
            }
        };
        for side in ["Src", "Dest"] {
            let (ours, theirs) = (of(job, side), of(&recorded, side));
            assert_eq!(ours["Count"], 1);
            assert_eq!(ours["Tasks"].as_array().unwrap().len(), 1);
            let (ours, theirs) = (&ours["Tasks"][0], &theirs["Tasks"][0]);
            assert_eq!(ours["Driver"], "dtle");
            assert_eq!(ours["Leader"], side == "Dest");
            let (mut ours, mut theirs) = (ours["Config"].clone(), theirs["Config"].clone());
            port(&mut ours);
            port(&mut theirs);
            assert_eq!(ours, theirs, "{side}");
        }
        // Off, as Failover is false.
        assert_eq!(of(job, "Src")["ReschedulePolicy"]["Attempts"], 0);
        assert_eq!(of(job, "Src")["ReschedulePolicy"]["Unlimited"], false);
    }
);
