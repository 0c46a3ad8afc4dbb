//! One moment of the recorded story of a Nomad with the gateway in front, and what
//! dtle 2.19.11.1 answered at the like moment of its own story.
//!
//! What the gateway answers has to have the status, the headers and the shape of
//! 2.x's recording, and the values that both stories share.

use local::gateway::Server;
use serde_json::{Map, Value, json};

use crate::client::own_headers;
use crate::cluster::{task, whole};
use crate::recording::DTLE_2;
use crate::{Answer, Client, Generation, Recording, Replay, Shape, gateway, ids, recording};

/// The job that the whole story is about.
pub const JOB: &str = "8ce4b408-8c64-41b9-04d7-baf451348e89";

/// The job beside it, which is deleted at the end.
pub const SECOND: &str = "69f299dc-49ee-a8c3-d95b-60b9afeaf186";

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
pub const RUNNING: &[&str] = &[
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
pub const PAUSED: &[&str] = &[
    "054-job-get-paused",
    "055-jobs-paused",
    "056-job-allocations-paused",
    "033-allocation-get-dest",
    "036-allocation-get-src",
    "058-job-resume-register-count-1",
];

/// Later: more jobs, among them failed ones, one that waits, a foreign one.
pub const MIXED: &[&str] = &[
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
pub struct Stage {
    /// The Nomad.
    pub nomad: Replay,
    /// The gateway.
    pub api: Client,
    /// The plugin's generation.
    pub generation: Generation,
    _server: Server,
}

impl Stage {
    /// The moment at which these recordings are what Nomad answers, beside those that
    /// never change in the story.
    pub async fn at(generation: Generation, moment: &[&str]) -> Self {
        Self::set(generation, moment, &[]).await
    }

    /// As [`at`](Self::at), with further settings for the gateway.
    ///
    /// # Panics
    /// When a recording does not exist.
    pub async fn set(generation: Generation, moment: &[&str], settings: &[(&str, &str)]) -> Self {
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
    #[must_use]
    pub fn recorded(&self, name: &str) -> Recording {
        recording(self.generation.recordings(), name)
    }

    /// `GET`, after which Nomad has been asked for nothing that it did not say.
    ///
    /// # Panics
    /// When it was.
    pub async fn get(&self, target: &str) -> Answer {
        let answer = self.api.get(target).await;
        assert_eq!(self.nomad.unknown(), Vec::<String>::new(), "{target}");
        answer
    }
}

/// A recording of 2.x.
#[must_use]
pub fn of_2x(name: &str) -> Recording {
    recording(DTLE_2, name)
}

/// The shape that the JSON of these recordings of 2.x has in common.
fn shape(names: &[&str]) -> Shape {
    let recordings: Vec<Recording> = names.iter().map(|name| of_2x(name)).collect();
    Shape::of(recordings.iter().map(Recording::json))
}

/// The shape of 2.x's lists of jobs.
#[must_use]
pub fn shape_of_jobs() -> Shape {
    shape(&[
        "001-jobs-empty",
        "004-jobs-right-after-create",
        "005-jobs-list-running",
        "057-jobs-list-paused",
        "118-jobs-list-many",
    ])
}

/// The shape of 2.x's jobs.
#[must_use]
pub fn shape_of_job() -> Shape {
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

/// The shape of 2.x's lists of allocations.
#[must_use]
pub fn shape_of_allocations() -> Shape {
    shape(&[
        "014-job-allocations",
        "026-allocations",
        "058-job-allocations-paused",
        "080-kafka-allocations",
        "083-failing-allocations",
    ])
}

/// The shape of 2.x's lists of evaluations.
#[must_use]
pub fn shape_of_evaluations() -> Shape {
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
pub fn teach_evaluation(evaluation: &mut Shape) {
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

/// The shape of a task's statistics. As 2.x documents it, DelayCount and its kin are
/// objects or null.
#[must_use]
pub fn shape_of_statistics() -> Shape {
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
///
/// # Panics
/// When they are not.
#[track_caller]
pub fn like(answer: &Answer, expected: &Recording) {
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

/// [`like`], and the JSON has this shape; returns the JSON.
///
/// # Panics
/// When it has another.
#[track_caller]
pub fn shaped(answer: &Answer, expected: &Recording, shape: &Shape) -> Value {
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

/// The index in an answer's header.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn index(answer: &Answer) -> u64 {
    answer.header("x-udup-index").unwrap().parse().unwrap()
}

/// The index in the header of an answer of Nomad's.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn nomad_index(recording: &Recording) -> u64 {
    recording.header("x-nomad-index").unwrap().parse().unwrap()
}

/// Checks that a list has items, in the order of their IDs.
///
/// # Panics
/// When it is not so.
#[track_caller]
pub fn sorted_by_id(list: &Value) {
    let ids = ids(list);
    assert!(!ids.is_empty());
    assert!(ids.is_sorted(), "{ids:?}");
}

/// An item of a list, by its ID.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn find<'a>(list: &'a Value, id: &str) -> &'a Value {
    let items = list.as_array().unwrap();
    let found = items.iter().find(|item| item["ID"] == id);
    found.unwrap_or_else(|| panic!("{id} is not in {:?}", ids(list)))
}

/// The Config of a task without what only a running 2.x server puts there, numbers as
/// numbers whatever they are printed like.
///
/// # Panics
/// When there is no such task.
#[must_use]
pub fn config(job: &Value, side: &str) -> Map<String, Value> {
    let mut config = task(job, side)["Config"].as_object().unwrap().clone();
    for live in ["NatsAddr", "BinlogFile", "BinlogPos", "Gtid"] {
        config.remove(live);
    }
    config
        .into_iter()
        .map(|(key, value)| (key, whole(&value)))
        .collect()
}
