//! `GET /metrics`: the replication in Prometheus's text format, as 2.x had it.
//!
//! No signal is sent. The figures of tasks come from the plugin's own metrics on the
//! nodes, the rest from the list of jobs and from Consul: one list, one read of Consul
//! and one request a node, however many jobs there are.

use dtle_nomad::ReadOptions;
use dtle_translate::JobView;
use dtle_translate::metrics::{OfJob, counts, text};
use dtle_translate::progress::Progress;

use crate::cluster::jobs;
use crate::context::Context;
use crate::document::{Answer, Doc, Readme};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "metrics",
    methods: &["GET"],
    paths: &["/metrics"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Servers",
        summary: "Metrics for Prometheus",
        readme: Readme {
            vendor: false,
            english: "[text for Prometheus](docs/monitoring.md)",
            chinese: "[Prometheus 文本](docs/monitoring.md)",
        },
        text: "The series of 2.x about tasks, `udup_…{task_name=\"<Name>_<Type>\"}`, where the plugins' addresses are set and their `publish_metrics` is on; and of each job its status, since when it has failed, how many transactions and seconds it is behind, and whether it is paused or started again, as `dtle_job_…`.",
        answer: Answer::Text,
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let nodes = async {
        match &context.app.plugins {
            Some(plugins) => plugins.metrics().await,
            None => Vec::new(),
        }
    };
    let options = ReadOptions::default();
    let jobs = jobs::all(context.reader(), &options);
    let (nodes, jobs) = tokio::join!(nodes, jobs);
    let (jobs, _) = jobs?;
    let jobs = jobs.value;
    let views: Vec<JobView<'_>> = jobs.iter().map(|job| JobView::new(&job.job)).collect();
    let mut shown = Vec::with_capacity(jobs.len());
    let counts = counts(&views, &nodes);
    for ((job, view), counts) in jobs.iter().zip(&views).zip(counts) {
        let stored = job.progress.as_ref().map(Progress::position);
        let since_progress = match stored {
            Ok(stored) if !stored.is_empty() => {
                let delay = context.delay();
                Some(delay.since_moved(&job.job.id, &stored).await)
            }
            _ => None,
        };
        shown.push(OfJob {
            view,
            status: &job.status,
            since_progress,
            behind: context.delay().counted(&job.job.id, counts).await,
        });
    }
    Ok(Reply::prometheus(text(&shown, &nodes)))
}
