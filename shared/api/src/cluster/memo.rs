//! A bounded memory by text key. When it is full, what has been used least goes first.
//!
//! The cache in it is compiled once, for values of any type. Compiled for each of the
//! types that are remembered here, it would take a tenth of every function.

use std::any::Any;
use std::hash::RandomState;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle, EntryAction, EntryResult};

/// How many values the cache is told to expect. For fewer than 32 it does not divide
/// itself into parts, each of which would only take values of its share of the room.
const IN_ONE_PART: usize = 16;

/// What is remembered of things of one type.
pub struct Memo<V> {
    cache: Cache<String, Held, Sizes, RandomState>,
    /// How many values [`Memo::get_or_make`] has brought.
    made: AtomicU64,
    kind: PhantomData<fn() -> V>,
}

/// A value of any type, and what it counts.
#[derive(Clone)]
struct Held {
    value: Arc<dyn Any + Send + Sync>,
    size: u32,
    /// The number of the value among those that were made; 0 for one that was not.
    number: u64,
}

impl Held {
    fn new(value: impl Send + Sync + 'static, size: u32, number: u64) -> Self {
        Self {
            value: Arc::new(value),
            size,
            number,
        }
    }

    fn get<V: Clone + 'static>(&self) -> Option<V> {
        self.value.downcast_ref::<V>().cloned()
    }
}

/// What a value counts is written on it.
#[derive(Clone)]
struct Sizes;

impl Weighter<String, Held> for Sizes {
    fn weight(&self, _: &String, held: &Held) -> u64 {
        held.size.into()
    }
}

impl<V: Clone + Send + Sync + 'static> Memo<V> {
    /// Room for that much: for so many values, or for as much as they are said to count.
    /// A value that is larger than that is not remembered.
    #[must_use]
    pub fn new(room: u64) -> Self {
        let (hasher, lifecycle) = (RandomState::new(), DefaultLifecycle::default());
        let cache = Cache::with(IN_ONE_PART, room, Sizes, hasher, lifecycle);
        Self {
            cache,
            made: AtomicU64::new(0),
            kind: PhantomData,
        }
    }

    /// What is remembered under a key.
    pub fn get(&self, key: &str) -> Option<V> {
        self.cache.get(key)?.get()
    }

    /// Remembers a value.
    pub fn insert(&self, key: String, value: V) {
        self.insert_sized(key, value, 1);
    }

    /// Remembers a value that counts for so much.
    pub fn insert_sized(&self, key: String, value: V, size: u32) {
        self.cache.insert(key, Held::new(value, size, 0));
    }

    /// What is remembered, while it is good; else what `make` brings, which one of those
    /// who want it meanwhile does for all, for however short a time that is good.
    pub async fn get_or_make(
        &self,
        key: &str,
        is_good: impl Fn(&V) -> bool,
        make: impl Future<Output = V>,
    ) -> V {
        let asked = self.made.load(Ordering::SeqCst);
        let keep = |_: &String, held: &mut Held| {
            let is_new = held.number > asked;
            match held.get().filter(|value| is_new || is_good(value)) {
                Some(good) => EntryAction::Retain(good),
                None => EntryAction::ReplaceWithGuard,
            }
        };
        let place = match self.cache.entry_async(key, keep).await {
            EntryResult::Retained(good) => return good,
            EntryResult::Vacant(place) | EntryResult::Replaced(place, _) => Some(place),
            EntryResult::Removed(..) | EntryResult::Timeout => None,
        };
        let made = make.await;
        if let Some(place) = place {
            let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
            // It fails where somebody else has put something there meanwhile.
            let _ = place.insert(Held::new(made.clone(), 1, number));
        }
        made
    }

    /// Forgets what is remembered under a key.
    pub fn remove(&self, key: &str) {
        self.cache.remove(key);
    }

    /// How many values there are.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.cache.len()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use futures_util::future::join;

    use super::*;

    #[test]
    fn a_value_may_take_most_of_the_room_and_all_values_no_more_than_that() {
        let memo: Memo<u32> = Memo::new(1_000);
        memo.insert_sized("large".to_owned(), 1, 900);
        assert_eq!(memo.get("large"), Some(1));
        for number in 0..500 {
            memo.insert_sized(number.to_string(), number, 10);
        }
        assert!((1..=100).contains(&memo.count()), "{}", memo.count());
        memo.insert_sized("too large".to_owned(), 1, 1_001);
        assert_eq!(memo.get("too large"), None);
    }

    #[test]
    fn what_is_used_outlasts_what_is_not() {
        let memo: Memo<u32> = Memo::new(100);
        memo.insert("used".to_owned(), 1);
        for number in 0..1_000 {
            memo.insert(number.to_string(), number);
            assert_eq!(memo.get("used"), Some(1), "{number}");
        }
    }

    #[tokio::test]
    async fn when_the_one_who_makes_a_value_leaves_another_one_makes_it() {
        let memo: Memo<u32> = Memo::new(10);
        let left = tokio::time::timeout(
            Duration::from_millis(50),
            memo.get_or_make("a", |_| true, pending()),
        );
        let stays = memo.get_or_make("a", |_| true, async { 2 });
        let (left, made) = join(left, stays).await;
        assert!(left.is_err());
        assert_eq!(made, 2);
        assert_eq!(memo.get("a"), Some(2));
    }
}
