//! The translation alone: no network, no Nomad. Its input is what real programs
//! said, from the recordings.
//!
//! ```text
//! cargo bench -p dtle-translate --bench translation
//! ```

// A benchmark that meets something odd should stop and say so.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dtle_translate::body::{self, Body};
use dtle_translate::policy::JobPolicy;
use dtle_translate::register::{Registration, document};
use dtle_translate::status::{Look, Status, first_look, recorded};
use dtle_translate::wire::{Job, JobStub, JobSummary};
use dtle_translate::{JobView, Layout, Side, job, statistics};
use serde_json::Value;

const JOB: &str =
    include_str!("../../../tests/recordings/nomad-1.1.2-dtle-4.23.04/024-job-get.json");
const JOBS: &str =
    include_str!("../../../tests/recordings/nomad-1.1.2-dtle-4.23.04/020-jobs-running.json");
const SIGNAL: &str = include_str!(
    "../../../tests/recordings/nomad-1.1.2-dtle-4.23.04/038-signal-stats-src-task.json"
);
const CREATE: &str = include_str!("../../../tests/recordings/dtle-2.19.11.1/002-jobs-create.json");

const JOBS_IN_A_LIST: u64 = 1_000;

fn part(recording: &str, pointer: &str) -> Value {
    let recording: Value = serde_json::from_str(recording).unwrap_or_default();
    recording.pointer(pointer).cloned().unwrap_or_default()
}

/// The status as far as it can be told without a further call.
fn status(job: &Job, summary: &JobSummary) -> Status {
    match first_look(job, summary) {
        Look::Known(status) => status,
        Look::Failed | Look::Waiting => recorded(job),
    }
}

fn benches(criterion: &mut Criterion) {
    let text = part(JOB, "/response/json").to_string();
    let stub = part(JOBS, "/response/json/0").to_string();
    let signal = part(SIGNAL, "/response/text");
    let signal = signal.as_str().unwrap_or_default();
    let create = part(CREATE, "/request/json").to_string();
    let whole: Job = serde_json::from_str(&text).unwrap_or_default();
    let summary = serde_json::from_str::<JobStub>(&stub)
        .ok()
        .and_then(|stub| stub.job_summary)
        .unwrap_or_default();
    assert!(whole.is_dtle(), "the recording holds no dtle job");
    assert!(
        statistics::of_signal(signal, Side::Src).is_some(),
        "no statistics"
    );
    assert!(body::parse(create.as_bytes()).is_ok(), "no job in the body");

    let mut group = criterion.benchmark_group("job");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("read", |bencher| {
        bencher.iter(|| serde_json::from_str::<Job>(black_box(&text)));
    });
    group.bench_function("translate and write", |bencher| {
        bencher.iter(|| {
            let job = black_box(&whole);
            let job = job::to_v2(&JobView::new(job), &status(job, &summary));
            serde_json::to_string(&job)
        });
    });
    group.finish();

    let list = format!(
        "[{}]",
        vec![stub.as_str(); JOBS_IN_A_LIST as usize].join(",")
    );
    let mut group = criterion.benchmark_group("list of 1,000 jobs");
    group.throughput(Throughput::Elements(JOBS_IN_A_LIST));
    group.bench_function("read the stubs", |bencher| {
        bencher.iter(|| serde_json::from_str::<Vec<JobStub>>(black_box(&list)));
    });
    group.bench_function("translate and write", |bencher| {
        bencher.iter(|| {
            let job = black_box(&whole);
            let list: Vec<_> = (0..JOBS_IN_A_LIST)
                .map(|_| {
                    let status = status(job, &summary);
                    job::to_stub(job::to_v2(&JobView::new(job), &status))
                })
                .collect();
            serde_json::to_string(&list)
        });
    });
    group.finish();

    let policy = JobPolicy::default();
    criterion.bench_function("body to registration", |bencher| {
        bencher.iter(|| {
            let Ok(Body::Job(spec)) = body::parse(black_box(create.as_bytes())) else {
                return String::new();
            };
            let document = document(Registration {
                spec: &spec,
                id: "job",
                region: Some("global"),
                layout: Layout::Merged,
                policy: &policy,
                existing: None,
                paused: false,
            });
            Value::Object(document).to_string()
        });
    });
    criterion.bench_function("statistics", |bencher| {
        bencher.iter(|| {
            let statistics = statistics::of_signal(black_box(signal), Side::Src);
            serde_json::to_string(&statistics)
        });
    });
}

criterion_group!(translation, benches);
criterion_main!(translation);
