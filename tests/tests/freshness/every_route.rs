//! Every route that reads, through two gateways, while several callers write.
//!
//! A caller holds what it was told, by whichever gateway, against what it is told next:
//! the objects of its own jobs and the nodes may only get newer. What Nomad has
//! confirmed counts as told.
//!
//! Three more variables are for a real cluster. `FRESHNESS_CALLERS` is how many write.
//! `FRESHNESS_PLACED` says that their tasks are to run on its nodes.
//! `FRESHNESS_DISTURBED` says that its servers fail meanwhile: an answer of 5xx is then
//! no answer, and a change that was not confirmed is followed by one that is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::contention::{Random, job};
use tests::{Answer, Client};

use super::{NODE, nomad, number, two_gateways};

/// How long a cluster may be without an answer.
const OUTAGE: Duration = Duration::from_secs(180);

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// What all callers count.
#[derive(Default)]
struct Counts {
    reads: AtomicUsize,
    changes: AtomicUsize,
    no_answers: AtomicUsize,
    doubts: AtomicUsize,
}

impl Counts {
    fn add(count: &AtomicUsize) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A job as its last confirmed change left it.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    paused: bool,
}

/// The newest ModifyIndex of each object that somebody was told of, by ID.
type Newest = BTreeMap<String, u64>;

struct Caller {
    apis: Vec<Client>,
    random: Random,
    counts: Arc<Counts>,
    ids: [String; 2],
    jobs: BTreeMap<String, Known>,
    /// Of the jobs, by their own ID.
    job_indexes: Newest,
    /// Of evaluations and allocations, each by the ID of its job.
    parts: BTreeMap<(&'static str, String), Newest>,
    nodes: Newest,
    round: u64,
    stale: Vec<String>,
}

const KINDS: [&str; 2] = ["allocations", "evaluations"];

impl Caller {
    fn new(number: u64, apis: Vec<Client>, counts: Arc<Counts>) -> Self {
        // One job's ID begins with the other's.
        let id = format!("every-{}-{number}x", std::process::id());
        Self {
            apis,
            random: Random::of(number),
            counts,
            ids: [id.clone(), format!("{id}-1")],
            jobs: BTreeMap::new(),
            job_indexes: Newest::new(),
            parts: BTreeMap::new(),
            nodes: Newest::new(),
            round: 0,
            stale: Vec::new(),
        }
    }

    fn api(&mut self) -> Client {
        self.random.of_these(&self.apis).clone()
    }

    /// Asks until there is an answer.
    async fn read(&mut self, target: &str) -> Answer {
        let end = Instant::now() + OUTAGE;
        loop {
            let api = self.api();
            // What a stale read brings must not come back in a read that is none.
            if self.random.below(8) == 0 {
                let mark = if target.contains('?') { '&' } else { '?' };
                api.get(&format!("{target}{mark}stale")).await;
            }
            Counts::add(&self.counts.reads);
            let answer = self.api().get(target).await;
            if answer.status < 500 {
                return answer;
            }
            Counts::add(&self.counts.no_answers);
            let may_fail = is_set("FRESHNESS_DISTURBED") && Instant::now() < end;
            assert!(may_fail, "{target}: {}", answer.shown());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Notes a change. Returns whether it was confirmed.
    fn change(&mut self, answer: &Answer) -> bool {
        Counts::add(&self.counts.changes);
        if answer.status == 200 {
            // There is something to change, unless the job that was read is an older one.
            let changed = answer.json()["Success"] != json!(false);
            if !changed {
                self.older(answer, "nothing to change");
            }
            return changed;
        }
        let may_fail = is_set("FRESHNESS_DISTURBED") && answer.status >= 500;
        assert!(may_fail, "{}: {}", answer.asked, answer.shown());
        Counts::add(&self.counts.doubts);
        false
    }

    /// Creates or updates a job, until that is confirmed.
    async fn update(&mut self, id: &str) {
        let end = Instant::now() + OUTAGE;
        let node = if is_set("FRESHNESS_PLACED") {
            None
        } else {
            NODE
        };
        for attempt in 0.. {
            let name = format!("{id}-{}-{attempt}", self.round);
            let body = job(id, std::slice::from_ref(&name), node);
            let answer = self.api().post_json("/v1/jobs", &body).await;
            if self.change(&answer) {
                let paused = false;
                self.jobs.insert(id.to_owned(), Known { name, paused });
                return;
            }
            assert!(Instant::now() < end, "{id} is never updated");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn one_change(&mut self, id: &str) {
        let known = self.jobs.get(id).cloned();
        match (self.random.below(5), known) {
            (0, Some(_)) => {
                let answer = self.api().delete(&format!("/v1/job/{id}")).await;
                if !self.change(&answer) {
                    // Perhaps it is deleted, and perhaps that comes late.
                    self.forget(id);
                    return self.update(id).await;
                }
                self.forget(id);
            }
            (1 | 2, Some(known)) => {
                let verb = if known.paused { "resume" } else { "pause" };
                let answer = self.api().post(&format!("/v1/job/{id}/{verb}")).await;
                if !self.change(&answer) {
                    return self.update(id).await;
                }
                let paused = !known.paused;
                self.jobs.insert(id.to_owned(), Known { paused, ..known });
            }
            _ => self.update(id).await,
        }
    }

    fn forget(&mut self, id: &str) {
        self.jobs.remove(id);
        self.job_indexes.remove(id);
        for kind in KINDS {
            self.parts.remove(&(kind, id.to_owned()));
        }
    }

    fn older(&mut self, answer: &Answer, what: impl std::fmt::Display) {
        let round = self.round;
        self.stale
            .push(format!("round {round}: {}: {what}", answer.asked));
    }

    /// A job as it was answered, alone or in the list.
    fn check_job(&mut self, answer: &Answer, id: &str, told: Option<&Value>) {
        let Some(known) = self.jobs.get(id).cloned() else {
            if told.is_some() {
                self.older(answer, format_args!("{id} was deleted"));
            }
            return;
        };
        let Some(told) = told else {
            return self.older(answer, format_args!("{id} is missing"));
        };
        let paused = told["Status"] == "pause";
        if told["Name"] != known.name.as_str() || paused != known.paused {
            let said = format!("{} {}", told["Name"], told["Status"]);
            self.older(answer, format_args!("{said}, and not {known:?}"));
        }
        let index = told["ModifyIndex"].as_u64().unwrap();
        let newest = self.job_indexes.entry(id.to_owned()).or_default();
        if index < *newest {
            let newest = *newest;
            return self.older(answer, format_args!("{id}: {index} after {newest}"));
        }
        *newest = index;
    }

    /// The allocations or evaluations of a job.
    fn check_parts(&mut self, answer: &Answer, kind: &'static str, id: &str, told: &[&Value]) {
        if !self.jobs.contains_key(id) {
            if !told.is_empty() {
                self.older(answer, format_args!("{id} was deleted and has {kind}"));
            }
            return;
        }
        let newest = self.parts.entry((kind, id.to_owned())).or_default();
        let faults = check_all(newest, told);
        for fault in faults {
            self.older(answer, fault);
        }
    }

    async fn ask(&mut self, route: u64, id: &str) {
        match route {
            0 => {
                // The list of one's own, or the whole one.
                let target = match self.random.below(4) {
                    0 => "/v1/jobs".to_owned(),
                    _ => format!("/v1/jobs?prefix={}", self.ids[0]),
                };
                let answer = self.read(&target).await;
                let list = answer.ok();
                for id in self.ids.clone() {
                    let mut all = list.as_array().unwrap().iter();
                    self.check_job(&answer, &id, all.find(|job| job["ID"] == *id));
                }
            }
            1 => {
                let answer = self.read(&format!("/v1/job/{id}")).await;
                let told = (answer.status == 200).then(|| answer.json());
                self.check_job(&answer, id, told.as_ref());
            }
            2 | 3 => {
                let kind = KINDS[usize::from(route == 3)];
                let answer = self.read(&format!("/v1/job/{id}/{kind}")).await;
                let list = answer.ok();
                let told: Vec<&Value> = list.as_array().unwrap().iter().collect();
                self.check_parts(&answer, kind, id, &told);
                if kind == "evaluations" && self.jobs.contains_key(id) && told.is_empty() {
                    self.older(&answer, "the job has an evaluation");
                }
            }
            4 | 5 => {
                let kind = KINDS[usize::from(route == 5)];
                let answer = self.read(&format!("/v1/{kind}")).await;
                let list = answer.ok();
                for id in self.ids.clone() {
                    let all = list.as_array().unwrap().iter();
                    let told: Vec<&Value> = all.filter(|one| one["JobID"] == *id).collect();
                    self.check_parts(&answer, kind, &id, &told);
                }
            }
            6 | 7 => {
                let kind = KINDS[usize::from(route == 7)];
                let of_job = self.parts.get(&(kind, id.to_owned()));
                let all: Vec<String> = of_job.into_iter().flat_map(Newest::keys).cloned().collect();
                if all.is_empty() {
                    return;
                }
                let part = self.random.of_these(&all).clone();
                let single = kind.trim_end_matches('s');
                let answer = self.read(&format!("/v1/{single}/{part}")).await;
                if answer.status == 404 {
                    return self.older(&answer, "it is there");
                }
                let told = answer.ok();
                let newest = self.parts.entry((kind, id.to_owned())).or_default();
                let before = newest.get(&part).copied().unwrap_or_default();
                let index = told["ModifyIndex"].as_u64().unwrap();
                newest.insert(part, index.max(before));
                if index < before {
                    self.older(&answer, format_args!("{index} after {before}"));
                }
            }
            _ => {
                let answer = self.read("/v1/nodes").await;
                let list = answer.ok();
                let told: Vec<&Value> = list.as_array().unwrap().iter().collect();
                for fault in check_all(&mut self.nodes, &told) {
                    self.older(&answer, fault);
                }
            }
        }
    }

    async fn run(mut self, rounds: u64) -> Vec<String> {
        for round in 0..rounds {
            self.round = round;
            let id = self.random.of_these(&self.ids).clone();
            self.one_change(&id).await;
            let mut routes: Vec<u64> = (0..9).collect();
            while !routes.is_empty() {
                let next = self.random.below(routes.len() as u64);
                let route = routes.swap_remove(usize::try_from(next).unwrap());
                self.ask(route, &id).await;
            }
        }
        for id in self.ids.clone() {
            let answer = self.api().delete(&format!("/v1/job/{id}")).await;
            assert!(answer.status < 500 || is_set("FRESHNESS_DISTURBED"));
        }
        self.stale
    }
}

/// Holds a list against what was told before, and notes what it tells.
fn check_all(newest: &mut Newest, told: &[&Value]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut missing: BTreeSet<String> = newest.keys().cloned().collect();
    for one in told {
        let id = one["ID"].as_str().unwrap();
        let index = one["ModifyIndex"].as_u64().unwrap();
        missing.remove(id);
        let before = newest.entry(id.to_owned()).or_default();
        if index < *before {
            faults.push(format!("{id}: {index} after {before}"));
        }
        *before = index.max(*before);
    }
    let missing = missing.iter().map(|id| format!("{id} is missing"));
    faults.extend(missing);
    faults
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_anything_older_than_before() {
    let callers = number("FRESHNESS_CALLERS", 8);
    let rounds = number("FRESHNESS_ROUNDS", 160) / callers;
    let (_nomad, url) = nomad().await;
    let (apis, _servers) = two_gateways(&url).await;
    let counts = Arc::new(Counts::default());
    let running: Vec<_> = (0..callers)
        .map(|number| {
            let caller = Caller::new(number, apis.clone(), Arc::clone(&counts));
            tokio::spawn(caller.run(rounds))
        })
        .collect();
    let mut stale = Vec::new();
    for caller in running {
        stale.extend(caller.await.unwrap());
    }
    println!(
        "{} changes, of which {} were not confirmed; {} reads, of which {} had no answer; {} older than what was told before",
        counts.changes.load(Ordering::Relaxed),
        counts.doubts.load(Ordering::Relaxed),
        counts.reads.load(Ordering::Relaxed),
        counts.no_answers.load(Ordering::Relaxed),
        stale.len(),
    );
    assert!(stale.is_empty(), "{stale:#?}");
}
