//! Recordings of Nomad in, 2.x out, held against recordings of 2.x.
//!
//! A replayed Nomad stands behind the gateway, at one moment of the recorded
//! story; what the gateway answers has to have the status, the headers and the
//! shape that dtle 2.19.11.1 had at the like moment of its own story, and the
//! values that both stories share.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use futures_util::future::join_all;
use local::gateway::Server;
use serde_json::{Map, Value, json};
use tests::client::own_headers;
use tests::cluster::{task, whole};
use tests::recording::DTLE_2;
use tests::{
    Answer, Client, Generation, Json, Recording, Replay, Shape, gateway, on_both, recording,
};

/// The job that the whole story is about.
const JOB: &str = "8ce4b408-8c64-41b9-04d7-baf451348e89";
/// The job beside it, which is deleted at the end.
const SECOND: &str = "69f299dc-49ee-a8c3-d95b-60b9afeaf186";
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// What does not change in the story.
const CLUSTER: &[&str] = &[
    "001-agent-self",
    "002-agent-members",
    "003-status-leader",
    "004-status-peers",
    "005-regions",
    "006-nodes",
    "007-operator-raft-configuration",
    "008-agent-servers",
    "013-node-get",
    "015-node-unknown",
    "025-job-get-unknown",
    "031-job-allocations-unknown",
    "043-allocation-unknown",
    "050-evaluation-unknown",
    "098-err-region",
];

/// Both jobs run.
const RUNNING: &[&str] = &[
    "020-jobs-running",
    "023-jobs-stale",
    "024-job-get",
    "026-job-summary",
    "029-job-allocations",
    "030-job-allocations-all",
    "032-job-evaluations",
    "033-allocation-get-dest",
    "035-signal-stats-dest-task",
    "036-allocation-get-src",
    "038-signal-stats-src-task",
    "045-allocations-running",
    "047-evaluations-running",
    "048-evaluation-get",
    "049-evaluation-allocations",
    "051-node-allocations",
    "052-node-evaluate",
    "053-job-pause-register-count-0",
    "095-deregister-purge",
    "103-jobs-blocking",
    "105-join",
    "106-force-leave-unknown",
];

/// The first is paused.
const PAUSED: &[&str] = &[
    "054-job-get-paused",
    "055-jobs-paused",
    "056-job-allocations-paused",
    "033-allocation-get-dest",
    "036-allocation-get-src",
    "058-job-resume-register-count-1",
];

/// Later: more jobs, among them failed ones, one that waits, a foreign one.
const MIXED: &[&str] = &[
    "064-job-get-updated",
    "065-job-allocations-updated",
    "067-failing-get",
    "068-failing-allocations",
    "070-kafka-get",
    "071-kafka-allocations",
    "073-unknown-config-key-get",
    "074-unknown-config-key-allocations",
    "076-pinned-unknown-node-get",
    "077-pinned-unknown-node-allocations",
    "078-pinned-unknown-node-evaluations",
    "090-foreign-allocations",
    "091-jobs-mixed",
    "092-allocations-mixed",
];

/// A moment with the gateway in front of it.
struct Stage {
    nomad: Replay,
    api: Client,
    generation: Generation,
    _server: Server,
}

impl Stage {
    async fn at(generation: Generation, moment: &[&str]) -> Self {
        Self::set(generation, moment, &[]).await
    }

    async fn set(generation: Generation, moment: &[&str], settings: &[(&str, &str)]) -> Self {
        let names: Vec<&str> = CLUSTER.iter().chain(moment).copied().collect();
        let nomad = Replay::of(generation.recordings(), &names).await;
        let mut all = vec![("DTLE_LAYOUT", generation.layout())];
        all.extend(settings);
        let (server, api) = gateway(&nomad.url(), &all).await;
        Self {
            nomad,
            api,
            generation,
            _server: server,
        }
    }

    /// A recording of this Nomad.
    fn recorded(&self, name: &str) -> Recording {
        recording(self.generation.recordings(), name)
    }

    /// `GET`, after which Nomad has been asked for nothing that it did not say.
    async fn get(&self, target: &str) -> Answer {
        let answer = self.api.get(target).await;
        assert_eq!(self.nomad.unknown(), Vec::<String>::new(), "{target}");
        answer
    }
}

fn of_2x(name: &str) -> Recording {
    recording(DTLE_2, name)
}

/// The shape that the JSON of these recordings of 2.x has in common.
fn shape(names: &[&str]) -> Shape {
    let recordings: Vec<Recording> = names.iter().map(|name| of_2x(name)).collect();
    Shape::of(recordings.iter().map(Recording::json))
}

fn shape_of_jobs() -> Shape {
    shape(&[
        "001-jobs-empty",
        "004-jobs-right-after-create",
        "005-jobs-list-running",
        "057-jobs-list-paused",
        "118-jobs-list-many",
    ])
}

fn shape_of_job() -> Shape {
    shape(&[
        "011-job-get",
        "056-job-get-paused",
        "063-job-get-resumed",
        "079-kafka-get",
        "082-failing-get",
        "085-nodename-get",
        "091-failover-get",
    ])
}

fn shape_of_allocations() -> Shape {
    shape(&[
        "014-job-allocations",
        "026-allocations",
        "058-job-allocations-paused",
        "080-kafka-allocations",
        "083-failing-allocations",
    ])
}

fn shape_of_evaluations() -> Shape {
    let mut shape = shape(&[
        "017-job-evaluations",
        "018-job-evaluations-unknown-job",
        "030-evaluations",
        "088-nodename-unknown-evaluations",
    ]);
    teach_evaluation(shape.at(&["[]"]));
    shape
}

/// The recorded 2.x never failed to place a task, so its evaluations have null
/// where a map of an allocation's Metrics stands.
fn teach_evaluation(evaluation: &mut Shape) {
    let metrics = of_2x("028-allocation-get").json()["Metrics"].clone();
    let failed = evaluation.at(&["FailedTGAllocs"]);
    failed.learn(&json!({ "Src": metrics }), "FailedTGAllocs");
    let counts = json!({"dc1": 1});
    for key in ["ConstraintFiltered", "DimensionExhausted", "ClassFiltered"] {
        failed.at(&["*", key]).learn(&counts, key);
    }
    // Nomad's evaluations say more of these two than 2.x's did.
    evaluation
        .at(&["ClassEligibility"])
        .learn(&json!({"v1:1": true}), "ClassEligibility");
}

/// As 2.x documents it, DelayCount and its kin are objects or null.
fn shape_of_statistics() -> Shape {
    let mut shape = Shape::of(
        ["019-alloc-stats-src", "020-alloc-stats-dest"]
            .iter()
            .map(|name| {
                let tasks = of_2x(name).json()["Tasks"].as_object().unwrap().clone();
                tasks.into_iter().next().unwrap().1
            })
            .collect::<Vec<_>>()
            .iter(),
    );
    let count = json!({"Num": 1, "Time": 1});
    shape.at(&["DelayCount"]).learn(&count, "DelayCount");
    shape
        .at(&["ThroughputStat"])
        .learn(&count, "ThroughputStat");
    let tables = json!({"InsertCount": 1, "UpdateCount": 1, "DelCount": 1});
    shape.at(&["TableStats"]).learn(&tables, "TableStats");
    shape
}

/// Status and headers are those of the recording; JSON is sorted and compact.
#[track_caller]
fn like(answer: &Answer, expected: &Recording) {
    assert_eq!(answer.status, expected.status, "{}", answer.shown());
    assert_eq!(
        answer.header_names(),
        own_headers(&expected.headers),
        "{} against {}",
        answer.asked,
        expected.name
    );
    for name in [
        "content-type",
        "vary",
        "x-udup-knownleader",
        "x-udup-lastcontact",
        "x-content-type-options",
    ] {
        assert_eq!(answer.header(name), expected.header(name), "{name}");
    }
    if expected.json.is_some() {
        let json = answer.ordered();
        assert_eq!(json.disorder(), Vec::<String>::new(), "{}", answer.asked);
        let target = &answer.asked;
        if !target.contains("pretty") {
            assert_eq!(json.compact(), answer.text(), "{target} is not compact");
        }
    } else {
        assert_eq!(answer.text(), expected.text, "{}", answer.asked);
    }
    assert_eq!(
        answer.header("content-length").and_then(|n| n.parse().ok()),
        Some(answer.body.len()),
        "{}",
        answer.asked
    );
}

/// [`like`], and the JSON has this shape.
#[track_caller]
fn shaped(answer: &Answer, expected: &Recording, shape: &Shape) -> Value {
    like(answer, expected);
    let value = answer.json();
    assert_eq!(
        shape.faults(&value),
        Vec::<String>::new(),
        "{}",
        answer.asked
    );
    value
}

fn index(answer: &Answer) -> u64 {
    answer.header("x-udup-index").unwrap().parse().unwrap()
}

fn nomad_index(recording: &Recording) -> u64 {
    recording.header("x-nomad-index").unwrap().parse().unwrap()
}

fn ids(list: &Value) -> Vec<&str> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item["ID"].as_str().unwrap()).collect()
}

#[track_caller]
fn sorted_by_id(list: &Value) {
    let ids = ids(list);
    assert!(!ids.is_empty());
    assert!(ids.is_sorted(), "{ids:?}");
}

fn find<'a>(list: &'a Value, id: &str) -> &'a Value {
    let items = list.as_array().unwrap();
    let found = items.iter().find(|item| item["ID"] == id);
    found.unwrap_or_else(|| panic!("{id} is not in {:?}", ids(list)))
}

/// A Config without what only a running 2.x server puts there, numbers as
/// numbers whatever they are printed like.
fn config(job: &Value, side: &str) -> Map<String, Value> {
    let mut config = task(job, side)["Config"].as_object().unwrap().clone();
    for live in ["NatsAddr", "BinlogFile", "BinlogPos", "Gtid"] {
        config.remove(live);
    }
    config
        .into_iter()
        .map(|(key, value)| (key, whole(&value)))
        .collect()
}

// --- the recordings themselves ---

/// The printers that the other tests compare with print what 2.x printed: the
/// recorded lengths are those of 2.x's bytes.
#[test]
fn recorded_bodies_have_their_recorded_lengths() {
    let mut compared = 0;
    for recording in tests::recording::all(DTLE_2).iter() {
        let Some(length) = recording.header("content-length") else {
            continue;
        };
        if recording.header("content-encoding").is_some() {
            continue;
        }
        let body = match &recording.json {
            Some(json) if recording.target.contains("pretty") => {
                Json::parse(json.to_string().as_bytes()).pretty()
            }
            Some(json) => Json::parse(json.to_string().as_bytes()).compact(),
            None => recording.text.clone(),
        };
        assert_eq!(length, body.len().to_string(), "{}", recording.name);
        compared += 1;
    }
    assert!(compared > 90, "{compared}");
}

/// The replayed Nomad may take a job's summary from a list.
#[test]
fn a_recorded_list_holds_the_summaries_that_were_recorded_alone() {
    for generation in Generation::BOTH {
        let list = recording(generation.recordings(), "020-jobs-running");
        let alone = recording(generation.recordings(), "026-job-summary");
        assert_eq!(&find(list.json(), JOB)["JobSummary"], alone.json());
    }
}

// --- jobs ---

on_both!(a_running_job_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let answer = stage.get(&format!("/v1/job/{JOB}")).await;
    let expected = of_2x("011-job-get");
    let job = shaped(&answer, &expected, &shape_of_job());
    let nomad = stage.recorded("024-job-get");
    let nomad = nomad.json();

    // On a single object the index is the object's own.
    assert_eq!(json!(index(&answer)), job["ModifyIndex"]);
    for key in [
        "CreateIndex",
        "JobModifyIndex",
        "ModifyIndex",
        "ID",
        "Datacenters",
        "Region",
    ] {
        assert_eq!(job[key], nomad[key], "{key}");
    }
    // Both stories run the same job.
    for key in [
        "Constraints",
        "EnforceIndex",
        "Failover",
        "Orders",
        "Region",
        "Status",
        "StatusDescription",
        "Type",
        "ID",
        "Datacenters",
    ] {
        assert_eq!(job[key], expected.json()[key], "{key}");
    }
    for side in ["Src", "Dest"] {
        let (task, expected) = (task(&job, side), task(expected.json(), side));
        for key in [
            "ConfigLock",
            "Constraints",
            "Driver",
            "Leader",
            "NodeID",
            "NodeName",
        ] {
            assert_eq!(task[key], expected[key], "{side}.{key}");
        }
    }
    assert_eq!(config(&job, "Src"), config(expected.json(), "Src"));
    let mut dest = config(expected.json(), "Dest");
    // The two stories wrote to different servers.
    dest["ConnectionConfig"]["Port"] = match generation {
        Generation::Split => json!(3319),
        Generation::Merged => json!(3317),
    };
    assert_eq!(config(&job, "Dest"), dest);
    // Whole numbers print without a fraction.
    assert!(nomad.to_string().contains(r#""ParallelWorkers":2.0"#));
    assert!(
        answer.text().contains(r#""ParallelWorkers":2}"#),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains(".0,"), "{}", answer.text());
    // Src sent an empty Gtid and nothing else is known of progress.
    assert_eq!(task(&job, "Dest")["Config"]["Gtid"], "");
});

on_both!(the_list_of_jobs_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let answer = stage.get("/v1/jobs").await;
    let list = shaped(&answer, &of_2x("005-jobs-list-running"), &shape_of_jobs());
    assert_eq!(ids(&list), [SECOND, JOB]);
    let nomad = stage.recorded("020-jobs-running");
    assert_eq!(index(&answer), nomad_index(&nomad));
    for stub in list.as_array().unwrap() {
        let (nomad, job) = (
            find(nomad.json(), stub["ID"].as_str().unwrap()),
            &stub["JobSummary"],
        );
        for key in ["CreateIndex", "JobModifyIndex", "ModifyIndex"] {
            assert_eq!(stub[key], nomad[key], "{key}");
            assert_eq!(job[key], nomad[key], "{key}");
        }
        assert_eq!(
            (&stub["Status"], &job["Status"]),
            (&json!("running"), &json!("running"))
        );
        assert_eq!(stub["Name"], job["Name"]);
    }
});

on_both!(
    passwords_are_masked_in_the_list_and_only_there,
    async |generation| {
        // 2.x does so [005, 011].
        let masked = |list: &Value| -> Vec<Value> {
            let jobs = list.as_array().unwrap().iter();
            let tasks =
                jobs.flat_map(|stub| stub["JobSummary"]["Tasks"].as_array().unwrap().clone());
            tasks
                .map(|task| task["Config"]["ConnectionConfig"]["Password"].clone())
                .collect()
        };
        assert!(masked(of_2x("005-jobs-list-running").json()).contains(&json!("*")));

        let stage = Stage::at(generation, RUNNING).await;
        let list = stage.get("/v1/jobs").await;
        assert_eq!(masked(&list.ok()), vec![json!("*"); 4]);
        assert!(!list.text().contains("dtlepass"));
        let job = stage.get(&format!("/v1/job/{JOB}")).await.ok();
        for side in ["Src", "Dest"] {
            assert_eq!(
                task(&job, side)["Config"]["ConnectionConfig"]["Password"],
                "dtlepass"
            );
        }
        let node = stage.recorded("013-node-get").json()["ID"]
            .as_str()
            .unwrap()
            .to_owned();
        let whole = stage.get(&format!("/v1/node/{node}/allocations")).await;
        assert!(whole.text().contains("dtlepass"));

        let hidden = Stage::set(
            generation,
            RUNNING,
            &[("DTLE_MASK_PASSWORDS", "everywhere")],
        )
        .await;
        let source = stage.recorded("036-allocation-get-src").json()["ID"]
            .as_str()
            .unwrap()
            .to_owned();
        for target in [
            "/v1/jobs".to_owned(),
            format!("/v1/job/{JOB}"),
            format!("/v1/allocation/{source}"),
            format!("/v1/node/{node}/allocations"),
        ] {
            let answer = hidden.get(&target).await;
            assert!(answer.text().contains(r#""Password":"*""#), "{target}");
            assert!(!answer.text().contains("dtlepass"), "{target}");
        }
    }
);

on_both!(no_jobs_are_an_empty_array, async |generation| {
    let stage = Stage::at(
        generation,
        &["010-jobs", "011-allocations", "012-evaluations"],
    )
    .await;
    for (target, expected) in [
        ("/v1/jobs", "008-jobs-list-prefix-none"),
        ("/v1/allocations", "016-job-allocations-unknown-job"),
        ("/v1/evaluations", "032-evaluation-allocations"),
    ] {
        let answer = stage.get(target).await;
        like(&answer, &of_2x(expected));
        assert_eq!(answer.text(), "[]", "{target}");
    }
});

on_both!(
    an_unknown_job_is_404_in_the_words_of_2x,
    async |generation| {
        let stage = Stage::at(generation, &["025-job-get-unknown", "020-jobs-running"]).await;
        let answer = stage.api.get("/v1/job/nope").await;
        like(&answer, &of_2x("013-job-get-unknown"));
        assert_eq!(
            index(&answer),
            nomad_index(&stage.recorded("025-job-get-unknown"))
        );
    }
);

on_both!(a_paused_job_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, PAUSED].concat()).await;
    let expected = of_2x("056-job-get-paused");
    let job = shaped(
        &stage.get(&format!("/v1/job/{JOB}")).await,
        &expected,
        &shape_of_job(),
    );
    assert_eq!(job["Status"], expected.json()["Status"]);
    assert_eq!(
        job["StatusDescription"],
        expected.json()["StatusDescription"]
    );

    let expected = of_2x("057-jobs-list-paused");
    let list = shaped(&stage.get("/v1/jobs").await, &expected, &shape_of_jobs());
    for (id, status) in [(JOB, "pause"), (SECOND, "running")] {
        let stub = find(&list, id);
        assert_eq!(stub["Status"], status);
        assert_eq!(stub["JobSummary"]["Status"], status);
    }
    assert_eq!(find(expected.json(), JOB)["Status"], "pause");
});

on_both!(
    the_allocations_of_a_paused_job_wait_as_in_2x,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, PAUSED].concat()).await;
        let expected = of_2x("058-job-allocations-paused");
        let answer = stage.get(&format!("/v1/job/{JOB}/allocations")).await;
        let list = shaped(&answer, &expected, &shape_of_allocations());
        sorted_by_id(&list);
        let waiting = |list: &Value| -> Vec<[String; 5]> {
            let mut rows: Vec<_> = list
                .as_array()
                .unwrap()
                .iter()
                .map(|allocation| {
                    let task = allocation["Task"].as_str().unwrap();
                    let state = &allocation["TaskStates"][task];
                    [
                        &allocation["Task"],
                        &allocation["DesiredStatus"],
                        &allocation["ClientStatus"],
                        &state["State"],
                        &allocation["DesiredDescription"],
                    ]
                    .map(|value| value.as_str().unwrap().to_owned())
                })
                .collect();
            rows.sort();
            rows
        };
        assert_eq!(waiting(&list), waiting(expected.json()));
        let state = |list: &Value, key: &str| -> Vec<bool> {
            list.as_array()
                .unwrap()
                .iter()
                .map(|allocation| {
                    allocation["TaskStates"][allocation["Task"].as_str().unwrap()][key].is_null()
                })
                .collect()
        };
        assert_eq!(
            state(&list, "FinishedAt"),
            state(expected.json(), "FinishedAt")
        );

        // By itself too; Nomad's own words for it were not recorded in this state,
        // so it answers as it did before the pause, and the job says that it waits.
        let source = stage.recorded("036-allocation-get-src");
        let id = source.json()["ID"].as_str().unwrap();
        let whole = stage.get(&format!("/v1/allocation/{id}")).await.ok();
        assert_eq!(whole["DesiredStatus"], "pause");
    }
);

on_both!(a_failed_job_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
    let expected = of_2x("082-failing-get");
    let answer = stage.get("/v1/job/failing-1").await;
    let job = shaped(&answer, &expected, &shape_of_job());
    assert_eq!(job["Status"], "dead");
    assert_eq!(expected.json()["Status"], "dead");
    let words = "dial tcp 127.0.0.1:1: connect: connection refused";
    assert_eq!(expected.json()["StatusDescription"], words);
    assert!(
        job["StatusDescription"].as_str().unwrap().contains(words),
        "{job}"
    );

    let expected = of_2x("083-failing-allocations");
    let answer = stage.get("/v1/job/failing-1/allocations").await;
    let list = shaped(&answer, &expected, &shape_of_allocations());
    let list = list.as_array().unwrap();
    let source = list
        .iter()
        .find(|allocation| allocation["Task"] == "Src")
        .unwrap();
    assert_eq!(source["ClientStatus"], "failed");
    assert_eq!(source["DesiredDescription"], job["StatusDescription"]);
    assert_eq!(source["TaskStates"]["Src"]["State"], "dead");
    assert_eq!(source["TaskStates"]["Src"]["Failed"], true);
    assert!(source["TaskStates"]["Src"]["FinishedAt"].is_string());
    // A task that runs is none that failed.
    let dest = list
        .iter()
        .find(|allocation| allocation["Task"] == "Dest")
        .unwrap();
    if dest["ClientStatus"] == "running" {
        assert_eq!(dest["DesiredDescription"], "");
        assert_eq!(dest["TaskStates"]["Dest"]["FinishedAt"], Value::Null);
    }
});

on_both!(a_kafka_job_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
    let expected = of_2x("079-kafka-get");
    let job = shaped(
        &stage.get("/v1/job/kafka-1").await,
        &expected,
        &shape_of_job(),
    );
    assert_eq!(task(&job, "Dest")["Driver"], "Kafka");
    assert_eq!(task(&job, "Src")["Driver"], "MySQL");
    let mut dest = config(&job, "Dest");
    // In this generation's recording the job was registered with workers too.
    let workers = dest.remove("ParallelWorkers");
    assert_eq!(
        workers,
        (generation == Generation::Merged).then(|| json!(2))
    );
    assert_eq!(dest, config(expected.json(), "Dest"));
    assert_eq!(config(&job, "Src"), config(expected.json(), "Src"));
    assert_eq!(job["Status"], "dead");
    assert!(
        job["StatusDescription"]
            .as_str()
            .unwrap()
            .contains("kafka: client has run out of available brokers"),
        "{job}"
    );
    let answer = stage.get("/v1/job/kafka-1/allocations").await;
    shaped(
        &answer,
        &of_2x("080-kafka-allocations"),
        &shape_of_allocations(),
    );
});

on_both!(
    a_config_that_the_plugin_refuses_shows_why,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
        let job = stage.get("/v1/job/badcfg-1").await;
        let job = shaped(&job, &of_2x("082-failing-get"), &shape_of_job());
        assert_eq!(job["Status"], "dead");
        // Nomad says so in its own recording 074, in a field that 2.x has not.
        let said = stage.recorded("074-unknown-config-key-allocations");
        let said = said.json().to_string();
        assert!(said.contains("Invalid label"), "{said}");
        assert!(
            job["StatusDescription"]
                .as_str()
                .unwrap()
                .contains("Invalid label"),
            "{job}"
        );
        let answer = stage.get("/v1/job/badcfg-1/allocations").await;
        let list = shaped(
            &answer,
            &of_2x("083-failing-allocations"),
            &shape_of_allocations(),
        );
        assert!(list.to_string().contains("Invalid label"));
    }
);

on_both!(
    a_job_that_no_node_takes_waits_and_says_for_what,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
        let expected = of_2x("087-nodename-unknown-get");
        let answer = stage.get("/v1/job/pinned-1").await;
        let job = shaped(&answer, &expected, &shape_of_job());
        assert_eq!(job["Status"], "pending");
        let words = job["StatusDescription"].as_str().unwrap();
        assert!(
            words.contains("Src") && words.contains("nosuchnode"),
            "{words}"
        );
        // The constraint that binds the task reads as its NodeName.
        assert_eq!(task(&job, "Src")["NodeName"], "nosuchnode");
        assert_eq!(task(expected.json(), "Src")["NodeName"], "nosuchnode");

        let answer = stage.get("/v1/job/pinned-1/evaluations").await;
        let expected = of_2x("088-nodename-unknown-evaluations");
        let list = shaped(&answer, &expected, &shape_of_evaluations());
        // By Status, then ID.
        let order: Vec<(&str, &str)> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|eval| {
                (
                    eval["Status"].as_str().unwrap(),
                    eval["ID"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(order.len(), 2);
        assert!(order.is_sorted(), "{order:?}");
        assert!(list.to_string().contains("nosuchnode"));
    }
);

on_both!(a_stopped_job_is_complete, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, &["094-job-get-stopped"]].concat()).await;
    let answer = stage.get(&format!("/v1/job/{SECOND}")).await;
    let job = shaped(&answer, &of_2x("011-job-get"), &shape_of_job());
    assert_eq!(job["Status"], "complete");
});

on_both!(
    the_mixed_list_has_every_dtle_job_in_its_state_and_no_other,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
        let mixed = stage.recorded("091-jobs-mixed");
        assert!(ids(mixed.json()).contains(&"other-1"));
        let answer = stage.get("/v1/jobs").await;
        let list = shaped(&answer, &of_2x("118-jobs-list-many"), &shape_of_jobs());
        sorted_by_id(&list);
        let mut expected = ids(mixed.json());
        expected.retain(|id| *id != "other-1");
        expected.sort_unstable();
        assert_eq!(ids(&list), expected);
        for (id, status) in [
            (JOB, "running"),
            (SECOND, "running"),
            ("badcfg-1", "dead"),
            ("dc9-1", "pending"),
            ("failing-1", "dead"),
            ("kafka-1", "dead"),
            ("pinned-1", "pending"),
        ] {
            assert_eq!(find(&list, id)["Status"], status, "{id}");
            assert_eq!(find(&list, id)["JobSummary"]["Status"], status, "{id}");
        }
        assert!(!answer.text().contains("other"));
    }
);

on_both!(another_tenants_job_does_not_exist, async |generation| {
    // Its job was never read by itself; the list of the replay brings it.
    let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
    let foreign = stage.recorded("090-foreign-allocations");
    let allocation = foreign.json()[0]["ID"].as_str().unwrap().to_owned();
    let all = stage.recorded("092-allocations-mixed");
    assert!(ids(all.json()).contains(&allocation.as_str()));

    stage
        .get("/v1/job/other-1")
        .await
        .fails(404, "job not found");
    let answer = stage.get("/v1/job/other-1/allocations").await;
    like(&answer, &of_2x("016-job-allocations-unknown-job"));
    assert_eq!(answer.text(), "[]");

    let answer = stage.get("/v1/allocations").await;
    let list = shaped(&answer, &of_2x("026-allocations"), &shape_of_allocations());
    sorted_by_id(&list);
    assert!(!ids(&list).contains(&allocation.as_str()));
    assert!(!answer.text().contains("other-1"));
    // Everybody else's that are there.
    let expected: Vec<&str> = all
        .json()
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["JobID"] != "other-1")
        .map(|one| one["ID"].as_str().unwrap())
        .collect();
    assert_eq!(list.as_array().unwrap().len(), expected.len());
    assert_eq!(index(&answer), nomad_index(&all));

    // It cannot be stopped, changed or signalled from here.
    let delete = stage.api.delete("/v1/job/other-1").await;
    assert_eq!(delete.ok()["Success"], true);
    for verb in ["pause", "resume"] {
        stage
            .api
            .post(&format!("/v1/job/other-1/{verb}"))
            .await
            .fails(404, "job not found");
    }
    let body = of_2x("003-jobs-create-with-id").request_json();
    let mut taken = body.clone();
    taken["ID"] = json!("other-1");
    stage
        .api
        .post_json("/v1/jobs", &taken)
        .await
        .fails(404, "job not found");
    stage
        .api
        .put_json("/v1/job/other-1", &taken)
        .await
        .fails(404, "job not found");
    assert_eq!(stage.nomad.writes().len(), 0, "{:?}", stage.nomad.writes());
});

on_both!(
    live_progress_stands_in_the_config_as_in_2x,
    async |generation| {
        // The plugin's keys in Consul, at the end of the same story.
        let kv = Replay::of(generation.recordings(), &["200-consul-kv-dtle"]).await;
        let consul = kv.url();
        let stage = Stage::set(generation, RUNNING, &[("CONSUL_HTTP_ADDR", &consul)]).await;
        let expected = of_2x("005-jobs-list-running");
        let list = shaped(&stage.get("/v1/jobs").await, &expected, &shape_of_jobs());
        let job = &find(&list, JOB)["JobSummary"];
        let of_2x = &find(expected.json(), JOB)["JobSummary"];
        for side in ["Src", "Dest"] {
            for key in ["Gtid", "BinlogFile", "BinlogPos"] {
                // Both stories replicated the same transactions.
                let (ours, theirs) = (
                    &task(job, side)["Config"][key],
                    &task(of_2x, side)["Config"][key],
                );
                assert_eq!(ours, theirs, "{side}.{key}");
                assert!(!ours.is_null(), "{side}.{key}");
            }
            let address = task(job, side)["Config"]["NatsAddr"].as_str().unwrap();
            assert!(address.parse::<std::net::SocketAddr>().is_ok(), "{address}");
        }
        assert!(!stage.get("/v1/jobs").await.text().contains("dtlepass"));
        assert_eq!(kv.unknown(), Vec::<String>::new());
    }
);

on_both!(
    without_progress_the_config_has_what_was_sent,
    async |generation| {
        let kv = Replay::of(generation.recordings(), &["200-consul-kv-dtle"]).await;
        let consul = kv.url();
        let stage = Stage::set(
            generation,
            &[RUNNING, MIXED].concat(),
            &[("CONSUL_HTTP_ADDR", &consul)],
        )
        .await;
        let list = shaped(
            &stage.get("/v1/jobs").await,
            &of_2x("118-jobs-list-many"),
            &shape_of_jobs(),
        );
        for id in ["failing-1", "kafka-1"] {
            for side in ["Src", "Dest"] {
                let config = &task(&find(&list, id)["JobSummary"], side)["Config"];
                // `//dtle//0`, no Gtid: it has not begun.
                for key in ["BinlogFile", "BinlogPos"] {
                    assert_eq!(config[key], Value::Null, "{id} {side}.{key}");
                }
                assert!(
                    config["Gtid"] == "" || (side == "Src" && config["Gtid"].is_null()),
                    "{id}"
                );
                // `wait` is no address.
                if let Some(address) = config["NatsAddr"].as_str() {
                    assert!(address.parse::<std::net::SocketAddr>().is_ok(), "{address}");
                }
            }
        }
    }
);

// --- allocations ---

on_both!(
    allocations_of_a_running_job_read_as_from_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let nomad = stage.recorded("029-job-allocations");
        for (target, expected) in [
            (format!("/v1/job/{JOB}/allocations"), "014-job-allocations"),
            (format!("/job/{JOB}/allocations"), "014-job-allocations"),
            (
                format!("/v1/job/{JOB}/allocations?all=true"),
                "015-job-allocations-all",
            ),
        ] {
            let answer = stage.get(&target).await;
            let list = shaped(&answer, &of_2x(expected), &shape_of_allocations());
            sorted_by_id(&list);
            assert_eq!(index(&answer), nomad_index(&nomad));
            assert_eq!(list.as_array().unwrap().len(), 2);
            for allocation in list.as_array().unwrap() {
                let task = allocation["Task"].as_str().unwrap();
                let state = &allocation["TaskStates"][task];
                let nomad = find(nomad.json(), allocation["ID"].as_str().unwrap());
                for key in [
                    "CreateIndex",
                    "CreateTime",
                    "EvalID",
                    "ModifyIndex",
                    "NodeID",
                    "JobID",
                    "ClientStatus",
                    "DesiredStatus",
                ] {
                    assert_eq!(allocation[key], nomad[key], "{key}");
                }
                assert_eq!(allocation["TaskStates"].as_object().unwrap().len(), 1);
                assert_eq!(state["State"], "running");
                assert_eq!(state["FinishedAt"], Value::Null);
                assert!(tests::shape::is_time(state["StartedAt"].as_str().unwrap()));
                // `<job Name>.<Type>`.
                let name = allocation["Name"].as_str().unwrap();
                assert!(name.ends_with(&format!(".{task}")), "{name}");
                // What reading statistics leaves behind is no event of 2.x's.
                assert!(!state.to_string().contains("Signaling"));
                assert!(!state.to_string().contains("Task receive signal"));
            }
        }
        let nomad = stage.recorded("045-allocations-running");
        let answer = stage.get("/v1/allocations").await;
        let list = shaped(&answer, &of_2x("026-allocations"), &shape_of_allocations());
        sorted_by_id(&list);
        assert_eq!(
            list.as_array().unwrap().len(),
            nomad.json().as_array().unwrap().len()
        );
        assert_eq!(index(&answer), nomad_index(&nomad));

        // Later their statistics have been read, which leaves events behind that 2.x
        // knows nothing of.
        let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
        let told = stage.recorded("092-allocations-mixed").json().to_string();
        assert!(told.contains("Signaling"));
        assert_eq!(
            told.contains("Task receive signal"),
            generation == Generation::Merged
        );
        let answer = stage.get("/v1/allocations").await;
        assert!(!answer.text().contains("Signaling"));
        assert!(!answer.text().contains("Task receive signal"));
    }
);

on_both!(
    an_events_time_is_the_same_moment_as_nomads,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let nomad = stage.recorded("029-job-allocations");
        let list = stage.get(&format!("/v1/job/{JOB}/allocations")).await.ok();
        let mut compared = 0;
        for allocation in list.as_array().unwrap() {
            let task = allocation["Task"].as_str().unwrap();
            let theirs = find(nomad.json(), allocation["ID"].as_str().unwrap());
            let theirs = theirs["TaskStates"][task]["Events"].as_array().unwrap();
            let ours = allocation["TaskStates"][task]["Events"].as_array().unwrap();
            for event in ours {
                let text = event["Time"].as_str().unwrap();
                let (whole, fraction) = text
                    .trim_end_matches('Z')
                    .split_once('.')
                    .unwrap_or((text, ""));
                let of_nomad = theirs.iter().find(|one| {
                    one["Type"] == event["Type"] && {
                        let nanos = one["Time"].as_i64().unwrap();
                        // Decimals, and seconds of the minute: no calendar is needed.
                        let decimals = format!("{:09}", nanos % 1_000_000_000);
                        let second = (nanos / 1_000_000_000) % 60;
                        decimals.trim_end_matches('0') == fraction
                            && whole.ends_with(&format!(":{second:02}"))
                    }
                });
                assert!(of_nomad.is_some(), "{event}");
                compared += 1;
            }
        }
        assert!(compared >= 4, "{compared}");
    }
);

on_both!(an_allocation_reads_whole_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    for (name, side) in [
        ("033-allocation-get-dest", "Dest"),
        ("036-allocation-get-src", "Src"),
    ] {
        let nomad = stage.recorded(name);
        let id = nomad.json()["ID"].as_str().unwrap();
        let expected = of_2x("028-allocation-get");
        let mut shape = Shape::of([expected.json()]);
        // The recording is of Src; the keys of the other task's Config are open anyway.
        for list in ["037-node-allocations"] {
            for allocation in of_2x(list).json().as_array().unwrap() {
                shape.learn(allocation, "");
            }
        }
        // Its job had not failed, its scheduler had not scored; ours has states of
        // either, in the shapes that 2.x gives a map of counts and of scores.
        shape
            .at(&["Metrics", "Scores"])
            .learn(&json!({"n.binpack": 0.5}), "Scores");
        let answer = stage.get(&format!("/v1/allocation/{id}")).await;
        let whole = shaped(&answer, &expected, &shape);
        assert_eq!(json!(index(&answer)), whole["ModifyIndex"]);
        assert_eq!(whole["Task"], side);
        for key in [
            "AllocModifyIndex",
            "CreateIndex",
            "CreateTime",
            "ModifyIndex",
            "NodeID",
        ] {
            assert_eq!(whole[key], nomad.json()[key], "{key}");
        }
        assert_eq!(
            whole["Metrics"]["NodesEvaluated"],
            nomad.json()["Metrics"]["NodesEvaluated"]
        );
        assert_eq!(whole["Job"]["ID"], JOB);
    }
});

on_both!(
    a_nodes_allocations_read_whole_as_from_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let nomad = stage.recorded("051-node-allocations");
        let node = nomad.json()[0]["NodeID"].as_str().unwrap().to_owned();
        let expected = of_2x("037-node-allocations");
        let mut shape = Shape::of([expected.json()]);
        shape
            .at(&["[]", "Metrics", "Scores"])
            .learn(&json!({"n.binpack": 0.5}), "Scores");
        let answer = stage.get(&format!("/v1/node/{node}/allocations")).await;
        let list = shaped(&answer, &expected, &shape);
        sorted_by_id(&list);
        assert_eq!(
            list.as_array().unwrap().len(),
            nomad.json().as_array().unwrap().len()
        );
    }
);

on_both!(statistics_read_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    for (whole, signal, side, expected) in [
        (
            "036-allocation-get-src",
            "038-signal-stats-src-task",
            "Src",
            "019-alloc-stats-src",
        ),
        (
            "033-allocation-get-dest",
            "035-signal-stats-dest-task",
            "Dest",
            "020-alloc-stats-dest",
        ),
    ] {
        let id = stage.recorded(whole).json()["ID"]
            .as_str()
            .unwrap()
            .to_owned();
        let said = stage.recorded(signal).text;
        let said: Value = serde_json::from_str(said.split_once("desc = ").unwrap().1).unwrap();
        for target in [
            format!("/v1/agent/allocation/{id}/stats"),
            format!("/agent/allocation/{id}/stats"),
            format!("/v1/agent/allocation/{id}/stats?task={side}"),
        ] {
            let answer = stage.get(&target).await;
            like(&answer, &of_2x(expected));
            let body = answer.json();
            let keys: Vec<&String> = body["Tasks"].as_object().unwrap().keys().collect();
            assert_eq!(keys, [side]);
            let ours = &body["Tasks"][side];
            assert_eq!(
                shape_of_statistics().faults(ours),
                Vec::<String>::new(),
                "{target}"
            );
            for key in [
                "Backlog",
                "ETA",
                "ExecMasterRowCount",
                "ExecMasterTxCount",
                "MsgStat",
                "ProgressPct",
                "ReadMasterRowCount",
                "ReadMasterTxCount",
                "Stage",
                "Timestamp",
                "TableStats",
                "DelayCount",
                "ThroughputStat",
            ] {
                assert_eq!(ours[key], said[key], "{key}");
            }
            let (at, theirs) = (&ours["CurrentCoordinates"], &said["CurrentCoordinates"]);
            assert_eq!(at["File"], theirs["File"]);
            assert_eq!(at["Position"], theirs["Position"]);
            // 2.x's Dest fills RetrievedGtidSet where the plugin's fills GtidSet.
            let (full, empty) = match side {
                "Dest" => ("RetrievedGtidSet", "GtidSet"),
                _ => ("GtidSet", "RetrievedGtidSet"),
            };
            assert_eq!(at[full], theirs["GtidSet"]);
            assert_eq!(at[empty], "");
            let of_2x = of_2x(expected);
            let of_2x = &of_2x.json()["Tasks"][side]["CurrentCoordinates"];
            assert_eq!(of_2x[empty], "");
            assert_ne!(of_2x[full], "");
        }
        let answer = stage
            .get(&format!("/v1/agent/allocation/{id}/stats?task=Nope"))
            .await;
        // 2.x's text [022], as a 404.
        let words = of_2x("022-alloc-stats-task-filter-unknown").text;
        answer.fails(
            404,
            &words.replace("78910a2e-7f5a-fcb0-1e64-ab7894a6cb56", &id),
        );
    }
    // One question a task, however often it is asked here.
    let signals = stage.nomad.writes();
    assert_eq!(signals.len(), 2, "{signals:?}");
    assert!(signals.iter().all(|sent| sent.body["Signal"] == "stats"));
});

on_both!(
    callers_of_the_same_moment_share_one_signal,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let source = stage.recorded("036-allocation-get-src");
        let id = source.json()["ID"].as_str().unwrap();
        let target = format!("/v1/agent/allocation/{id}/stats");
        let answers = join_all((0..16).map(|_| stage.get(&target))).await;
        for answer in answers {
            like(&answer, &of_2x("019-alloc-stats-src"));
        }
        assert_eq!(stage.nomad.writes().len(), 1);
    }
);

on_both!(
    statistics_of_what_is_not_there_cost_no_signal,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let unknown = format!("/v1/agent/allocation/{NOBODY}/stats");
        // 2.x: an empty 200 [023]; here 404.
        assert_eq!(of_2x("023-alloc-stats-unknown-alloc").text, "");
        stage.get(&unknown).await.fails(404, "alloc not found");
        let source = stage.recorded("036-allocation-get-src");
        let id = source.json()["ID"].as_str().unwrap();
        stage
            .get(&format!("/v1/agent/allocation/{id}/stats?task=Dest"))
            .await
            .fails(404, &format!("allocation \"{id}\" has no task \"Dest\""));
        assert_eq!(stage.nomad.writes().len(), 0);
    }
);

// --- evaluations and nodes ---

on_both!(evaluations_read_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let nomad = stage.recorded("047-evaluations-running");
    let answer = stage.get("/v1/evaluations").await;
    let list = shaped(&answer, &of_2x("030-evaluations"), &shape_of_evaluations());
    sorted_by_id(&list);
    // Some are left of jobs that were there before: those are gone.
    let jobs = stage.recorded("020-jobs-running");
    let expected = nomad.json().as_array().unwrap().iter().filter(|eval| {
        jobs.json().as_array().unwrap().iter().any(|job| {
            job["ID"] == eval["JobID"]
                && eval["CreateIndex"].as_u64() >= job["CreateIndex"].as_u64()
        })
    });
    assert_eq!(list.as_array().unwrap().len(), expected.count());
    assert_eq!(index(&answer), nomad_index(&nomad));

    let answer = stage.get(&format!("/v1/job/{JOB}/evaluations")).await;
    let list = shaped(
        &answer,
        &of_2x("017-job-evaluations"),
        &shape_of_evaluations(),
    );
    assert!(!list.as_array().unwrap().is_empty());

    let nomad = stage.recorded("048-evaluation-get");
    let id = nomad.json()["ID"].as_str().unwrap();
    let expected = of_2x("031-evaluation-get");
    let mut shape = Shape::of([expected.json()]);
    teach_evaluation(&mut shape);
    // Others of 2.x's have counts here [030].
    shape
        .at(&["QueuedAllocations"])
        .learn(&json!({"Src": 0}), "QueuedAllocations");
    let answer = stage.get(&format!("/v1/evaluation/{id}")).await;
    let evaluation = shaped(&answer, &expected, &shape);
    assert_eq!(json!(index(&answer)), evaluation["ModifyIndex"]);
    assert_eq!(evaluation["Type"], "synchronous");
    for key in [
        "CreateIndex",
        "ModifyIndex",
        "JobID",
        "TriggeredBy",
        "Status",
        "ID",
    ] {
        assert_eq!(evaluation[key], nomad.json()[key], "{key}");
    }
    let answer = stage.get(&format!("/v1/evaluation/{id}/allocations")).await;
    like(&answer, &of_2x("032-evaluation-allocations"));
    let placed = stage.recorded("049-evaluation-allocations");
    let list = answer.json();
    assert_eq!(shape_of_allocations().faults(&list), Vec::<String>::new());
    let mut expected = ids(placed.json());
    expected.sort_unstable();
    assert_eq!(ids(&list), expected);
});

on_both!(nodes_read_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let nomad = stage.recorded("013-node-get");
    let id = nomad.json()["ID"].as_str().unwrap();
    let expected = of_2x("034-nodes");
    let answer = stage.get("/v1/nodes").await;
    let list = shaped(&answer, &expected, &Shape::of([expected.json()]));
    assert_eq!(ids(&list), [id]);
    assert_eq!(index(&answer), nomad_index(&stage.recorded("006-nodes")));
    assert_eq!(list[0]["HTTPAddr"], nomad.json()["HTTPAddr"]);
    assert_eq!(list[0]["Status"], "ready");

    let expected = of_2x("036-node-get");
    let mut shape = Shape::of([expected.json()]);
    // Where NATS listens is known to the plugin alone; no text is a text.
    shape.at(&["NatsAddr"]).learn(&json!(""), "NatsAddr");
    shape
        .at(&["NatsAdvertiseAddr"])
        .learn(&json!(""), "NatsAdvertiseAddr");
    let answer = stage.get(&format!("/v1/node/{id}")).await;
    let node = shaped(&answer, &expected, &shape);
    assert_eq!(json!(index(&answer)), node["ModifyIndex"]);
    // The command line prints every `driver.` of them as one of the node's.
    assert_eq!(node["Attributes"], expected.json()["Attributes"]);
    assert_eq!(node["StatusUpdatedAt"], nomad.json()["StatusUpdatedAt"]);

    let expected = of_2x("038-node-evaluate");
    let answer = stage.api.post(&format!("/v1/node/{id}/evaluate")).await;
    let evaluated = shaped(&answer, &expected, &Shape::of([expected.json()]));
    let nomad = stage.recorded("052-node-evaluate");
    assert_eq!(evaluated["EvalIDs"], nomad.json()["EvalIDs"]);
    assert_eq!(evaluated["Index"], nomad.json()["Index"]);
    assert_eq!(index(&answer), nomad_index(&nomad));
});

on_both!(
    unknown_things_are_404_with_the_index_headers_of_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        for (target, expected, nomad) in [
            (
                "allocation",
                "029-allocation-unknown",
                "043-allocation-unknown",
            ),
            (
                "evaluation",
                "033-evaluation-unknown",
                "050-evaluation-unknown",
            ),
            ("node", "039-node-unknown", "015-node-unknown"),
        ] {
            let answer = stage.get(&format!("/v1/{target}/{NOBODY}")).await;
            like(&answer, &of_2x(expected));
            assert_eq!(
                index(&answer),
                nomad_index(&stage.recorded(nomad)),
                "{target}"
            );
        }
    }
);

// --- the cluster ---

on_both!(the_cluster_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    for (target, expected) in [
        ("/v1/leader", "040-leader"),
        ("/v1/peers", "041-peers"),
        ("/v1/regions", "042-regions"),
        ("/v1/managers", "044-managers"),
        ("/v1/members", "043-members"),
    ] {
        let expected = of_2x(expected);
        let answer = stage.get(target).await;
        shaped(&answer, &expected, &Shape::of([expected.json()]));
    }
    assert_eq!(
        stage.get("/v1/leader").await.json(),
        *stage.recorded("003-status-leader").json()
    );
    assert_eq!(
        stage.get("/v1/peers").await.json(),
        *stage.recorded("004-status-peers").json()
    );
    assert_eq!(stage.get("/v1/regions").await.text(), r#"["global"]"#);
    let members = stage.get("/v1/members").await.json();
    let expected = of_2x("043-members");
    // What the command line reads.
    for tag in ["region", "role"] {
        let tags = |members: &Value| members["Members"][0]["Tags"][tag].clone();
        assert_eq!(tags(&members), tags(expected.json()), "{tag}");
    }
    assert_eq!(
        members["Members"][0]["Tags"]["port"],
        stage.recorded("002-agent-members").json()["Members"][0]["Tags"]["port"]
    );
    assert_eq!(members["ServerRegion"], "global");

    // Its keys are those of the agent's own configuration; these are for clients.
    let answer = stage.get("/v1/self").await;
    like(&answer, &of_2x("045-self"));
    let (ours, theirs) = (answer.json(), of_2x("045-self"));
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&ours), keys(theirs.json()));
    assert_eq!(keys(&ours["stats"]), keys(&theirs.json()["stats"]));
    for (name, group) in ours["stats"].as_object().unwrap() {
        for (key, value) in group.as_object().unwrap() {
            assert!(value.is_string(), "stats.{name}.{key}: {value}");
        }
    }
    assert_eq!(
        ours["stats"]["client"]["node_id"],
        stage.recorded("013-node-get").json()["ID"]
    );
    let member = Shape::of([&theirs.json()["member"]]);
    assert_eq!(member.faults(&ours["member"]), Vec::<String>::new());
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

on_both!(pretty_is_indented_as_by_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    // Both leaders are fourteen characters long: the same bytes but for the digits.
    let expected = of_2x("046-leader-pretty");
    let answer = stage.get("/v1/leader?pretty").await;
    like(&answer, &expected);
    assert_eq!(
        answer.body.len().to_string(),
        expected.header("content-length").unwrap()
    );
    assert!(answer.text().ends_with("\"\n"));

    let expected = of_2x("047-members-pretty");
    for target in [
        "/v1/members?pretty=1",
        "/v1/members?pretty",
        "/v1/members?pretty=",
        "/v1/members?pretty=false",
    ] {
        let answer = stage.get(target).await;
        like(&answer, &expected);
        assert_eq!(answer.text(), answer.ordered().pretty(), "{target}");
    }
    for target in [
        "/v1/jobs",
        "/v1/nodes",
        "/v1/evaluations",
        "/v1/allocations",
    ] {
        let answer = stage.get(&format!("{target}?pretty")).await;
        assert_eq!(answer.text(), answer.ordered().pretty(), "{target}");
        assert!(answer.text().contains("\n        \"ID\": "), "{target}");
    }
    let answer = stage.get("/v1/leader?pretty=0").await;
    assert_eq!(
        answer.body.len().to_string(),
        of_2x("040-leader").header("content-length").unwrap()
    );
});

on_both!(
    what_is_told_to_the_cluster_is_answered_as_by_2x,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, &["108-raft-peer-missing"]].concat()).await;
        let answer = stage.api.put("/v1/join?address=127.0.0.1").await;
        like(&answer, &of_2x("052-join"));
        assert_eq!(answer.body, of_2x("052-join").body());
        let answer = stage.api.post("/v1/agent/force-leave?node=nobody").await;
        like(&answer, &of_2x("054-force-leave-unknown"));
        for (method, target, expected) in [
            ("POST", "/v1/join", "051-join-missing"),
            ("POST", "/v1/agent/force-leave", "053-force-leave-missing"),
            ("POST", "/v1/managers", "049-managers-set-missing"),
            (
                "DELETE",
                "/v1/operator/raft/peer",
                "048-operator-raft-peer-missing",
            ),
        ] {
            let answer = stage.api.send(method, target, &[], b"").await;
            like(&answer, &of_2x(expected));
        }
        assert_eq!(stage.nomad.unknown(), Vec::<String>::new());
    }
);

// --- writes ---

on_both!(
    pausing_answers_as_2x_does_and_keeps_everything_but_the_counts,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let expected = of_2x("055-job-pause");
        let answer = stage.api.post(&format!("/v1/job/{JOB}/pause")).await;
        let reply = shaped(&answer, &expected, &Shape::of([expected.json()]));
        let done = stage.recorded("053-job-pause-register-count-0");
        assert_eq!(reply["Index"], done.json()["Index"]);
        assert_eq!(reply["Success"], true);
        assert_eq!(index(&answer), nomad_index(&done));

        let writes = stage.nomad.writes();
        assert_eq!(writes.len(), 1, "{writes:?}");
        let (sent, before) = (&writes[0].body, stage.recorded("024-job-get"));
        assert_eq!(sent["EnforceIndex"], true);
        assert_eq!(sent["JobModifyIndex"], before.json()["JobModifyIndex"]);
        let mut job = sent["Job"].clone();
        for group in job["TaskGroups"].as_array_mut().unwrap() {
            assert_eq!(group["Count"], 0);
            group["Count"] = json!(1);
        }
        // The Meta of others stays; ours is beside it.
        assert_eq!(
            job["Meta"]["dtle2.name"],
            before.json()["Meta"]["dtle2.name"]
        );
        job["Meta"] = before.json()["Meta"].clone();
        assert_eq!(&job, before.json());
    }
);

on_both!(
    pausing_and_resuming_twice_change_nothing,
    async |generation| {
        let paused = Stage::at(generation, &[RUNNING, PAUSED].concat()).await;
        let answer = paused.api.post(&format!("/v1/job/{JOB}/pause")).await;
        like(&answer, &of_2x("060-job-pause-again"));
        assert_eq!(answer.body, of_2x("060-job-pause-again").body());
        assert_eq!(paused.nomad.writes().len(), 0);

        let running = Stage::at(generation, RUNNING).await;
        let answer = running.api.put(&format!("/v1/job/{JOB}/resume")).await;
        like(&answer, &of_2x("065-job-resume-again"));
        assert_eq!(answer.body, of_2x("065-job-resume-again").body());
        assert_eq!(running.nomad.writes().len(), 0);
    }
);

on_both!(
    resuming_answers_as_2x_does_and_sets_the_counts_back,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, PAUSED].concat()).await;
        let answer = stage.api.post(&format!("/v1/job/{JOB}/resume")).await;
        let expected = of_2x("062-job-resume");
        let reply = shaped(&answer, &expected, &Shape::of([expected.json()]));
        assert_eq!(
            reply["Index"],
            stage.recorded("058-job-resume-register-count-1").json()["Index"]
        );
        let writes = stage.nomad.writes();
        assert_eq!(writes.len(), 1, "{writes:?}");
        let before = stage.recorded("054-job-get-paused");
        assert_eq!(
            writes[0].body["JobModifyIndex"],
            before.json()["JobModifyIndex"]
        );
        for group in writes[0].body["Job"]["TaskGroups"].as_array().unwrap() {
            assert_eq!(group["Count"], 1);
        }
    }
);

on_both!(
    an_unknown_job_cannot_be_paused_and_can_be_deleted,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, &["096-deregister-unknown"]].concat()).await;
        for (verb, expected) in [
            ("pause", "066-job-pause-unknown"),
            ("resume", "067-job-resume-unknown"),
        ] {
            // 2.x's text [066, 067] as a 404.
            let answer = stage.api.post(&format!("/v1/job/nope/{verb}")).await;
            answer.fails(404, &of_2x(expected).text);
        }
        let expected = of_2x("075-job-delete-unknown");
        let answer = stage.api.delete("/v1/job/nope").await;
        let reply = shaped(&answer, &expected, &Shape::of([expected.json()]));
        assert_eq!(reply["Success"], true);
        assert_eq!(json!(index(&answer)), reply["Index"]);
    }
);

on_both!(a_delete_purges_and_answers_as_2x_does, async |generation| {
    let names = [RUNNING, &["094-job-get-stopped"]].concat();
    let stage = Stage::at(generation, &names).await;
    let expected = of_2x("076-job-delete");
    let answer = stage.api.delete(&format!("/v1/job/{SECOND}")).await;
    let reply = shaped(&answer, &expected, &Shape::of([expected.json()]));
    assert_eq!(
        reply["Index"],
        stage.recorded("095-deregister-purge").json()["Index"]
    );
    let writes = stage.nomad.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(
        writes[0].request,
        format!("DELETE /v1/job/{SECOND}?purge=true")
    );
});

on_both!(
    compare_and_set_fails_in_the_words_of_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let held = stage.recorded("024-job-get").json()["JobModifyIndex"].to_string();
        let expected = of_2x("072-job-update-enforce-index-stale");
        let answer = stage
            .api
            .post_json("/v1/jobs", &expected.request_json())
            .await;
        assert_eq!(answer.header_names(), own_headers(&expected.headers));
        answer.fails(expected.status, &expected.text.replace("298", &held));
        let expected = of_2x("074-job-create-enforce-index-exists");
        let mut body = expected.request_json();
        body["ID"] = json!(JOB);
        let answer = stage.api.post_json("/v1/jobs", &body).await;
        assert_eq!(answer.header_names(), own_headers(&expected.headers));
        answer.fails(expected.status, &expected.text);
        // (source): the third wording.
        body["ID"] = json!("nope");
        body["JobModifyIndex"] = json!(7);
        stage
            .api
            .post_json("/v1/jobs", &body)
            .await
            .fails(500, "Enforcing job modify index 7: job does not exist");
        assert_eq!(stage.nomad.writes().len(), 0);
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

// --- errors ---

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
            "109-err-root",
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

on_both!(
    bodies_that_are_no_job_are_400_with_the_headers_of_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        for name in [
            "092-err-bad-json",
            "093-err-empty-body",
            "096-err-wrong-type",
            "097-err-array",
        ] {
            let expected = of_2x(name);
            let answer = stage
                .api
                .send("POST", "/v1/jobs", &[], &expected.request_body)
                .await;
            // The words are Go's there; here they say where.
            assert_eq!(answer.status, expected.status, "{name}");
            assert_eq!(
                answer.header_names(),
                own_headers(&expected.headers),
                "{name}"
            );
            assert_eq!(
                answer.header("content-type"),
                expected.header("content-type")
            );
            assert!(
                !answer.text().is_empty() && !answer.text().contains('\n'),
                "{name}"
            );
        }
        let answer = stage
            .api
            .post_json("/v1/jobs", &of_2x("089-failover-create").request_json())
            .await;
        like(&answer, &of_2x("089-failover-create"));
        // What 2.x took and then lost.
        for name in [
            "095-err-name-only",
            "098-err-id-with-space",
            "099-err-duplicate-task-type",
            "100-err-unknown-driver",
            "101-err-one-task",
        ] {
            let answer = stage
                .api
                .post_json("/v1/jobs", &of_2x(name).request_json())
                .await;
            assert_eq!(answer.status, 400, "{name}: {}", answer.shown());
            assert_eq!(answer.header_names(), ["content-type", "vary"], "{name}");
            assert!(!answer.text().contains('\n'), "{name}");
        }
        assert_eq!(stage.nomad.writes().len(), 0);
    }
);

on_both!(a_validation_has_the_report_of_2x, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, &["079-validate-job"]].concat()).await;
    let expected = of_2x("110-validate");
    let answer = stage
        .api
        .post_json("/v1/validate/job", &expected.request_json())
        .await;
    let report = shaped(&answer, &expected, &Shape::of([expected.json()]));
    let types = |report: &Value| -> Vec<Value> {
        let tasks = report["ValidationTasks"].as_array().unwrap().iter();
        tasks.map(|task| task["Type"].clone()).collect()
    };
    assert_eq!(types(&report), types(expected.json()));
    assert_eq!(
        report["DriverConfigValidated"],
        expected.json()["DriverConfigValidated"]
    );
    assert_eq!(report["Error"], expected.json()["Error"]);
    // Nobody connected to a database: no such check may read as passed.
    for task in report["ValidationTasks"].as_array().unwrap() {
        for (key, check) in task
            .as_object()
            .unwrap()
            .iter()
            .filter(|(key, _)| *key != "Type")
        {
            assert_eq!(check["Success"], false, "{key}");
            assert_eq!(check["Error"], "", "{key}");
        }
    }
    let expected = of_2x("111-validate-bad");
    let answer = stage
        .api
        .send("POST", "/v1/validate/job", &[], &expected.request_body)
        .await;
    assert_eq!(answer.status, expected.status);
    assert_eq!(answer.header_names(), own_headers(&expected.headers));
});

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

// --- a Nomad in trouble ---

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
    for (moment, words) in [
        (
            &[
                "001-anonymous-jobs",
                "002-anonymous-nodes",
                "003-anonymous-job-x",
            ][..],
            "Permission denied",
        ),
        (&["011-bad-token-jobs"][..], "ACL token not found"),
    ] {
        let nomad = Replay::of("nomad-1.1.2-acl", moment).await;
        let (_server, api) = gateway(&nomad.url(), &[]).await;
        let answer = api.get("/v1/jobs").await;
        assert_eq!(answer.status, 403);
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert!(answer.text().contains(words), "{}", answer.text());
        assert!(answer.text().contains("gateway's"), "{}", answer.text());
    }
}
