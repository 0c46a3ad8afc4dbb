//! What a warm process remembers, so that a repeated question costs Nomad less.
//!
//! Everything here is keyed by an index that Nomad changes with the thing, or
//! never changes at all, and bounded. Losing all of it costs time, never truth.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dtle_translate::progress::Progress;
use dtle_translate::status::Status;
use dtle_translate::v2::Statistics;
use dtle_translate::wire::Job;
use dtle_translate::{Layout, Side};
use moka::sync::Cache;

/// How long statistics are shared. The plugin refreshes its figures every 15 s,
/// and every signal costs the cluster a write and pushes an event out of the
/// task's ten.
const STATISTICS_FOR: Duration = Duration::from_secs(15);
/// How long it is believed that a task has no statistics yet: less long, since
/// its first ones are waited for.
const SILENCE_FOR: Duration = Duration::from_secs(3);
/// How long the plugin's generation is believed.
const LAYOUT_FOR: Duration = Duration::from_secs(60);
/// How long an ID with which many others begin is not looked for by its prefix.
const CROWD_FOR: Duration = Duration::from_secs(300);
/// Bytes of jobs remembered: some 10,000 without long table lists. A list that
/// did not fit would push itself out with every reading. With what follows it has
/// to leave room in the memory that the template gives a function.
const JOBS: u64 = 96 << 20;

/// Bytes of list entries remembered.
const ENTRIES: u64 = 24 << 20;

/// Bytes of whole lists remembered.
const LISTS: u64 = 32 << 20;

/// A list that callers ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// All jobs whose ID begins so.
    Jobs {
        /// The beginning.
        prefix: String,
    },
    /// The allocations of a job.
    Allocations {
        /// Its ID.
        job: String,
        /// Those of earlier jobs of that ID, too.
        all: bool,
    },
}

/// All that a list is made of, but the settings. Nomad's list of jobs names each
/// job's indexes, which stand for its document, and its counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Sources {
    /// Nomad's list of jobs.
    Jobs {
        /// Nomad's answer.
        nomad: Bytes,
        /// How far each job has come, by Name.
        progress: BTreeMap<String, Progress>,
    },
    /// Nomad's list of a job's allocations.
    Allocations {
        /// Nomad's answer.
        nomad: Bytes,
        /// The job's JobModifyIndex, which stands for its document.
        job_modify_index: u64,
    },
}

impl Question {
    /// About how many bytes it holds.
    const fn size(&self) -> usize {
        match self {
            Self::Jobs { prefix: text } | Self::Allocations { job: text, .. } => text.len(),
        }
    }
}

impl Sources {
    /// About how many bytes they hold.
    fn size(&self) -> usize {
        match self {
            Self::Jobs { nomad, progress } => {
                let progress = progress.iter();
                let progress: usize = progress.map(|(name, p)| 128 + name.len() + p.size()).sum();
                nomad.len() + progress
            }
            Self::Allocations { nomad, .. } => nomad.len(),
        }
    }
}

struct Written {
    sources: Sources,
    text: Arc<str>,
}

impl Written {
    /// About how many bytes it holds. An empty one holds some too, and a caller
    /// can ask for as many empty lists as there are prefixes.
    fn size(&self) -> usize {
        512 + self.sources.size() + self.text.len()
    }
}

/// Everything that a job's entry in a list is made of, but the settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Ingredients {
    /// The job's JobModifyIndex, which stands for its whole document.
    pub job_modify_index: u64,
    /// Its ModifyIndex.
    pub modify_index: u64,
    /// Its 2.x status.
    pub status: Status,
    /// How far it has come.
    pub progress: Progress,
}

/// A job as Nomad has it, and about how many bytes it holds.
#[derive(Clone)]
struct Remembered {
    job: Arc<Job>,
    size: u32,
}

/// The dtle tasks of an allocation, by their names in Nomad. They stay what they
/// are for as long as it is there: other tasks are other allocations.
pub type Tasks = Arc<[(Side, String)]>;

/// What a warm process remembers.
pub struct Memory {
    jobs: Cache<String, Remembered>,
    entries: Cache<String, (Arc<Ingredients>, Arc<str>)>,
    lists: Cache<(Option<String>, Question), Arc<Written>>,
    crowds: Cache<String, ()>,
    addresses: Cache<String, (u64, String)>,
    tasks: Cache<String, Tasks>,
    statistics: Cache<(String, String), Arc<Statistics>>,
    silences: Cache<(String, String), ()>,
    layout: Cache<Option<String>, Layout>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            jobs: Cache::builder()
                .max_capacity(JOBS)
                .weigher(|id: &String, job: &Remembered| {
                    job.size
                        .saturating_add(u32::try_from(id.len()).unwrap_or(u32::MAX))
                })
                .build(),
            entries: Cache::builder()
                .max_capacity(ENTRIES)
                .weigher(|id: &String, (_, text): &(_, Arc<str>)| {
                    u32::try_from(id.len() + text.len() + 256).unwrap_or(u32::MAX)
                })
                .build(),
            lists: Cache::builder()
                .max_capacity(LISTS)
                .weigher(|key: &(Option<String>, Question), list: &Arc<Written>| {
                    u32::try_from(key.1.size() + list.size()).unwrap_or(u32::MAX)
                })
                .build(),
            crowds: Cache::builder()
                .max_capacity(1_000)
                .time_to_live(CROWD_FOR)
                .build(),
            addresses: Cache::new(10_000),
            tasks: Cache::new(10_000),
            statistics: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(STATISTICS_FOR)
                .build(),
            silences: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(SILENCE_FOR)
                .build(),
            layout: Cache::builder()
                .max_capacity(16)
                .time_to_live(LAYOUT_FOR)
                .build(),
        }
    }
}

impl Memory {
    /// The job of that ID in a region as it was when it was last read. It may
    /// have changed since, or be gone.
    #[must_use]
    pub fn last_job(&self, region: Option<&str>, id: &str) -> Option<Arc<Job>> {
        self.jobs.get(&*key(region, id)).map(|known| known.job)
    }

    /// The job as it was at that JobModifyIndex, if it is remembered. Its other
    /// indexes and its Status may have moved on since.
    #[must_use]
    pub fn job(&self, region: Option<&str>, id: &str, job_modify_index: u64) -> Option<Arc<Job>> {
        self.last_job(region, id)
            .filter(|known| known.job_modify_index == job_modify_index)
    }

    /// Remembers a job.
    pub fn remember_job(&self, region: Option<&str>, job: &Arc<Job>) {
        let size = u32::try_from(size_of(job)).unwrap_or(u32::MAX);
        self.jobs.insert(
            key(region, &job.id).into_owned(),
            Remembered {
                job: Arc::clone(job),
                size,
            },
        );
    }

    /// A job's entry in a list as it was written from the same ingredients.
    #[must_use]
    pub fn entry(
        &self,
        region: Option<&str>,
        id: &str,
        ingredients: &Ingredients,
    ) -> Option<Arc<str>> {
        self.entries
            .get(&*key(region, id))
            .filter(|(known, _)| **known == *ingredients)
            .map(|(_, text)| text)
    }

    /// Remembers a job's entry in a list.
    pub fn remember_entry(
        &self,
        region: Option<&str>,
        id: &str,
        ingredients: Ingredients,
        text: &Arc<str>,
    ) {
        self.entries.insert(
            key(region, id).into_owned(),
            (Arc::new(ingredients), Arc::clone(text)),
        );
    }

    /// A list as it was written from the same sources.
    #[must_use]
    pub fn list(
        &self,
        region: Option<&str>,
        question: &Question,
        sources: &Sources,
    ) -> Option<Arc<str>> {
        self.lists
            .get(&(region.map(str::to_owned), question.clone()))
            .filter(|known| known.sources == *sources)
            .map(|known| Arc::clone(&known.text))
    }

    /// Remembers a list.
    pub fn remember_list(
        &self,
        region: Option<&str>,
        question: Question,
        sources: Sources,
        text: &Arc<str>,
    ) {
        self.lists.insert(
            (region.map(str::to_owned), question),
            Arc::new(Written {
                sources,
                text: Arc::clone(text),
            }),
        );
    }

    /// Whether many jobs' IDs begin with this one.
    #[must_use]
    pub fn is_crowded(&self, region: Option<&str>, id: &str) -> bool {
        self.crowds.contains_key(&*key(region, id))
    }

    /// Remembers for a while that many jobs' IDs begin with this one.
    pub fn remember_crowd(&self, region: Option<&str>, id: &str) {
        self.crowds.insert(key(region, id).into_owned(), ());
    }

    /// The HTTP address of a node, as of that ModifyIndex.
    #[must_use]
    pub fn address(&self, region: Option<&str>, node: &str, modify_index: u64) -> Option<String> {
        self.addresses
            .get(&*key(region, node))
            .filter(|(known, _)| *known == modify_index)
            .map(|(_, address)| address)
    }

    /// Remembers the HTTP address of a node.
    pub fn remember_address(
        &self,
        region: Option<&str>,
        node: &str,
        modify_index: u64,
        address: &str,
    ) {
        self.addresses.insert(
            key(region, node).into_owned(),
            (modify_index, address.to_owned()),
        );
    }

    /// The dtle tasks of an allocation.
    #[must_use]
    pub fn tasks(&self, region: Option<&str>, allocation: &str) -> Option<Tasks> {
        self.tasks.get(&*key(region, allocation))
    }

    /// Remembers the dtle tasks of an allocation.
    pub fn remember_tasks(&self, region: Option<&str>, allocation: &str, tasks: &Tasks) {
        self.tasks
            .insert(key(region, allocation).into_owned(), Arc::clone(tasks));
    }

    /// What a task said of itself within the last seconds: `Some(None)` when it
    /// said that it has nothing to say.
    #[must_use]
    pub fn statistics(
        &self,
        region: Option<&str>,
        allocation: &str,
        task: &str,
    ) -> Option<Option<Arc<Statistics>>> {
        let key = (key(region, allocation).into_owned(), task.to_owned());
        match self.statistics.get(&key) {
            None if self.silences.contains_key(&key) => Some(None),
            known => known.map(Some),
        }
    }

    /// Remembers what a task said of itself.
    pub fn remember_statistics(
        &self,
        region: Option<&str>,
        allocation: &str,
        task: &str,
        statistics: Option<Arc<Statistics>>,
    ) {
        let key = (key(region, allocation).into_owned(), task.to_owned());
        match statistics {
            Some(statistics) => self.statistics.insert(key, statistics),
            None => self.silences.insert(key, ()),
        }
    }

    /// The generation of the plugin in a region.
    #[must_use]
    pub fn layout(&self, region: Option<&str>) -> Option<Layout> {
        self.layout.get(&region.map(str::to_owned))
    }

    /// Remembers the generation of the plugin in a region.
    pub fn remember_layout(&self, region: Option<&str>, layout: Layout) {
        self.layout.insert(region.map(str::to_owned), layout);
    }
}

/// Regions number their indexes apart, so that one ID and one index can mean a
/// job in each. `None` is the gateway's own region, whatever its name: a session
/// that was sent there by name has it, too. No name of a region holds a NUL.
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
    fn lists_that_hold_nothing_do_not_pile_up() {
        let memory = Memory::default();
        let progress = |gtid: &str| {
            let mut progress = Progress::default();
            progress.set("Gtid", gtid.to_owned());
            BTreeMap::from([("job".to_owned(), progress)])
        };
        let remember = |prefix: &str, progress| {
            let prefix = prefix.to_owned();
            let nomad = Bytes::from_static(b"[]");
            let sources = Sources::Jobs { nomad, progress };
            memory.remember_list(None, Question::Jobs { prefix }, sources, &"[]".into());
        };
        let large = "x".repeat(1 << 20);
        for n in 0..64 {
            remember(&format!("{n}{large}"), BTreeMap::new());
            remember(&n.to_string(), progress(&large));
        }
        memory.lists.run_pending_tasks();
        assert!(
            memory.lists.entry_count() <= 32,
            "{}",
            memory.lists.entry_count()
        );
        for n in 0..80_000 {
            remember(&n.to_string(), BTreeMap::new());
        }
        memory.lists.run_pending_tasks();
        assert!(memory.lists.entry_count() <= LISTS / 512);
    }

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
