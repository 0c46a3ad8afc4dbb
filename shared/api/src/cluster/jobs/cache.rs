//! What is remembered of jobs, so that a repeated question costs Nomad less.
//!
//! A job is remembered with its JobModifyIndex, which Nomad changes with the job, and
//! a list with Nomad's answer. So losing any of it costs time, never truth.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dtle_translate::progress::Progress;
use dtle_translate::status::Status;
use dtle_translate::wire::Job;

use crate::cluster::lists::{Lists, Sources};
use crate::expiring::Expiring;

/// Bytes of jobs remembered: some 10,000 without long table lists. A list that did not
/// fit would push itself out with every reading. With what follows it has to leave room
/// in the memory that the template gives a function.
const JOBS: u64 = 96 << 20;
/// Bytes of list entries remembered.
const ENTRIES: u64 = 24 << 20;
/// Bytes of whole lists remembered.
const LISTS: u64 = 32 << 20;
/// How long an ID with which many others begin is not looked for by its prefix.
const CROWD_FOR: Duration = Duration::from_secs(300);

/// What the list of jobs is made of. Nomad's names each job's indexes, which stand for
/// its document, and its counts.
#[derive(PartialEq)]
pub(super) struct ListSources {
    /// Nomad's answer.
    pub(super) nomad: Bytes,
    /// How far each job has come, by Name.
    pub(super) progress: BTreeMap<String, Progress>,
}

impl Sources for ListSources {
    fn size(&self) -> usize {
        let progress = self.progress.iter();
        let progress: usize = progress.map(|(name, p)| 128 + name.len() + p.size()).sum();
        self.nomad.len() + progress
    }
}

/// Everything that a job's entry in a list is made of, but the settings.
#[derive(PartialEq)]
pub(super) struct EntrySources {
    /// The job's JobModifyIndex, which stands for its whole document.
    pub(super) job_modify_index: u64,
    /// Its ModifyIndex.
    pub(super) modify_index: u64,
    /// Its 2.x status.
    pub(super) status: Status,
    /// How far it has come.
    pub(super) progress: Progress,
}

/// A job as Nomad has it, and about how many bytes it holds.
#[derive(Clone)]
struct Remembered {
    job: Arc<Job>,
    size: u32,
}

type Moka<V> = moka::future::Cache<String, V>;

/// What is remembered of jobs.
pub struct Cache {
    jobs: Moka<Remembered>,
    entries: Moka<(Arc<EntrySources>, Arc<str>)>,
    crowds: Moka<Expiring<()>>,
    pub(super) lists: Lists<ListSources>,
}

impl Default for Cache {
    fn default() -> Self {
        let job = |id: &String, job: &Remembered| {
            let id = u32::try_from(id.len()).unwrap_or(u32::MAX);
            job.size.saturating_add(id)
        };
        let entry = |id: &String, (_, text): &(_, Arc<str>)| {
            u32::try_from(id.len() + text.len() + 256).unwrap_or(u32::MAX)
        };
        Self {
            jobs: Moka::builder().max_capacity(JOBS).weigher(job).build(),
            entries: Moka::builder().max_capacity(ENTRIES).weigher(entry).build(),
            crowds: Moka::new(1_000),
            lists: Lists::of_bytes(LISTS),
        }
    }
}

impl Cache {
    /// The job of that ID in a region as it was when it was last read. It may have
    /// changed since, or be gone.
    pub(super) async fn last_job(&self, region: Option<&str>, id: &str) -> Option<Arc<Job>> {
        let known = self.jobs.get(&*key(region, id)).await;
        known.map(|known| known.job)
    }

    /// The job as it was at that JobModifyIndex, if it is remembered. Its other indexes
    /// and its Status may have moved on since.
    pub(super) async fn job(
        &self,
        region: Option<&str>,
        id: &str,
        job_modify_index: u64,
    ) -> Option<Arc<Job>> {
        let known = self.last_job(region, id).await;
        known.filter(|known| known.job_modify_index == job_modify_index)
    }

    /// Remembers a job.
    pub(super) async fn insert_job(&self, region: Option<&str>, job: &Arc<Job>) {
        let size = u32::try_from(size_of(job)).unwrap_or(u32::MAX);
        let job = Arc::clone(job);
        let key = key(region, &job.id).into_owned();
        self.jobs.insert(key, Remembered { job, size }).await;
    }

    /// A job's entry in a list as it was written from the same sources.
    pub(super) async fn entry(
        &self,
        region: Option<&str>,
        id: &str,
        sources: &EntrySources,
    ) -> Option<Arc<str>> {
        let (known, text) = self.entries.get(&*key(region, id)).await?;
        (*known == *sources).then_some(text)
    }

    /// Remembers a job's entry in a list.
    pub(super) async fn insert_entry(
        &self,
        region: Option<&str>,
        id: &str,
        sources: EntrySources,
        text: &Arc<str>,
    ) {
        let entry = (Arc::new(sources), Arc::clone(text));
        self.entries
            .insert(key(region, id).into_owned(), entry)
            .await;
    }

    /// Whether many jobs' IDs begin with this one.
    pub(super) async fn is_crowded(&self, region: Option<&str>, id: &str) -> bool {
        let crowd = self.crowds.get(&*key(region, id)).await;
        crowd.is_some_and(|crowd| crowd.get().is_some())
    }

    /// Remembers for a while that many jobs' IDs begin with this one.
    pub(super) async fn insert_crowd(&self, region: Option<&str>, id: &str) {
        let key = key(region, id).into_owned();
        self.crowds.insert(key, Expiring::new((), CROWD_FOR)).await;
    }
}

/// Regions number their indexes apart, so that one ID and one index can mean a
/// job in each. No name of a region holds a NUL.
fn key<'a>(region: Option<&str>, id: &'a str) -> Cow<'a, str> {
    match region {
        None => Cow::Borrowed(id),
        Some(region) => Cow::Owned(format!("{region}\0{id}")),
    }
}

/// About how many bytes a job holds.
fn size_of(job: &Job) -> usize {
    /// What one node of a map takes, which has room for eleven entries and mostly
    /// holds fewer. Of a long list of tables it is nearly all.
    const NODE: usize = 640;
    fn bytes_of(value: &serde_json::Value) -> usize {
        use serde_json::Value;
        32 + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(bytes_of).sum(),
            Value::Object(fields) => {
                let entries = fields.iter().map(|(key, item)| key.len() + bytes_of(item));
                NODE * fields.len().div_ceil(8) + entries.sum::<usize>()
            }
            _ => 0,
        }
    }
    let meta: usize = job.meta.iter().map(|(k, v)| k.len() + v.len() + 96).sum();
    let tasks: usize = job
        .task_groups
        .iter()
        .flat_map(|group| &group.tasks)
        .flat_map(|task| task.config.0.iter())
        .map(|(key, item)| key.len() + 48 + bytes_of(item))
        .sum();
    1_024 + meta + tasks
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_weighs_what_its_maps_take_and_thousands_of_usual_ones_are_remembered() {
        let job = |tables: usize| -> Job {
            let tables: Vec<_> = (0..tables)
                .map(|n| json!({"TableName": format!("table_{n}")}))
                .collect();
            let connection =
                json!({"Host": "10.9.8.7", "Port": 3306, "User": "u", "Password": "p"});
            let config = json!({"Gtid": "", "ReplicateDoDb": [{"TableSchema": "db", "Tables": tables}],
                "SrcConnectionConfig": connection, "DestConnectionConfig": connection});
            let task = json!({"Name": "Src", "Driver": "dtle", "Config": config});
            let group = json!({"Name": "Src", "Count": 1, "Tasks": [task]});
            serde_json::from_value(json!({"ID": "a", "Name": "a", "TaskGroups": [group]})).unwrap()
        };
        let usual = size_of(&job(1));
        assert!(u64::try_from(usual).unwrap() * 10_000 < JOBS, "{usual}");
        // A map with one entry takes a whole node.
        assert!(size_of(&job(1_001)) - usual > 1_000 * 640);
    }
}
