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

use moka::future::Cache;
use tokio::sync::Mutex;

use super::locks::Locks;
use crate::expiring::Expiring;
use crate::reply::Rendered;

/// How long Nomad's indexes alone are trusted: a cluster that was made anew counts
/// from the beginning, and may come to an index that an old answer has.
const TRUSTED: Duration = Duration::from_secs(60);

/// How long they are trusted for an answer that other tables decide too: it may say how
/// long ago a task was started again.
const TRUSTED_IN_DOUBT: Duration = Duration::from_secs(5);

/// What tells one answer of a kind from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The region, if the caller chose one.
    pub region: Option<String>,
    /// The prefix of the IDs in it, or the ID of the job that it is about.
    pub id: String,
    /// Whether things of earlier jobs of that ID are in it, too.
    pub all: bool,
}

/// The indexes of the tables of Nomad that an answer was read from, as they were
/// before it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// That of the jobs and their counts.
    pub jobs: u64,
    /// Those of the allocations and the evaluations, where they were read too.
    pub others: Option<[u64; 2]>,
}

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

/// The answers of one kind that were asked for last.
pub struct Lists {
    kept: Cache<Question, Arc<Kept>>,
    hasher: RandomState,
    writers: Locks,
}

impl Lists {
    /// Room for so many bytes.
    #[must_use]
    pub fn of_bytes(capacity: u64) -> Self {
        // An empty list holds something too, and a caller can ask for as many empty
        // lists as there are prefixes.
        let size = |question: &Question, kept: &Arc<Kept>| {
            let question = u32::try_from(question.id.len()).unwrap_or(u32::MAX);
            kept.size().saturating_add(question)
        };
        Self {
            kept: Cache::builder()
                .max_capacity(capacity)
                .weigher(size)
                .build(),
            hasher: RandomState::new(),
            writers: Locks::default(),
        }
    }

    /// The hash of what an answer is made of.
    pub fn hash(&self, of: &impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    /// The answer to a question as it was last written.
    pub async fn last(&self, question: &Question) -> Option<Arc<Kept>> {
        self.kept.get(question).await
    }

    /// The answer as it was written from the same.
    pub async fn made_of(&self, question: &Question, made_of: u64) -> Option<Arc<Kept>> {
        let last = self.last(question).await;
        last.filter(|kept| kept.made_of == made_of)
    }

    /// Keeps an answer.
    pub async fn insert(&self, question: Question, kept: Arc<Kept>) {
        self.kept.insert(question, kept).await;
    }

    /// The lock of those who write the answer to a question: one of them writes it, the
    /// others find it written.
    pub fn writer(&self, question: &Question) -> &Mutex<()> {
        self.writers.of(question)
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
            region: None,
            id,
            all: false,
        }
    }

    #[tokio::test]
    async fn lists_that_hold_nothing_do_not_pile_up() {
        const ROOM: u64 = 1 << 20;
        let lists = Lists::of_bytes(ROOM);
        // Long questions, and large answers.
        let large = 1 << 15;
        for n in 0..64 {
            let long = question(format!("{n}{}", "x".repeat(large)));
            lists.insert(long, kept(String::new(), 0)).await;
            let short = question(n.to_string());
            lists.insert(short, kept("x".repeat(large), 0)).await;
        }
        lists.kept.run_pending_tasks().await;
        let count = lists.kept.entry_count();
        assert!((1..=32).contains(&count), "{count}");
        for n in 0..3_000 {
            let empty = kept("[]".to_owned(), 0);
            lists.insert(question(n.to_string()), empty).await;
        }
        lists.kept.run_pending_tasks().await;
        assert!(lists.kept.entry_count() <= ROOM / 512);
    }

    #[tokio::test]
    async fn an_answer_made_of_something_else_is_not_found() {
        let lists = Lists::of_bytes(1 << 20);
        let asked = question("a".to_owned());
        let (one, other) = (lists.hash(&"one"), lists.hash(&"other"));
        lists
            .insert(asked.clone(), kept("[1]".to_owned(), one))
            .await;
        assert!(lists.made_of(&asked, one).await.is_some());
        assert!(lists.made_of(&asked, other).await.is_none());
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
