//! What was done so far, in a file, so that a command that was killed is taken up
//! where it was by the same command.
//!
//! Each step is written down, and on the disk, before it is taken. So what the file
//! says was at least begun, and nothing beyond it was. It names jobs and sets of
//! transactions; no password.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The form of the file.
const VERSION: u32 = 1;

/// How far a unit is, each step with what may have happened by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Old jobs may be paused. No new one is there.
    Pausing,
    /// All old jobs stand still and the sets are known. New ones may be there,
    /// paused.
    Making,
    /// New jobs may run; old ones must not any more.
    Starting,
    /// All is on the new side.
    Moved,
    /// On the way back, before a new job was started: new ones are removed, old
    /// ones started.
    Undoing,
    /// On the way back, after that: new jobs may still run.
    Stopping,
    /// On the way back: all new jobs stand still and the sets are known; the
    /// destination's table may be dropped and old jobs may run.
    Returning,
    /// All is on the old side again.
    Returned,
}

/// A unit in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UnitEntry {
    /// Its destinations, as they are shown.
    pub destinations: Vec<String>,
    /// How far it is.
    pub step: Step,
    /// Its jobs.
    pub jobs: Vec<JobEntry>,
}

/// A job in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct JobEntry {
    /// Its ID.
    pub id: String,
    /// Whether it ran on the old side when its unit's turn came.
    pub ran: bool,
    /// What it had applied, whole; `None` while that is not known.
    #[serde(default)]
    pub gtid: Option<String>,
    /// What a job that was taken back and not started reported then: as long as it
    /// reports the same, the set stands, and nothing else knows it.
    #[serde(default)]
    pub seen: Option<String>,
    /// Whether a job under this ID on the new side was made by this command.
    #[serde(default)]
    pub made: bool,
    /// Whether it was told to start, on the side that its unit goes to.
    #[serde(default)]
    pub started: bool,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entries {
    version: u32,
    /// The old side, without credentials.
    pub from: String,
    /// The new side, without credentials.
    pub to: String,
    /// Units that were begun.
    pub units: Vec<UnitEntry>,
}

/// A journal that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// Another command has it.
    #[error("{0} is in use: another migrate runs")]
    InUse(PathBuf),
    /// It is something else.
    #[error("{0} is no journal of this command: {1}")]
    Unreadable(PathBuf, String),
    /// It is of another migration.
    #[error("{path} is about moving from {from} to {to}: give another --journal")]
    Another {
        /// The file.
        path: PathBuf,
        /// The old side that it names.
        from: String,
        /// The new side that it names.
        to: String,
    },
}

/// The journal, open and locked.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    lock: Option<File>,
    /// What it says.
    pub entries: Entries,
}

impl Journal {
    /// What the file says, without changing anything; nothing when it is not there.
    ///
    /// # Errors
    /// When it is there and not this migration's.
    pub fn peek(path: &Path, from: &str, to: &str) -> Result<Self, JournalError> {
        let entries = match File::open(path) {
            Ok(mut file) => read(&mut file, path, from, to)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => empty(from, to),
            Err(error) => return Err(JournalError::File(path.to_owned(), error)),
        };
        Ok(Self {
            path: path.to_owned(),
            lock: None,
            entries,
        })
    }

    /// Opens it, makes it if need be, and keeps others out.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn open(path: &Path, from: &str, to: &str) -> Result<Self, JournalError> {
        let failed = |error| JournalError::File(path.to_owned(), error);
        let lock_path = path.with_extension("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|error| JournalError::File(lock_path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut journal = Self::peek(path, from, to)?;
        journal.lock = Some(lock);
        journal.save()?;
        Ok(journal)
    }

    /// Writes it, and returns when it is on the disk.
    ///
    /// # Errors
    /// When that fails: the step that it tells of must not be taken.
    pub fn save(&self) -> Result<(), JournalError> {
        let failed = |error| JournalError::File(self.path.clone(), error);
        let mut text =
            serde_json::to_string_pretty(&self.entries).map_err(|error| failed(error.into()))?;
        text.push('\n');
        // A file that is complete takes the place of the other in one step.
        let new = self.path.with_extension("new");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&new)
            .map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&new, &self.path).map_err(failed)?;
        let folder = match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A job's entry.
    #[must_use]
    pub fn job(&self, id: &str) -> Option<&JobEntry> {
        let jobs = self.entries.units.iter().flat_map(|unit| &unit.jobs);
        jobs.into_iter().find(|job| job.id == id)
    }

    /// The entry that has this job.
    #[must_use]
    pub fn unit_of(&self, id: &str) -> Option<&UnitEntry> {
        let has = |unit: &&UnitEntry| unit.jobs.iter().any(|job| job.id == id);
        self.entries.units.iter().find(has)
    }
}

fn empty(from: &str, to: &str) -> Entries {
    Entries {
        version: VERSION,
        from: from.to_owned(),
        to: to.to_owned(),
        units: Vec::new(),
    }
}

fn read(file: &mut File, path: &Path, from: &str, to: &str) -> Result<Entries, JournalError> {
    let failed = |error| JournalError::File(path.to_owned(), error);
    let unreadable = |why: String| JournalError::Unreadable(path.to_owned(), why);
    let mut text = String::new();
    file.rewind().map_err(failed)?;
    file.read_to_string(&mut text).map_err(failed)?;
    let entries: Entries =
        serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    if entries.version != VERSION {
        return Err(unreadable(format!("its version is {}", entries.version)));
    }
    if entries.from != from || entries.to != to {
        return Err(JournalError::Another {
            path: path.to_owned(),
            from: entries.from,
            to: entries.to,
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own, removed with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let unique = format!("dtle-journal-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(unique);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_was_saved_is_read_by_the_next_command() {
        let folder = Folder::new("next");
        let path = folder.0.join("j.json");
        let mut journal = Journal::open(&path, "http://old", "http://new").unwrap();
        journal.entries.units.push(UnitEntry {
            destinations: vec!["db:3306".to_owned()],
            step: Step::Making,
            jobs: vec![JobEntry {
                id: "a".to_owned(),
                ran: true,
                gtid: Some("g".to_owned()),
                ..JobEntry::default()
            }],
        });
        journal.save().unwrap();
        let entries = journal.entries.clone();
        assert!(matches!(
            Journal::open(&path, "http://old", "http://new"),
            Err(JournalError::InUse(_))
        ));
        drop(journal);
        let again = Journal::open(&path, "http://old", "http://new").unwrap();
        assert_eq!(again.entries, entries);
        assert_eq!(again.unit_of("a").unwrap().step, Step::Making);
        assert_eq!(again.unit_of("b"), None);
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let folder = Folder::new("else");
        let path = folder.0.join("j.json");
        std::fs::write(&path, "my shopping list").unwrap();
        assert!(matches!(
            Journal::open(&path, "http://old", "http://new"),
            Err(JournalError::Unreadable(..))
        ));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "my shopping list");
        std::fs::remove_file(&path).unwrap();
        drop(Journal::open(&path, "http://old", "http://new").unwrap());
        assert!(matches!(
            Journal::open(&path, "http://old", "http://other"),
            Err(JournalError::Another { .. })
        ));
    }
}
