//! How far a destination is behind, out of both sides' statistics.
//!
//! What Src has read and what Dest has applied come from two tasks, and that Dest
//! stands shows only between two looks. So both are remembered, by job.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use dtle_nomad::{ReadOptions, Session};
use dtle_translate::Side;
use dtle_translate::delay::{Counted, behind, put_right};
use dtle_translate::metrics::Counts;
use dtle_translate::v2::Statistics;

use super::jobs::{self, Reader};
use super::memo::Memo;
use super::statistics::{StatisticsCache, statistics};
use crate::clock::now;

const SECOND: i64 = 1_000_000_000;

/// For how long what one side said is compared with what the other says.
const FRESH: i64 = 40 * SECOND;

/// From when on a destination counts as standing: the plugin's own figures are up to
/// fifteen seconds old.
const STANDS: i64 = 15 * SECOND;

/// How many of Src's samples are remembered while they are not applied: ten minutes of
/// a dashboard.
const SAMPLES: usize = 40;

/// A GTID set, when it was true, and when that was heard.
#[derive(Clone)]
struct Heard {
    gtid: String,
    taken: i64,
    at: i64,
}

#[derive(Default)]
struct Known {
    /// What Src has read, by its samples, the newest last: the two newest, and before
    /// them those that are not applied.
    reads: VecDeque<Heard>,
    /// What is applied.
    applied: Option<Heard>,
    /// When it last moved, as far as was seen.
    moved: i64,
    /// What its tasks have counted.
    counted: Counted,
}

impl Known {
    fn note_read(&mut self, heard: &Heard) {
        if self
            .reads
            .back()
            .is_some_and(|old| old.taken == heard.taken)
        {
            self.reads.pop_back();
        }
        self.reads.push_back(heard.clone());
        let applied = self.applied.as_ref();
        let is_applied = |read: &Heard| {
            applied.is_some_and(|applied| behind(&read.gtid, &applied.gtid) == Some(0))
        };
        while self.reads.len() > SAMPLES
            || self.reads.len() > 2 && self.reads.front().is_some_and(is_applied)
        {
            self.reads.pop_front();
        }
    }

    fn note_applied(&mut self, heard: Heard) {
        let known = self.applied.as_ref();
        if known.is_none_or(|old| old.gtid != heard.gtid) {
            self.moved = heard.at;
        }
        self.applied = Some(heard);
    }

    /// Transactions behind, and for how many seconds some of them have waited at least.
    fn delay(&self, now: i64) -> (Option<u64>, Option<u64>) {
        let is_fresh = |known: &&Heard| now - known.at < FRESH;
        let applied = self.applied.as_ref().filter(is_fresh);
        let mut newest = self.reads.iter().rev();
        let (Some(read), Some(applied)) = (newest.next().filter(is_fresh), applied) else {
            return (None, None);
        };
        let late = behind(&read.gtid, &applied.gtid);
        let before = newest.next().filter(is_fresh);
        let since = before.map(|before| read_since(before, read, applied.taken));
        // What Src had read long before Dest took its figures, and Dest had not applied.
        let waits = |read: &&Heard| behind(&read.gtid, &applied.gtid).is_some_and(|late| late > 0);
        let oldest = self.reads.iter().find(waits);
        let waiting = oldest.map_or(0, |read| applied.taken.saturating_sub(read.taken));
        let waiting = waiting.max(now - self.moved);
        let seconds = u64::try_from(waiting / SECOND).unwrap_or_default();
        (
            late.map(|late| late.saturating_sub(since.unwrap_or_default())),
            (waiting >= STANDS).then_some(seconds),
        )
    }
}

/// About how many transactions Src has read since that time, as a part of those between
/// its last two samples: samples of the two tasks lie up to 15 s apart, and what was
/// read in between may be applied long since.
fn read_since(before: &Heard, read: &Heard, time: i64) -> u64 {
    let apart = read.taken.saturating_sub(before.taken);
    let part = read.taken.saturating_sub(time).clamp(0, apart.max(0));
    let all = behind(&read.gtid, &before.gtid).unwrap_or_default();
    let (Ok(part), Ok(apart @ 1..)) = (u128::try_from(part), u128::try_from(apart)) else {
        return 0;
    };
    u64::try_from(u128::from(all) * part / apart).unwrap_or_default()
}

/// What is remembered of jobs' delays.
pub struct Delays {
    /// By region and job.
    jobs: Memo<Arc<Mutex<Known>>>,
    /// The Src of a Dest: allocation and task, by the Dest's allocation.
    sources: Memo<(String, String)>,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            jobs: Memo::new(50_000),
            sources: Memo::new(10_000),
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
        let heard = |gtid: &str, taken| Heard {
            gtid: gtid.to_owned(),
            taken,
            at,
        };
        match side {
            Side::Src => {
                let read = heard(&said.current_coordinates.gtid_set, said.timestamp);
                lock(&known, &|known| known.note_read(&read));
                if let Some(gtid) = self.stored(job).await {
                    lock(&known, &|known| known.note_applied(heard(&gtid, at)));
                }
            }
            Side::Dest => {
                let applied = heard(&said.current_coordinates.retrieved_gtid_set, said.timestamp);
                lock(&known, &|known| known.note_applied(applied.clone()));
                let is_known = {
                    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
                    let newest = known.reads.back();
                    newest.is_some_and(|one| at - one.at < STANDS)
                };
                if !is_known && let Some(read) = self.read_by_src(job, allocation).await {
                    let read = heard(&read.current_coordinates.gtid_set, read.timestamp);
                    lock(&known, &|known| known.note_read(&read));
                }
            }
        }
        let (behind, waiting) = {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.delay(at)
        };
        let mut said = said.clone();
        put_right(&mut said, side, behind, waiting);
        said
    }

    /// For how many seconds a job's stored position has not moved, as far as was seen.
    pub async fn since_moved(self, job: &str, position: &str) -> u64 {
        let known = self.known(&format!("{job}\0stored")).await;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let at = now();
        known.note_applied(Heard {
            gtid: position.to_owned(),
            taken: at,
            at,
        });
        u64::try_from((at - known.moved) / SECOND).unwrap_or_default()
    }

    /// How many transactions a job is behind, by what its tasks have counted.
    pub async fn counted(self, job: &str, counts: Counts) -> Option<u64> {
        let (Some(read), Some(applied)) = (counts.read, counts.applied) else {
            return counts.queued;
        };
        let queued = counts.queued.unwrap_or_default();
        let known = self.known(&format!("{job}\0counted")).await;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        Some(known.counted.behind(read, applied, queued, now()))
    }

    async fn known(self, job: &str) -> Arc<Mutex<Known>> {
        let region = self.reader.nomad.region().await.ok().flatten();
        let key = format!("{}\0{job}", region.unwrap_or_default());
        let jobs = &self.delays.jobs;
        jobs.get_or_make(&key, |_| true, async { Arc::default() })
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
    async fn read_by_src(self, job: &str, dest: &str) -> Option<Arc<Statistics>> {
        let nomad = self.reader.nomad;
        let source = match self.delays.sources.get(dest) {
            Some(known) => Some(known),
            None => source_of(nomad, job).await,
        }?;
        let (allocation, task) = &source;
        let said = statistics(self.statistics, nomad, allocation, task, Side::Src).await;
        let Ok(Some(said)) = said else {
            // Perhaps another allocation has taken its place.
            self.delays.sources.remove(dest);
            return None;
        };
        self.delays.sources.insert(dest.to_owned(), source.clone());
        Some(said)
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

    /// All transactions up to a number, as a sample that was taken at a second says.
    fn heard(number: u64, taken: i64) -> Heard {
        Heard {
            gtid: format!("{SET}{number}"),
            taken: taken * SECOND,
            at: taken * SECOND,
        }
    }

    /// The delay after both tasks have said how far they are.
    fn look(known: &mut Known, read: u64, applied: u64, at: i64) -> (Option<u64>, Option<u64>) {
        known.note_read(&heard(read, at));
        known.note_applied(heard(applied, at));
        known.delay(at * SECOND)
    }

    #[test]
    fn a_destination_stands_when_it_has_not_moved_between_two_looks() {
        let mut known = Known::default();
        let mut look = |read, applied, at| look(&mut known, read, applied, at);
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

    #[test]
    fn what_src_has_read_since_dests_sample_is_not_behind() {
        // Ten transactions a second, all of them applied at once.
        let mut known = Known::default();
        known.note_read(&heard(1_000, 100));
        known.note_applied(heard(1_050, 105));
        known.note_read(&heard(1_150, 115));
        assert_eq!(known.delay(115 * SECOND).0, Some(0));
        // The destination stands since 105.
        known.note_applied(heard(1_050, 120));
        known.note_read(&heard(1_300, 130));
        assert_eq!(known.delay(130 * SECOND).0, Some(150));
        // Nothing is taken off when Dest's sample is the newer one.
        known.note_applied(heard(1_050, 135));
        assert_eq!(known.delay(135 * SECOND).0, Some(250));
    }

    #[test]
    fn a_destination_that_moves_slowly_is_late_by_what_it_has_not_applied() {
        let mut known = Known::default();
        let mut look = |read, applied, at| look(&mut known, read, applied, at);
        assert_eq!(look(100, 100, 100), (Some(0), None));
        assert_eq!(look(250, 120, 115), (Some(130), None));
        // What was read by 115 is not applied by 130 and 145, although it moves.
        assert_eq!(look(400, 140, 130), (Some(260), Some(15)));
        assert_eq!(look(550, 160, 145), (Some(390), Some(30)));
        // Now it is, and what was read by 130 is not.
        assert_eq!(look(600, 390, 160), (Some(210), Some(30)));
        assert_eq!(look(600, 600, 175), (Some(0), None));
    }
}
