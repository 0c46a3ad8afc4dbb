//! What is remembered of jobs, so that a repeated question costs Nomad less.
//!
//! A job is remembered with its version, which Nomad changes with the job, and as JSON:
//! a tree of it would take several times the room. Losing any of it costs time, never
//! truth.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dtle_nomad::{self as nomad, QueryMeta};
use dtle_translate::wire::{Job, JobVersionKey};

use super::state::Seen;
use crate::cluster::lists::{Lists, Question};
use crate::cluster::memo::Memo;
use crate::expiring::Expiring;
use crate::reply::text_of_job;

/// Bytes of jobs remembered: some 20,000 without long table lists. A list that did not
/// fit would push itself out with every reading. With what follows it has to leave room
/// in the memory that the template gives a function.
const JOBS: u64 = 64 << 20;
/// Bytes of whole lists remembered.
const LISTS: u64 = 48 << 20;
/// Bytes of single jobs remembered as they are answered.
const SINGLES: u64 = 16 << 20;
/// How many jobs' last looks are remembered; one without a failure takes some 200 bytes.
const SEEN: u64 = 50_000;
/// How long an ID with which many others begin is not looked for by its prefix.
const CROWD_FOR: Duration = Duration::from_secs(300);

/// A job as Nomad had it.
#[derive(Clone)]
pub(super) struct Remembered {
    /// What it stands for: Nomad changes it with the job.
    pub(super) version: JobVersionKey,
    /// The Name, under which the plugin keeps its progress.
    pub(super) name: Arc<str>,
    /// The job as JSON; `None` for another tenant's, which is not looked into.
    text: Option<Arc<str>>,
}

impl Remembered {
    /// Whether it is a dtle job.
    pub(super) fn is_dtle(&self) -> bool {
        self.text.is_some()
    }

    /// The job, if it is dtle's.
    pub(super) fn job(&self) -> Option<Job> {
        nomad::job(self.text.as_deref()?.as_bytes()).ok()
    }
}

/// What is remembered of jobs.
pub struct Cache {
    jobs: Memo<Remembered>,
    crowds: Memo<Expiring<()>>,
    seen: Memo<Seen>,
    pub(super) lists: Lists,
    pub(super) singles: Lists,
    /// The index of the jobs of the own region in the last answer that had it.
    jobs_index: AtomicU64,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            jobs: Memo::new(JOBS),
            crowds: Memo::new(1_000),
            seen: Memo::new(SEEN),
            lists: Lists::of_bytes(LISTS),
            singles: Lists::of_bytes(SINGLES),
            jobs_index: AtomicU64::new(0),
        }
    }
}

impl Cache {
    /// The job of that ID in a region as it was when it was last read. It may have
    /// changed since, or be gone.
    pub(super) fn last_job(&self, region: Option<&str>, id: &str) -> Option<Remembered> {
        self.jobs.get(&key(region, id))
    }

    /// The job in that version, if it is remembered. Its other indexes and its Status may
    /// have moved on since.
    pub(super) fn job(
        &self,
        region: Option<&str>,
        id: &str,
        version: JobVersionKey,
    ) -> Option<Remembered> {
        let known = self.last_job(region, id);
        known.filter(|known| known.version == version)
    }

    /// Remembers a job. Returns what is remembered of it.
    pub(super) fn insert_job(&self, region: Option<&str>, job: &Job) -> Remembered {
        let text = job.is_dtle().then(|| text_of_job(job));
        let remembered = Remembered {
            version: job.version(),
            name: job.name.as_str().into(),
            // Writing a job to memory does not fail.
            text: text.and_then(Result::ok).map(Into::into),
        };
        let key = key(region, &job.id).into_owned();
        let text = remembered.text.as_deref().map_or(0, str::len);
        let size = 256 + key.len() + remembered.name.len() + text;
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.jobs.insert_sized(key, remembered.clone(), size);
        remembered
    }

    /// The index of the jobs as it was when Nomad was last asked; 0 where that is not
    /// remembered, as of another region.
    pub(super) fn jobs_index(&self, of: &Question) -> u64 {
        match of.region {
            None => self.jobs_index.load(Ordering::Relaxed),
            Some(_) => 0,
        }
    }

    /// Remembers that index.
    pub(super) fn tell(&self, of: &Question, now: Option<QueryMeta>) {
        if let (None, Some(meta)) = (&of.region, now) {
            self.jobs_index.store(meta.index, Ordering::Relaxed);
        }
    }

    /// Forgets a job that is gone.
    pub(super) fn remove_job(&self, region: Option<&str>, id: &str) {
        self.jobs.remove(&key(region, id));
    }

    /// What the last look at a job's allocations has shown.
    pub(super) fn seen(&self, region: Option<&str>, id: &str) -> Option<Seen> {
        self.seen.get(&key(region, id))
    }

    /// Remembers what a look at a job's allocations has shown.
    pub(super) fn insert_seen(&self, region: Option<&str>, id: &str, seen: Seen) {
        self.seen.insert(key(region, id).into_owned(), seen);
    }

    /// Whether many jobs' IDs begin with this one.
    pub(super) fn is_crowded(&self, region: Option<&str>, id: &str) -> bool {
        let crowd = self.crowds.get(&key(region, id));
        crowd.is_some_and(|crowd| crowd.get().is_some())
    }

    /// Remembers for a while that many jobs' IDs begin with this one.
    pub(super) fn insert_crowd(&self, region: Option<&str>, id: &str) {
        let key = key(region, id).into_owned();
        self.crowds.insert(key, Expiring::new((), CROWD_FOR));
    }
}

/// What a job of a region is remembered under. Regions number their indexes apart, so
/// that one ID and one index can mean a job in each. No name of a region holds a NUL.
pub fn key<'a>(region: Option<&str>, id: &'a str) -> Cow<'a, str> {
    match region {
        None => Cow::Borrowed(id),
        Some(region) => Cow::Owned(format!("{region}\0{id}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(driver: &str) -> Job {
        let config = json!({"Gtid": "", "ReplicateDoDb": [{"TableSchema": "db"}],
            "SrcConnectionConfig": {"Host": "10.9.8.7", "Port": 3306, "User": "u", "Password": "p"}});
        let task = json!({"Name": "Src", "Driver": driver, "Config": config});
        let group = json!({"Name": "Src", "Count": 1, "Tasks": [task]});
        let job = json!({"ID": "a", "Name": "n", "JobModifyIndex": 7, "Meta": {"dtle2": "{}"}, "TaskGroups": [group]});
        serde_json::from_value(job).unwrap()
    }

    #[test]
    fn a_job_is_remembered_as_it_is_and_another_tenants_without_its_content() {
        let cache = Cache::default();
        cache.insert_job(None, &job("dtle"));
        let version = job("dtle").version();
        let known = cache.job(None, "a", version).unwrap();
        assert_eq!(known.job(), Some(job("dtle")));
        assert_eq!(&*known.name, "n");
        let later = JobVersionKey {
            job_modify_index: 8,
            ..version
        };
        assert!(cache.job(None, "a", later).is_none());
        let of_another_cluster = JobVersionKey {
            submit_time: 1,
            ..version
        };
        assert!(cache.job(None, "a", of_another_cluster).is_none());
        assert!(cache.job(Some("west"), "a", version).is_none());

        cache.insert_job(None, &job("exec"));
        let foreign = cache.last_job(None, "a").unwrap();
        assert!(!foreign.is_dtle() && foreign.job().is_none());

        cache.remove_job(None, "a");
        assert!(cache.last_job(None, "a").is_none());
    }

    #[test]
    fn thousands_of_usual_jobs_are_remembered() {
        let text = serde_json::to_vec(&job("dtle")).unwrap();
        let usual = u64::try_from(2 * text.len() + 256).unwrap();
        assert!(usual * 20_000 < JOBS, "{usual}");
    }
}
