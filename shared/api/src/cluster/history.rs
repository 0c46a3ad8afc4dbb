//! What happens after a write that another write replaced unseen.
//!
//! Nomad before 2.0.1 checks the index of a write against a snapshot and applies the
//! write a moment later. Two writers at the same instant can therefore both pass the
//! check, and the second replaces the first. But Nomad keeps a job's last versions
//! (six, unless it is configured otherwise), and every write through this API
//! carries a [`Mark`] that names the version it changed. Afterwards every writer can
//! derive the same from the versions: **a version stands if it changed the version
//! that stood before it.** A version by others stands too; it has no mark, or a
//! copied one, as after `nomad job revert`. The author of a version that does not
//! stand registers the standing version again.
//!
//! Six versions are a long answer. Most writes need none of it: Nomad numbers the
//! versions of a job one by one, so a write whose number is the next one after the
//! version that it changed has replaced no other, and it stands if that one does.

use std::sync::{Arc, Mutex, PoisonError};

use dtle_nomad::{self as nomad, Process, Session};
use dtle_translate::register::Existing;
use dtle_translate::wire::{JobVersion, JobVersionKey};
use dtle_translate::{Mark, MetaRecord};
use serde_json::{Map, Value};

use super::jobs::{existing, key};
use super::memo::Memo;
use super::writes::{Write, Writer, conflict, mark};
use crate::reply::Error;

/// Bytes of jobs remembered: some 400 jobs.
const REMEMBERED: u64 = 16 << 20;

/// How much more room a document takes than its text.
const ROOM: usize = 8;

/// The version of each job that this process last found to stand, which it always will:
/// that depends on earlier versions only.
pub struct Standing(Memo<Stood>);

/// A version that stands.
#[derive(Clone)]
struct Stood {
    key: JobVersionKey,
    /// The job, if this process has written it and not begun to change it since.
    document: Arc<Mutex<Option<Map<String, Value>>>>,
}

impl Stood {
    fn new(key: JobVersionKey, document: Option<Map<String, Value>>) -> Self {
        let document = Arc::new(Mutex::new(document));
        Self { key, document }
    }
}

impl Standing {
    /// Of a gateway. Functions remember nothing: each route is another process, whose last
    /// write of a job is mostly not the last of all.
    #[must_use]
    pub fn of(process: Process) -> Self {
        Self(Memo::new(match process {
            Process::Gateway => REMEMBERED,
            Process::Function => 0,
        }))
    }

    /// The job as this process has written it last, for one change of it.
    pub(super) async fn job(&self, nomad: &Session<'_>, id: &str) -> Option<Existing> {
        let stood = self.get(nomad, id).await?;
        let document = stood.document.lock();
        let document = document.unwrap_or_else(PoisonError::into_inner).take();
        existing(document?).ok()
    }

    async fn get(&self, nomad: &Session<'_>, id: &str) -> Option<Stood> {
        self.0.get(&key(nomad.region().await.ok()?, id))
    }

    /// `size`: of the document, in bytes.
    async fn insert(&self, nomad: &Session<'_>, id: &str, stood: Stood, size: usize) {
        if let Ok(region) = nomad.region().await {
            let size = u32::try_from(256 + id.len() + size).unwrap_or(u32::MAX);
            self.0
                .insert_sized(key(region, id).into_owned(), stood, size);
        }
    }
}

/// The version that a write changes.
#[derive(Clone, Copy)]
pub(super) struct Base {
    /// What tells it from all others.
    pub(super) key: JobVersionKey,
    /// Its number.
    number: u64,
    /// The index that the job was made at.
    create_index: u64,
}

impl Base {
    /// The version that was read.
    pub(super) fn of(existing: &Existing) -> Self {
        Self {
            key: existing.job.version(),
            number: existing.version,
            create_index: existing.job.create_index,
        }
    }
}

/// The indexes of the versions that stand, out of a job's versions from the oldest
/// to the newest. The oldest version that Nomad still has is taken to stand. `own`
/// is the index of the reader's own write and the index of the version that it
/// changed; the reader knows both even when no mark says so. Without `own` the
/// result is what every other writer derives.
fn standing(versions: &[JobVersion], own: Option<(u64, u64)>) -> Vec<u64> {
    let is_left = |index| versions.iter().any(|v| v.job_modify_index == index);
    let mut stand: Vec<u64> = Vec::new();
    let mut marks: Vec<Mark> = Vec::new();
    for version in versions {
        let index = version.job_modify_index;
        let own = own.filter(|(ours, _)| *ours == index);
        let mark = MetaRecord::of_meta(&version.meta).mark;
        let stands = match (stand.last(), own, &mark) {
            (None, _, _) => true,
            (Some(&last), Some((_, base)), _) if is_left(base) => base == last,
            (Some(&last), Some((_, base)), _) => base > last,
            (_, _, None) => true,
            (_, _, Some(mark)) if marks.contains(mark) => true,
            (Some(&last), _, Some(mark)) if is_left(mark.base) => mark.base == last,
            // Nomad has dropped the version that it changed: the first of its
            // changes stands.
            (_, _, Some(mark)) => marks.iter().all(|other| other.base != mark.base),
        };
        if stands {
            stand.push(index);
        }
        marks.extend(mark);
    }
    stand
}

/// Whether the versions that Nomad still has tell if a write stands: the write itself
/// is among them and, unless it made the job, one that is older. A Nomad that keeps one
/// version only (`job_tracked_versions = 1`) never has one that is older: there, that
/// the write is the job is all that can be known.
fn is_told(versions: &[JobVersion], ours: u64, base: u64) -> bool {
    let place = versions.iter().position(|v| v.job_modify_index == ours);
    place.is_some_and(|place| place > 0 || base == 0 || versions.len() == 1)
}

impl Write<'_> {
    /// Whether this write, which got the index `ours`, is known to stand without the
    /// job's earlier versions: it made the job, or has the next number after a version
    /// that stands, of the same job. The first version of a job always stands. A number
    /// that others wrote into a job only makes the numbers after it higher.
    pub(super) async fn follows_what_stands(&mut self, ours: u64) -> bool {
        let Writer {
            nomad, standing, ..
        } = self.writer;
        let (number, create_index) = match self.base {
            None => (0, ours),
            Some(base) => {
                let last = standing.get(nomad, self.id).await;
                let stands = last.is_some_and(|last| last.key == base.key);
                if !stands && base.number > 0 {
                    return false;
                }
                (base.number + 1, base.create_index)
            }
        };
        // What cannot be read, and what others have changed since, the versions tell.
        let Ok(text) = nomad.job_text(self.id).await else {
            return false;
        };
        let Ok(now) = nomad::job_version(&text.value) else {
            return false;
        };
        let found = (now.job_modify_index, now.version, now.create_index);
        let follows = found == (ours, number, create_index);
        if follows {
            // A changed document of Nomad's own is what is registered now, but for its
            // numbers. In another one Nomad fills in what it does not say, and that is
            // to stay: the next change begins with what Nomad has.
            let (mut document, mut size) = (None, 0);
            if self.is_nomads {
                now.put_into(&mut self.document);
                document = Some(std::mem::take(&mut self.document));
                size = ROOM * text.value.len();
            }
            let stood = Stood::new(now.key(), document);
            standing.insert(nomad, self.id, stood, size).await;
        }
        follows
    }

    /// Checks whether this write, which got the index `ours`, stands. If not,
    /// registers the standing version again and returns the text for the caller.
    pub(super) async fn settle(&self, mut ours: u64) -> Result<Option<String>, Error> {
        let nomad = self.writer.nomad;
        let read: Result<Vec<JobVersion>, _> = nomad.job_versions(self.id).await;
        // Nomad has confirmed the write, so a failure here is no failure of the
        // write.
        let unread = |error| tracing::warn!("a write is not read back: {error}");
        let mut versions = read.map_err(unread).unwrap_or_default();
        if self.expected != 0 && versions.iter().any(|v| v.create_index == ours) {
            // The job was deleted just before, and this write has created it anew.
            if versions.len() == 1 {
                nomad.deregister(self.id).await?;
            }
            return Ok(Some(conflict(self.expected, None)));
        }
        if versions.is_empty() {
            return Ok(None);
        }
        if !is_told(&versions, ours, self.expected) {
            let cause = "Nomad has dropped the versions that would tell".to_owned();
            return Err(nomad::Error::InDoubt { cause }.into());
        }
        let mut stand = standing(&versions, Some((ours, self.expected)));
        if stand.contains(&ours) {
            if let Some(own) = versions.iter().find(|v| v.job_modify_index == ours) {
                let standing = self.writer.standing;
                let stood = Stood::new(own.key(), None);
                standing.insert(nomad, self.id, stood, 0).await;
            }
            return Ok(None);
        }
        // The author of a newer version checks that version in the same way.
        while let (Some(&good), Some(newest)) = (stand.last(), versions.last())
            && newest.job_modify_index == ours
            && good != ours
        {
            let base = standing(&versions, None).pop().unwrap_or(good);
            match self.put_back(good, ours, base).await? {
                Some(index) => ours = index,
                None => break,
            }
            versions = nomad.job_versions(self.id).await?;
            stand = standing(&versions, None);
        }
        Ok(Some(conflict(self.expected, stand.last().copied())))
    }

    /// Registers an earlier version again instead of the newest, marked as a change of
    /// `base`. Returns its index; `None` if somebody else was quicker.
    async fn put_back(&self, version: u64, newest: u64, base: u64) -> Result<Option<u64>, Error> {
        let nomad = self.writer.nomad;
        let versions: Vec<Map<String, Value>> = nomad.job_versions(self.id).await?;
        let index = |one: &Map<_, Value>| one.get("JobModifyIndex")?.as_u64();
        let mut versions = versions.into_iter();
        let Some(mut document) = versions.find(|one| index(one) == Some(version)) else {
            return Ok(None);
        };
        if MetaRecord::of_document(&document).mark.is_some() {
            mark(&mut document, base);
        }
        document.retain(|key, _| !matches!(key.as_str(), "Version" | "VersionTag"));
        match nomad.register(&document, newest).await {
            Ok(answer) => Ok(Some(answer.job_modify_index)),
            Err(nomad::Error::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
