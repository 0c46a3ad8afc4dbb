//! How far a destination is behind, out of both sides' statistics.
//!
//! What Src has read and what Dest has applied come from two tasks, and that Dest
//! stands shows only between two looks. So both are remembered, by job.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dtle_nomad::{ReadOptions, Session};
use dtle_translate::Side;
use dtle_translate::delay::{behind, put_right};
use dtle_translate::v2::Statistics;
use moka::future::Cache;

use super::jobs::{self, Reader};
use super::statistics::{StatisticsCache, statistics};
use crate::clock::now;

const SECOND: i64 = 1_000_000_000;

/// For how long what one side said is compared with what the other says.
const FRESH: i64 = 40 * SECOND;

/// From when on a destination counts as standing: the plugin's own figures are up to
/// fifteen seconds old.
const STANDS: i64 = 15 * SECOND;

/// How long a job is remembered after its last look.
const REMEMBERED: Duration = Duration::from_secs(3_600);

#[derive(Default)]
struct Known {
    /// What Src has read, and when it said so.
    read: Option<(String, i64)>,
    /// What is applied, and when that was last heard.
    applied: Option<(String, i64)>,
    /// When it last moved, as far as was seen.
    moved: i64,
}

impl Known {
    fn note_applied(&mut self, gtid: &str, now: i64) {
        let same = self.applied.as_ref().is_some_and(|(old, _)| old == gtid);
        if !same {
            self.moved = now;
        }
        self.applied = Some((gtid.to_owned(), now));
    }

    /// Transactions behind, and for how many seconds that has not changed.
    fn delay(&self, now: i64) -> (Option<u64>, Option<u64>) {
        let fresh = |known: &Option<(String, i64)>| {
            let known = known.as_ref().filter(|(_, at)| now - at < FRESH);
            known.map(|(gtid, _)| gtid.clone())
        };
        let (Some(read), Some(applied)) = (fresh(&self.read), fresh(&self.applied)) else {
            return (None, None);
        };
        let stands = now - self.moved;
        let seconds = u64::try_from(stands / SECOND).unwrap_or_default();
        (
            behind(&read, &applied),
            (stands >= STANDS).then_some(seconds),
        )
    }
}

/// What is remembered of jobs' delays.
pub struct Delays {
    /// By region and job.
    jobs: Cache<String, Arc<Mutex<Known>>>,
    /// The Src of a Dest: allocation and task, by the Dest's allocation.
    sources: Cache<String, (String, String)>,
}

impl Default for Delays {
    fn default() -> Self {
        let jobs = Cache::builder().max_capacity(50_000);
        Self {
            jobs: jobs.time_to_idle(REMEMBERED).build(),
            sources: Cache::new(10_000),
        }
    }
}

/// What is needed to say how far a destination is behind.
#[derive(Clone, Copy)]
pub struct Delay<'a> {
    /// What is remembered of delays.
    pub delays: &'a Delays,
    /// What is remembered of running tasks.
    pub statistics: &'a StatisticsCache,
    /// Jobs and what belongs to them.
    pub reader: Reader<'a>,
}

impl Delay<'_> {
    /// The statistics of a task of a job's allocation, with a delay that is none of the
    /// plugin's false zeros.
    pub async fn honest(
        self,
        job: &str,
        allocation: &str,
        side: Side,
        said: &Statistics,
    ) -> Statistics {
        let known = self.known(job).await;
        let lock = |known: &Mutex<Known>, note: &dyn Fn(&mut Known)| {
            note(&mut known.lock().unwrap_or_else(PoisonError::into_inner));
        };
        let at = now();
        match side {
            Side::Src => {
                let read = &said.current_coordinates.gtid_set;
                lock(&known, &|known| known.read = Some((read.clone(), at)));
                if let Some(gtid) = self.stored(job).await {
                    lock(&known, &|known| known.note_applied(&gtid, at));
                }
            }
            Side::Dest => {
                let applied = &said.current_coordinates.retrieved_gtid_set;
                lock(&known, &|known| known.note_applied(applied, at));
                let heard = {
                    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
                    known
                        .read
                        .as_ref()
                        .is_some_and(|(_, heard)| at - heard < STANDS)
                };
                if !heard && let Some(read) = self.read_by_src(job, allocation).await {
                    lock(&known, &|known| known.read = Some((read.clone(), at)));
                }
            }
        }
        let (behind, standing) = {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.delay(at)
        };
        let mut said = said.clone();
        put_right(&mut said, side, behind, standing);
        said
    }

    /// For how many seconds a job's stored position has not moved, as far as was seen.
    pub async fn since_moved(self, job: &str, position: &str) -> u64 {
        let known = self.known(&format!("{job}\0stored")).await;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let at = now();
        known.note_applied(position, at);
        u64::try_from((at - known.moved) / SECOND).unwrap_or_default()
    }

    async fn known(self, job: &str) -> Arc<Mutex<Known>> {
        let region = self.reader.nomad.region().await.ok().flatten();
        let key = format!("{}\0{job}", region.unwrap_or_default());
        self.delays
            .jobs
            .get_with(key, async { Arc::default() })
            .await
    }

    /// What Consul has stored as applied.
    async fn stored(self, job: &str) -> Option<String> {
        let consul = jobs::consul(self.reader).await?;
        let progress = consul.progress(job).await.ok()?;
        let gtid = progress.gtid().to_owned();
        (!gtid.is_empty()).then_some(gtid)
    }

    /// What the Src of a job says that it has read.
    async fn read_by_src(self, job: &str, dest: &str) -> Option<String> {
        let nomad = self.reader.nomad;
        let source = match self.delays.sources.get(dest).await {
            Some(known) => Some(known),
            None => source_of(nomad, job).await,
        }?;
        let (allocation, task) = &source;
        let said = statistics(self.statistics, nomad, allocation, task, Side::Src).await;
        let Ok(Some(said)) = said else {
            // Perhaps another allocation has taken its place.
            self.delays.sources.invalidate(dest).await;
            return None;
        };
        self.delays
            .sources
            .insert(dest.to_owned(), source.clone())
            .await;
        Some(said.current_coordinates.gtid_set.clone())
    }
}

/// The allocation and the task that reads for a job now.
async fn source_of(nomad: &Session<'_>, job: &str) -> Option<(String, String)> {
    let list = nomad.job_allocations(job, &ReadOptions::default()).await;
    let is_src = |name: &str| Side::of_name(name) == Some(Side::Src);
    list.ok()?.value.into_iter().find_map(|one| {
        let mut tasks = one.task_states.keys();
        let task = tasks.find(|task| is_src(task) || is_src(&one.task_group))?;
        one.runs(task).then(|| (one.id.clone(), task.clone()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-";

    #[test]
    fn a_destination_stands_when_it_has_not_moved_between_two_looks() {
        let mut known = Known::default();
        let mut look = |read: u64, applied: u64, at: i64| {
            let at = at * SECOND;
            known.read = Some((format!("{SET}{read}"), at));
            known.note_applied(&format!("{SET}{applied}"), at);
            known.delay(at)
        };
        // The first look cannot tell.
        assert_eq!(look(10, 8, 100), (Some(2), None));
        assert_eq!(look(12, 10, 116), (Some(2), None));
        // Now it stands.
        assert_eq!(look(15, 10, 132), (Some(5), Some(16)));
        assert_eq!(look(15, 10, 192), (Some(5), Some(76)));
        assert_eq!(look(15, 15, 208), (Some(0), None));
        // What was said long ago is not compared.
        assert_eq!(known.delay(300 * SECOND), (None, None));
    }
}
