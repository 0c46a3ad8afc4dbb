//! Answers in their written form, each kept with what tells whether it still holds.
//!
//! Nomad answers a list with the index of the tables that it was read from, whatever
//! the prefix: that of the jobs and their counts for a list of jobs. So a list with a
//! prefix that nothing has costs a fraction of a millisecond and says whether a kept
//! answer still holds. When the index has moved on, the answer may hold all the same:
//! it does if Nomad's own answer is the same as before, of which a hash is kept.

use std::hash::{BuildHasher, Hash, RandomState};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use dtle_nomad::{self as nomad, QueryMeta, Read, Session, Table};
use tokio::sync::MutexGuard;

use super::locks::Locks;
use super::memo::Memo;
use crate::expiring::Expiring;
use crate::reply::{Error, Rendered};

/// How long Nomad's indexes alone are trusted: a cluster that was made anew counts
/// from the beginning, and may come to an index that an old answer has.
const TRUSTED: Duration = Duration::from_secs(60);

/// How long they are trusted for an answer that other tables decide too: it may say how
/// long ago a task was started again.
const TRUSTED_IN_DOUBT: Duration = Duration::from_secs(5);

/// How long a caller waits for another one who writes the same answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// What tells one answer of a kind from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The name of the route's function.
    pub route: &'static str,
    /// The region, if the caller chose one.
    pub region: Option<String>,
    /// The prefix of the IDs in it, or the ID of the job that it is about.
    pub id: String,
    /// Whether things of earlier jobs of that ID are in it, too.
    pub all: bool,
}

impl Question {
    /// The same as a text. Neither a name of a region nor that of a route holds a NUL.
    fn key(&self) -> String {
        let region = self.region.as_deref().unwrap_or_default();
        let all = if self.all { "all" } else { "" };
        format!("{}\0{region}\0{all}\0{}", self.route, self.id)
    }
}

/// The tables of Nomad that an answer was read from, with the index that each had then
/// or before.
pub type Tables = Vec<(Table, u64)>;

/// An object of a kept list.
#[derive(Debug)]
pub struct Entry {
    /// Its ID.
    pub id: Box<str>,
    /// The hash of what it was made of; `None` where that is not known.
    pub made_of: Option<u64>,
    /// Its place in the list's text.
    pub place: Range<usize>,
}

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The answer.
    pub text: Arc<Rendered>,
    /// The hash of the answers that it was made of.
    pub made_of: u64,
    /// The hash of what Nomad's indexes say nothing about.
    pub beside: u64,
    /// Whether it needs other tables than that of the jobs.
    pub is_doubtful: bool,
    /// The index that it carries, where that is not the one of its tables.
    pub index: u64,
    /// The objects of a list, by ID.
    pub entries: Arc<[Entry]>,
    /// The tables that it was read from, for as long as their indexes are trusted.
    pub(super) tables: Option<Expiring<Tables>>,
}

impl Kept {
    /// An answer that holds as long as what it was made of.
    #[must_use]
    pub fn new(text: Arc<Rendered>, made_of: u64) -> Self {
        Self {
            text,
            made_of,
            beside: 0,
            is_doubtful: false,
            index: 0,
            entries: Arc::default(),
            tables: None,
        }
    }

    /// Notes the indexes that Nomad's tables had before it was read.
    #[must_use]
    pub fn read_from(self, tables: Option<Tables>) -> Self {
        let trusted = match self.is_doubtful {
            true => TRUSTED_IN_DOUBT,
            false => TRUSTED,
        };
        Self {
            tables: tables.map(|tables| Expiring::new(tables, trusted)),
            ..self
        }
    }

    /// The tables whose indexes say whether the answer still holds; `None` when they
    /// do not, or have not been looked beyond for a minute.
    #[must_use]
    pub fn tables(&self) -> Option<&Tables> {
        self.tables.as_ref()?.get()
    }

    /// Whether Nomad says that the answer still holds. If so, the result has the index
    /// headers of the first of its tables as they are now.
    ///
    /// # Errors
    /// As Nomad's. What Nomad does not let be listed says nothing of the answer.
    pub async fn holds(&self, nomad: &Session<'_>) -> Result<Option<QueryMeta>, Error> {
        let Some(tables) = self.tables() else {
            return Ok(None);
        };
        let now = match nomad.indexes(tables.iter().map(|(table, _)| *table)).await {
            Ok(now) => now.unwrap_or_default(),
            Err(nomad::Error::Forbidden { .. } | nomad::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let then = tables.iter().map(|(_, index)| *index);
        let same = then.eq(now.iter().map(|meta| meta.index));
        Ok(now.first().copied().filter(|_| same))
    }

    /// The text of an object as it is in the list, if it was made of the same.
    #[must_use]
    pub fn entry(&self, id: &str, made_of: u64) -> Option<&str> {
        let entry = self.find(id)?;
        (entry.made_of == Some(made_of)).then(|| self.text.plain().get(entry.place.clone()))?
    }

    /// Whether an object is in the list.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.find(id).is_some()
    }

    fn find(&self, id: &str) -> Option<&Entry> {
        let place = self.entries.binary_search_by(|one| (*one.id).cmp(id));
        self.entries.get(place.ok()?)
    }

    fn size(&self) -> u32 {
        let entries = self.entries.iter().map(|one| 32 + one.id.len());
        let size = 512 + self.text.plain().len() + entries.sum::<usize>();
        u32::try_from(size).unwrap_or(u32::MAX)
    }
}

/// An answer that was read just now.
pub struct Fresh {
    /// The answer, as JSON on one line.
    pub text: String,
    /// Its index headers.
    pub meta: Option<QueryMeta>,
    /// The tables that it was read from, the one of its index headers first; `None` if
    /// it is not to be kept.
    pub tables: Option<Tables>,
}

/// A turn to write an answer. The next one comes when it is dropped.
pub struct Turn<'a> {
    /// Whether somebody else had the turn until now.
    pub has_waited: bool,
    /// Not held by one who has lost patience.
    _guard: Option<MutexGuard<'a, ()>>,
}

/// The answers of one kind that were asked for last.
pub struct Lists {
    kept: Memo<Arc<Kept>>,
    hasher: RandomState,
    writers: Locks,
}

impl Lists {
    /// Room for so many bytes.
    #[must_use]
    pub fn of_bytes(capacity: u64) -> Self {
        Self {
            kept: Memo::new(capacity),
            hasher: RandomState::new(),
            writers: Locks::default(),
        }
    }

    /// The hash of what an answer is made of.
    pub fn hash(&self, of: &impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    /// The answer to a question as it was last written.
    pub fn last(&self, question: &Question) -> Option<Arc<Kept>> {
        self.kept.get(&question.key())
    }

    /// The answer as it was written from the same.
    pub fn made_of(&self, question: &Question, made_of: u64) -> Option<Arc<Kept>> {
        let last = self.last(question);
        last.filter(|kept| kept.made_of == made_of)
    }

    /// Keeps an answer.
    pub fn insert(&self, question: &Question, kept: Arc<Kept>) {
        // An empty list holds something too, and a caller can ask for as many empty
        // lists as there are prefixes.
        let key = question.key();
        let size = kept.size();
        let size = size.saturating_add(u32::try_from(key.len()).unwrap_or(u32::MAX));
        self.kept.insert_sized(key, kept, size);
    }

    /// The turn to write the answer to a question. One of those who find none writes it;
    /// the others wait, and find it written.
    pub async fn turn(&self, question: &Question) -> Turn<'_> {
        let writer = self.writers.of(question);
        if let Ok(first) = writer.try_lock() {
            return Turn {
                has_waited: false,
                _guard: Some(first),
            };
        }
        let waited = tokio::time::timeout(PATIENCE, writer.lock()).await;
        Turn {
            has_waited: true,
            _guard: waited.ok(),
        }
    }

    /// The answer to a question: the one that was written last while Nomad's indexes say
    /// that it holds, else one that is read now.
    ///
    /// # Errors
    /// As Nomad's.
    pub async fn answer(
        &self,
        nomad: &Session<'_>,
        question: Question,
        read: impl AsyncFnOnce() -> Result<Fresh, Error>,
    ) -> Result<Read<Arc<Rendered>>, Error> {
        if let Some(kept) = self.held(nomad, &question).await? {
            return Ok(kept);
        }
        let turn = self.turn(&question).await;
        if turn.has_waited
            && let Some(kept) = self.held(nomad, &question).await?
        {
            return Ok(kept);
        }
        let fresh = read().await?;
        let value = Arc::new(Rendered::new(fresh.text));
        if let Some(tables) = fresh.tables {
            let kept = Kept::new(Arc::clone(&value), 0).read_from(Some(tables));
            self.insert(&question, Arc::new(kept));
        }
        let meta = fresh.meta;
        Ok(Read { value, meta })
    }

    async fn held(
        &self,
        nomad: &Session<'_>,
        question: &Question,
    ) -> Result<Option<Read<Arc<Rendered>>>, Error> {
        let Some(last) = self.last(question) else {
            return Ok(None);
        };
        let meta = last.holds(nomad).await?;
        Ok(meta.map(|meta| Read {
            value: Arc::clone(&last.text),
            meta: Some(meta),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: String, made_of: u64) -> Arc<Kept> {
        Arc::new(Kept::new(Arc::new(Rendered::new(text)), made_of))
    }

    fn question(id: String) -> Question {
        Question {
            route: "",
            region: None,
            id,
            all: false,
        }
    }

    #[test]
    fn lists_that_hold_nothing_do_not_pile_up() {
        const ROOM: u64 = 1 << 20;
        let lists = Lists::of_bytes(ROOM);
        // Long questions, and large answers.
        let large = 1 << 15;
        for n in 0..64 {
            let long = question(format!("{n}{}", "x".repeat(large)));
            lists.insert(&long, kept(String::new(), 0));
            let short = question(n.to_string());
            lists.insert(&short, kept("x".repeat(large), 0));
        }
        let count = lists.kept.count();
        assert!((1..=32).contains(&count), "{count}");
        for n in 0..3_000 {
            let empty = kept("[]".to_owned(), 0);
            lists.insert(&question(n.to_string()), empty);
        }
        assert!(lists.kept.count() as u64 <= ROOM / 512);
    }

    #[test]
    fn an_answer_made_of_something_else_is_not_found() {
        let lists = Lists::of_bytes(1 << 20);
        let asked = question("a".to_owned());
        let (one, other) = (lists.hash(&"one"), lists.hash(&"other"));
        lists.insert(&asked, kept("[1]".to_owned(), one));
        assert!(lists.made_of(&asked, one).is_some());
        assert!(lists.made_of(&asked, other).is_none());
    }

    #[test]
    fn an_entry_is_found_by_its_id_if_it_was_made_of_the_same() {
        let mut list = Kept::new(Arc::new(Rendered::new("[11,22]".to_owned())), 0);
        let entry = |(id, made_of, place): (&str, u64, _)| Entry {
            id: id.into(),
            made_of: Some(made_of),
            place,
        };
        list.entries = [("a", 1, 1..3), ("b", 2, 4..6)].map(entry).into();
        assert_eq!(list.entry("a", 1), Some("11"));
        assert_eq!(list.entry("b", 2), Some("22"));
        assert_eq!(list.entry("b", 1), None);
        assert_eq!(list.entry("c", 1), None);
    }
}
