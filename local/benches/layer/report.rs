//! What was measured: each contender's rounds, their medians and ratios, and the goals.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::load::Run;

/// Who is measured in every run. Peers have the names that they are given.
pub(crate) const NOMAD: &str = "Nomad";
pub(crate) const PROXY: &str = "proxy";
pub(crate) const GATEWAY: &str = "gateway";
/// The peer that two of the goals speak of.
pub(crate) const NGINX: &str = "nginx";
/// What else stands beside the gateway in single rows.
pub(crate) const GETS: &str = "GETs";
pub(crate) const ONE_CALLER: &str = "one caller";
pub(crate) const ANY_JOB: &str = "any job";

/// Callers that ask for a list at the same time.
pub(crate) const CROWD: usize = 16;

pub(crate) const GET_JOB: &str = "GET /v1/job/{id}";
pub(crate) const UPDATE: &str = "POST /v1/jobs (update)";

/// What a row is about. Numbers are numbers of jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    Route(String),
    /// The first list of a process that remembers nothing.
    First(usize),
    /// Lists after that.
    Repeated(usize),
    /// The same, compressed for who compresses; Nomad's own is not.
    Zipped(usize),
    /// The first list, asked for by many callers at once.
    Crowd(usize),
    /// A job whose ID begins the IDs of so many others.
    Named(usize),
}

/// One contender in one round.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Measured {
    /// Requests a second.
    pub(crate) throughput: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    /// Milliseconds.
    pub(crate) p99: f64,
    /// Microseconds of its process's CPU a request.
    pub(crate) cpu: Option<f64>,
    /// Microseconds of Nomad's CPU a request.
    pub(crate) nomad_cpu: Option<f64>,
    /// The size of an answer.
    pub(crate) bytes: Option<f64>,
    /// Bytes a job by which its process has grown since it was ready.
    pub(crate) memory: Option<f64>,
    /// Requests to Nomad.
    pub(crate) calls: Option<f64>,
}

impl Measured {
    /// Of many requests.
    pub(crate) fn each(run: &Run) -> Self {
        Self {
            throughput: run.requests as f64 / run.seconds,
            p50: run.millis(0.5),
            p99: run.millis(0.99),
            bytes: Some(run.bytes as f64),
            ..Self::default()
        }
    }

    /// Of requests that are done when all of them are.
    pub(crate) fn together(run: &Run) -> Self {
        Self {
            p50: run.seconds * 1e3,
            p99: run.seconds * 1e3,
            ..Self::each(run)
        }
    }

    /// Of several of one kind: the mean of their times.
    pub(crate) fn mean(of: &[Self]) -> Self {
        let mean = |figure: fn(&Self) -> f64| {
            let sum: f64 = of.iter().map(figure).sum();
            sum / of.len().max(1) as f64
        };
        Self {
            throughput: mean(|one| one.throughput),
            p50: mean(|one| one.p50),
            p99: mean(|one| one.p99),
            ..of.last().copied().unwrap_or_default()
        }
    }
}

/// Which figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Throughput,
    P50,
    P99,
    Cpu,
    Bytes,
    Memory,
    Calls,
}

impl Metric {
    fn of(self, measured: &Measured) -> Option<f64> {
        match self {
            Self::Throughput => Some(measured.throughput),
            Self::P50 => Some(measured.p50),
            Self::P99 => Some(measured.p99),
            Self::Cpu => measured.cpu,
            Self::Bytes => measured.bytes,
            Self::Memory => measured.memory,
            Self::Calls => measured.calls,
        }
    }
}

/// A question at so many connections.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) what: What,
    pub(crate) connections: usize,
    pub(crate) rounds: BTreeMap<String, Vec<Measured>>,
}

impl Row {
    /// NaN where nothing was measured.
    pub(crate) fn median(&self, who: &str, metric: Metric) -> f64 {
        let rounds = self.rounds.get(who).into_iter().flatten();
        median(rounds.filter_map(|measured| metric.of(measured)))
    }

    /// The median of the ratios within each round.
    pub(crate) fn ratio(&self, who: &str, other: &str, metric: Metric) -> f64 {
        let ours = self.rounds.get(who).into_iter().flatten();
        let theirs = self.rounds.get(other).into_iter().flatten();
        median(
            ours.zip(theirs)
                .filter_map(|(ours, theirs)| Some(metric.of(ours)? / metric.of(theirs)?)),
        )
    }
}

/// Everything measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: String,
    pub(crate) date: String,
    pub(crate) commit: String,
    /// The release of a real Nomad.
    pub(crate) nomad: Option<String>,
    pub(crate) peers: Vec<String>,
    /// Jobs in the small and in the large cluster, and those with a common beginning.
    pub(crate) sizes: [usize; 3],
    pub(crate) rows: Vec<Row>,
}

impl Report {
    pub(crate) fn add(&mut self, what: &What, connections: usize, who: &str, measured: Measured) {
        let same = |row: &&mut Row| row.what == *what && row.connections == connections;
        let row = match self.rows.iter_mut().find(same) {
            Some(row) => row,
            None => {
                self.rows.push(Row {
                    what: what.clone(),
                    connections,
                    rounds: BTreeMap::new(),
                });
                self.rows.last_mut().expect("one was added")
            }
        };
        let rounds = row.rounds.entry(who.to_owned()).or_default();
        rounds.push(measured);
    }

    /// What a contender's process holds at the end of its last round.
    pub(crate) fn remember(&mut self, what: &What, who: &str, memory: f64) {
        let mut rows = self.rows.iter_mut();
        let row = rows.find(|row| row.what == *what);
        let last = row.and_then(|row| row.rounds.get_mut(who)?.last_mut());
        if let Some(last) = last {
            last.memory = Some(memory);
        }
    }

    pub(crate) fn row(&self, what: &What, connections: usize) -> Option<&Row> {
        let mut rows = self.rows.iter();
        rows.find(|row| row.what == *what && row.connections == connections)
    }

    /// The sizes at which lists were measured, ascending.
    pub(crate) fn list_sizes(&self) -> Vec<usize> {
        let sizes = self.rows.iter().filter_map(|row| match row.what {
            What::First(size) => Some(size),
            _ => None,
        });
        sizes.collect()
    }

    /// Everybody who is measured throughout.
    pub(crate) fn contenders(&self) -> Vec<&str> {
        let peers = self.peers.iter().map(String::as_str);
        [NOMAD, PROXY, GATEWAY].into_iter().chain(peers).collect()
    }
}

/// What the gateway's figure, or its ratio to another's, has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    pub(crate) fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

/// A goal.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    pub(crate) what: What,
    pub(crate) connections: usize,
    pub(crate) metric: Metric,
    /// Whose figure is one; nobody's where the figure itself is bound.
    pub(crate) beside: Option<&'static str>,
    pub(crate) bound: Bound,
}

/// All goals.
pub(crate) fn goals([small, large, others]: [usize; 3]) -> Vec<Goal> {
    let route = |name: &str| What::Route(name.to_owned());
    let goal = |what, connections, metric, beside, bound| Goal {
        what,
        connections,
        metric,
        beside,
        bound,
    };
    use Bound::{AtLeast, AtMost};
    use Metric::{Calls, Cpu, Memory, P50, Throughput};
    vec![
        goal(route(GET_JOB), 1, P50, Some(NGINX), AtMost(1.15)),
        goal(route(GET_JOB), 8, Throughput, Some(NGINX), AtLeast(1.0)),
        goal(What::Repeated(small), 1, P50, Some(NOMAD), AtMost(0.5)),
        goal(What::Zipped(small), 1, P50, Some(NOMAD), AtMost(0.5)),
        goal(What::First(small), 1, P50, Some(GETS), AtMost(1.5)),
        goal(What::Zipped(large), 1, P50, Some(NOMAD), AtMost(0.5)),
        goal(
            What::Crowd(large),
            CROWD,
            P50,
            Some(ONE_CALLER),
            AtMost(1.3),
        ),
        // Each of the callers may ask whether anything has changed.
        goal(
            What::Crowd(large),
            CROWD,
            Calls,
            Some(ONE_CALLER),
            AtMost(1.01),
        ),
        goal(What::First(large), 1, Memory, None, AtMost(4_000.0)),
        // As any job, but for what two measurements of the same differ by.
        goal(
            What::Named(others),
            8,
            Throughput,
            Some(ANY_JOB),
            AtLeast(0.9),
        ),
        goal(route(UPDATE), 1, Cpu, Some(PROXY), AtMost(4.0)),
        goal(route(UPDATE), 8, Cpu, Some(PROXY), AtMost(4.0)),
    ]
}

/// The middle one; NaN of none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 {
        return upper;
    }
    let lower = values.len().checked_sub(2).map(|_| values.len() / 2 - 1);
    let lower = lower.and_then(|position| values.get(position));
    lower.map_or(upper, |lower| f64::midpoint(*lower, upper))
}

/// This machine, in a few words.
pub(crate) fn machine() -> String {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown CPU", |(_, model)| model)
        .to_owned();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    format!(
        "{model}, {cores} cores, Linux {}, load before the run {}",
        kernel.trim(),
        load.split(' ').next().unwrap_or_default()
    )
}
