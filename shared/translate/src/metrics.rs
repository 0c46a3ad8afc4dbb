//! Prometheus text: what the plugin says on its nodes, under the names of 2.x, and what
//! 2.x had no names for.
//!
//! The plugin names a series `dtle_<host>_delay_time{task_name="<job>_<task>"}` (3.20)
//! or `dtle_delay_time{host="<host>",task_name="<job>_<task>"}` (4.23); 2.x named it
//! `udup_<host>_delay_time{task_name="<Name>_<Type>"}`, and without the host when
//! `disable_hostname` was set, as here.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::statistics::SINCE_1970;
use super::{JobView, Side};
use crate::status::Status;

/// The series of 2.x that the plugin has too, without their prefixes.
const OF_2X: &[&str] = &[
    "buffer_dest_queue_size",
    "buffer_send_by_size_full",
    "buffer_send_by_timeout",
    "buffer_src_queue_size",
    "delay_num",
    "delay_time",
    "network_in_bytes",
    "network_in_msgs",
    "network_out_bytes",
    "network_out_msgs",
    "table_delete",
    "table_insert",
    "table_update",
    "throughput_num",
    "throughput_time",
];

/// The plugin's counts of transactions, from 4.x on.
const READ: &str = "src_extracted_incr_tx_count";
const APPLIED: &str = "dest_applied_incr_tx_count";
/// A queue of Dest's that 2.x does not have, from 4.x on.
const SECOND_QUEUE: &str = "buffer_dest_queue2_size";
/// The queues through which a transaction goes.
const QUEUES: &[&str] = &[
    "buffer_src_queue_size",
    "buffer_dest_queue_size",
    SECOND_QUEUE,
];

/// The states that a job can have.
const STATES: &[&str] = &["complete", "dead", "pause", "pending", "running"];

/// A sample of the plugin's about one task.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    series: &'static str,
    task: String,
    value: f64,
}

/// What a node's plugin says about tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfNode(Vec<Sample>);

/// Reads what a node's plugin says; lines of any other kind are passed over.
#[must_use]
pub fn read(text: &str) -> OfNode {
    OfNode(text.lines().filter_map(sample).collect())
}

fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = line.split_once('{')?;
    let name = name.strip_prefix("dtle_")?;
    let known = OF_2X.iter().chain(&[READ, APPLIED, SECOND_QUEUE]);
    let series = *known
        .filter(|known| {
            let host = name.strip_suffix(**known);
            host.is_some_and(|host| host.is_empty() || host.ends_with('_'))
        })
        .max_by_key(|known| known.len())?;
    let (labels, value) = rest.rsplit_once('}')?;
    let (_, task) = labels.split_once("task_name=\"")?;
    let (task, _) = task.split_once('"')?;
    let value: f64 = value.split_whitespace().next()?.parse().ok()?;
    let task = task.to_owned();
    #[expect(clippy::cast_precision_loss, reason = "a round number")]
    let is_none = series == "delay_time" && value >= SINCE_1970 as f64;
    (value.is_finite() && !is_none).then_some(Sample {
        series,
        task,
        value,
    })
}

/// A job, as the metrics show it.
#[derive(Clone, Debug)]
pub struct OfJob<'a> {
    /// The job.
    pub view: &'a JobView<'a>,
    /// Its status.
    pub status: &'a Status,
    /// Seconds since what is stored as applied last moved, as far as was seen.
    pub since_progress: Option<u64>,
    /// How many transactions are behind.
    pub behind: Option<u64>,
}

/// How many transactions a job's tasks have handled, as they count themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Read by Src since its start, from 4.x on.
    pub read: Option<u64>,
    /// Applied by Dest since its start, from 4.x on.
    pub applied: Option<u64>,
    /// What waits in the queues of both: transactions, and in 4.x also groups of them.
    pub queued: Option<u64>,
}

/// What the nodes say that each job's tasks have handled.
#[must_use]
pub fn counts(jobs: &[JobView<'_>], nodes: &[(String, Option<OfNode>)]) -> Vec<Counts> {
    let mut all = vec![Counts::default(); jobs.len()];
    let numbered = jobs.iter().enumerate();
    let tasks: BTreeMap<String, usize> = numbered
        .flat_map(|(number, view)| names(view).into_iter().map(move |(name, _)| (name, number)))
        .collect();
    let samples = nodes.iter().flat_map(|(_, said)| said);
    for sample in samples.flat_map(|OfNode(samples)| samples) {
        let job = tasks.get(&sample.task);
        let Some(counts) = job.and_then(|number| all.get_mut(*number)) else {
            continue;
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count, which the plugin itself has as a whole number"
        )]
        let value = sample.value.max(0.0) as u64;
        match sample.series {
            // A task that has moved is counted where it has counted more.
            READ => counts.read = counts.read.max(Some(value)),
            APPLIED => counts.applied = counts.applied.max(Some(value)),
            series if QUEUES.contains(&series) => {
                counts.queued = Some(counts.queued.unwrap_or_default().saturating_add(value));
            }
            _ => {}
        }
    }
    all
}

/// The plugin's own names of a job's tasks.
fn names(view: &JobView<'_>) -> Vec<(String, Side)> {
    let tasks = view.tasks.iter();
    let named = tasks.map(|(side, _, task)| (format!("{}_{}", view.job.name, task.name), *side));
    named.collect()
}

/// Samples by series, since Prometheus wants those of a series together.
#[derive(Default)]
struct Text(BTreeMap<String, Vec<(String, f64)>>);

impl Text {
    fn add(&mut self, series: &str, labels: &[(&str, &str)], value: f64) {
        let mut written = String::new();
        for (name, value) in labels {
            if !written.is_empty() {
                written.push(',');
            }
            // A text never fails to take more.
            let _written = write!(written, "{name}=\"{}\"", escaped(value));
        }
        let samples = self.0.entry(series.to_owned()).or_default();
        samples.push((written, value));
    }

    fn written(&self) -> String {
        let mut text = String::new();
        for (series, samples) in &self.0 {
            if let Some((_, help)) = HELP.iter().find(|(known, _)| known == series) {
                let _written = writeln!(text, "# HELP {series} {help}");
            }
            let _written = writeln!(text, "# TYPE {series} gauge");
            for (labels, value) in samples {
                let _written = match labels.as_str() {
                    "" => writeln!(text, "{series} {value}"),
                    labels => writeln!(text, "{series}{{{labels}}} {value}"),
                };
            }
        }
        text
    }
}

/// What the series mean that are not 2.x's.
const HELP: &[(&str, &str)] = &[
    ("dtle_cluster_up", "Whether Nomad answered."),
    (
        "dtle_job_failed_since_seconds",
        "When a dead job failed, in Unix seconds.",
    ),
    ("dtle_job_paused", "Whether the job is paused."),
    (
        "dtle_job_retrying",
        "Whether a task of the job has failed and is started again.",
    ),
    (
        "dtle_job_seconds_since_progress",
        "Seconds since the position stored in Consul moved, as far as this process has seen; it also grows while the source is quiet.",
    ),
    (
        "dtle_job_status",
        "1 for the Status that the job has, 0 for the others.",
    ),
    (
        "dtle_job_transactions_behind",
        "Transactions that Src has read and Dest has not applied; of plugins before 4.x, those in the queues.",
    ),
    (
        "dtle_plugin_up",
        "Whether the plugin's metrics on this node answered.",
    ),
    (
        "udup_delay_time",
        "Seconds between a transaction on the source and its commit, of the last one committed.",
    ),
];

fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

/// The names of all series that [`text`] can write.
pub fn series() -> impl Iterator<Item = String> {
    let of_2x = OF_2X.iter().map(|series| format!("udup_{series}"));
    let own = HELP.iter().map(|(series, _)| (*series).to_owned());
    of_2x.chain(own.filter(|series| series.starts_with("dtle_")))
}

/// The whole text. `nodes`: what each node's plugin said, by its address; `None` where
/// it did not answer. Series of jobs that are gone, which the plugin keeps until its
/// process ends, are left out.
#[must_use]
pub fn text(jobs: &[OfJob<'_>], nodes: &[(String, Option<OfNode>)]) -> String {
    let mut text = Text::default();
    text.add("dtle_cluster_up", &[], 1.0);
    let mut tasks: BTreeMap<String, (&OfJob<'_>, Side)> = BTreeMap::new();
    for job in jobs {
        for (name, side) in names(job.view) {
            tasks.insert(name, (job, side));
        }
    }
    for (address, said) in nodes {
        let up = f64::from(u8::from(said.is_some()));
        text.add("dtle_plugin_up", &[("node", address)], up);
        for sample in said.iter().flat_map(|OfNode(samples)| samples) {
            let Some((job, side)) = tasks.get(&sample.task) else {
                continue;
            };
            if OF_2X.contains(&sample.series) {
                let id = job.view.job.id.as_str();
                let name = format!("{}_{side}", job.view.name());
                let labels = [("job_id", id), ("node", address), ("task_name", &name)];
                text.add(&format!("udup_{}", sample.series), &labels, sample.value);
            }
        }
    }
    for job in jobs {
        of_job(&mut text, job);
    }
    text.written()
}

fn of_job(text: &mut Text, job: &OfJob<'_>) {
    let labels = [
        ("job_id", job.view.job.id.as_str()),
        ("name", job.view.name()),
    ];
    let flag = |on: bool| f64::from(u8::from(on));
    for state in STATES {
        let [id, name] = labels;
        let labels = [id, name, ("status", *state)];
        text.add("dtle_job_status", &labels, flag(*state == job.status.word));
    }
    text.add("dtle_job_paused", &labels, flag(job.status.word == "pause"));
    let retrying = matches!(job.status.word, "running" | "pending") && job.status.retries;
    text.add("dtle_job_retrying", &labels, flag(retrying));
    if let Some(since) = job.status.since {
        let seconds = since.div_euclid(1_000_000_000);
        #[expect(clippy::cast_precision_loss, reason = "seconds fit into 53 bits")]
        text.add("dtle_job_failed_since_seconds", &labels, seconds as f64);
    }
    if job.status.word != "running" {
        return;
    }
    if let Some(seconds) = job.since_progress {
        #[expect(clippy::cast_precision_loss, reason = "seconds fit into 53 bits")]
        text.add("dtle_job_seconds_since_progress", &labels, seconds as f64);
    }
    if let Some(behind) = job.behind {
        #[expect(clippy::cast_precision_loss, reason = "a count of transactions")]
        text.add("dtle_job_transactions_behind", &labels, behind as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_lines_are_read_and_others_passed_over() {
        let three = r#"dtle_my_host_delay_time{task_name="a_Src"} 7"#;
        let four = r#"dtle_delay_time{host="vm",task_name="a_Src"} 7"#;
        for line in [three, four] {
            let OfNode(samples) = read(line);
            assert_eq!(samples.len(), 1, "{line}");
            assert_eq!(samples[0].series, "delay_time");
            assert_eq!((samples[0].task.as_str(), samples[0].value), ("a_Src", 7.0));
        }
        for line in [
            "",
            "# TYPE dtle_delay_time gauge",
            "go_goroutines 5",
            r#"dtle_delay_time{host="vm"} 7"#,
            r#"dtle_delay_time{task_name="a_Src"} NaN"#,
            r#"dtle_xdelay_time{task_name="a_Src"} 7"#,
            r#"dtle_delay_time{task_name="a_Src""#,
            r#"lightning_delay_time{task_name="a_Src"} 7"#,
            // 3.20's delay of a transaction that holds nothing of the job: since 1970.
            r#"dtle_vm_delay_time{task_name="a_Dest"} 1.795673856e+09"#,
        ] {
            assert_eq!(read(line), OfNode::default(), "{line}");
        }
    }
}
