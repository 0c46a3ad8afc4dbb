//! What was measured: medians over rounds, as a Markdown table and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::load::Run;
use crate::server::Server;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Contender {
    Nomad,
    Proxy,
    Gateway,
    Peer,
}

impl Contender {
    fn name(self) -> &'static str {
        match self {
            Self::Nomad => "Nomad",
            Self::Proxy => "bare proxy",
            Self::Gateway => "**gateway**",
            Self::Peer => "peer",
        }
    }
}

/// One contender in one round.
#[derive(Clone, Copy, Debug, Serialize)]
struct Measured {
    /// Requests a second.
    throughput: f64,
    /// Milliseconds.
    p50: f64,
    /// Milliseconds.
    p99: f64,
    /// Microseconds of its process's CPU a request.
    cpu: Option<f64>,
    /// Microseconds of Nomad's CPU a request.
    nomad_cpu: Option<f64>,
}

/// A route at so many connections.
#[derive(Debug, Serialize)]
struct Row {
    route: String,
    connections: usize,
    rounds: BTreeMap<Contender, Vec<Measured>>,
}

/// A cluster of some size, in one round. Times are seconds, CPU is microseconds
/// of the process a request.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Point {
    pub(crate) jobs: usize,
    pub(crate) nomad: f64,
    pub(crate) proxy: f64,
    pub(crate) proxy_cpu: Option<f64>,
    pub(crate) first: f64,
    pub(crate) first_cpu: Option<f64>,
    pub(crate) repeated: f64,
    pub(crate) repeated_cpu: Option<f64>,
    pub(crate) peer: Option<f64>,
    /// Every job asked of Nomad, eight at a time.
    pub(crate) gets: f64,
    /// Bytes that the gateway's process grew by with its first list.
    pub(crate) memory: u64,
    pub(crate) tasks: usize,
    /// The statistics of all tasks, eight at a time.
    pub(crate) statistics_first: f64,
    pub(crate) statistics_repeated: f64,
}

impl Point {
    pub(crate) fn new(jobs: usize) -> Self {
        Self {
            jobs,
            ..Self::default()
        }
    }
}

/// Everything measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: String,
    nomad: String,
    quick: bool,
    peer: bool,
    rows: Vec<Row>,
    pub(crate) growth: Vec<Point>,
}

impl Report {
    pub(crate) fn new(quick: bool, nomad: &Server, peer: bool) -> Self {
        Self {
            machine: machine(),
            nomad: nomad.url(),
            quick,
            peer,
            rows: Vec::new(),
            growth: Vec::new(),
        }
    }

    pub(crate) fn add(
        &mut self,
        route: &str,
        contender: Contender,
        connections: usize,
        run: &Run,
        cpu: Option<f64>,
        nomad_cpu: Option<f64>,
    ) {
        let measured = Measured {
            throughput: run.requests as f64 / run.seconds,
            p50: run.millis(0.5),
            p99: run.millis(0.99),
            cpu,
            nomad_cpu,
        };
        let last = self.rows.last_mut();
        let row = last.filter(|row| row.route == route && row.connections == connections);
        match row {
            Some(row) => row.rounds.entry(contender).or_default().push(measured),
            None => self.rows.push(Row {
                route: route.to_owned(),
                connections,
                rounds: BTreeMap::from([(contender, vec![measured])]),
            }),
        }
    }

    /// The tables of docs/performance.md.
    pub(crate) fn markdown(&self) -> String {
        let mut out = format!("{}.\n\n", self.machine);
        out.push_str("| route | conn. | | req/s | p50 ms | p99 ms | CPU µs | Nomad's CPU µs | CPU ÷ proxy | p50 ÷ proxy | req/s ÷ Nomad |\n");
        out.push_str("|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        for row in &self.rows {
            for contender in row.rounds.keys() {
                row.line(*contender, &mut out);
            }
        }
        if self.growth.is_empty() {
            return out;
        }
        out.push_str("\nLists: milliseconds, but memory.\n\n");
        out.push_str("| jobs | Nomad's list | bare proxy | first | that many GETs, 8 at a time | first ÷ GETs | repeated | repeated ÷ proxy | repeated CPU ÷ proxy | memory MB | statistics of so many tasks | first | repeated |\n");
        out.push_str("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        for points in self.growth.chunk_by(|a, b| a.jobs == b.jobs) {
            let of = |field: fn(&Point) -> f64| median(points.iter().map(field));
            let tasks = of(|point| point.tasks as f64);
            let _ = writeln!(
                out,
                "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.1} | {tasks} | {:.1} | {:.1} |",
                points.first().map_or(0, |point| point.jobs),
                of(|point| point.nomad * 1e3),
                of(|point| point.proxy * 1e3),
                of(|point| point.first * 1e3),
                of(|point| point.gets * 1e3),
                of(|point| point.first / point.gets),
                of(|point| point.repeated * 1e3),
                of(|point| point.repeated / point.proxy),
                of(|point| point.repeated_cpu.unwrap_or(0.0) / point.proxy_cpu.unwrap_or(f64::NAN)),
                of(|point| point.memory as f64 / f64::from(1 << 20)),
                of(|point| point.statistics_first * 1e3),
                of(|point| point.statistics_repeated * 1e3),
            );
        }
        out
    }
}

impl Row {
    fn line(&self, contender: Contender, out: &mut String) {
        let of = |field: fn(&Measured) -> Option<f64>| {
            let rounds = self.rounds.get(&contender).into_iter().flatten();
            number(median(rounds.filter_map(field)))
        };
        let to = |other: Contender, field: fn(&Measured) -> Option<f64>| {
            number(self.ratio(contender, other, field))
        };
        let compared = contender > Contender::Proxy;
        let dash = || "–".to_owned();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            self.route,
            self.connections,
            contender.name(),
            of(|measured| Some(measured.throughput)),
            of(|measured| Some(measured.p50)),
            of(|measured| Some(measured.p99)),
            of(|measured| measured.cpu),
            of(|measured| measured.nomad_cpu),
            if compared {
                to(Contender::Proxy, |m| m.cpu)
            } else {
                dash()
            },
            if compared {
                to(Contender::Proxy, |m| Some(m.p50))
            } else {
                dash()
            },
            if contender == Contender::Nomad {
                dash()
            } else {
                to(Contender::Nomad, |m| Some(m.throughput))
            },
        );
    }

    /// The median of the ratios within each round.
    fn ratio(
        &self,
        contender: Contender,
        other: Contender,
        field: fn(&Measured) -> Option<f64>,
    ) -> f64 {
        let ours = self.rounds.get(&contender).into_iter().flatten();
        let theirs = self.rounds.get(&other).into_iter().flatten();
        median(
            ours.zip(theirs)
                .filter_map(|(ours, theirs)| Some(field(ours)? / field(theirs)?)),
        )
    }
}

fn number(value: f64) -> String {
    match value {
        _ if value.is_nan() => "–".to_owned(),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
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

fn machine() -> String {
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
