//! A bounded memory by text key: what has not been used for longest is forgotten first.
//!
//! The cache in it is compiled once, for values of any type. Compiled for each of the
//! types that are remembered here, it took a tenth of every function.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

/// What is remembered of things of one type.
pub struct Memo<V> {
    cache: Cache<String, Held>,
    kind: PhantomData<fn() -> V>,
}

/// A value of any type, and what it counts.
#[derive(Clone)]
struct Held {
    value: Arc<dyn Any + Send + Sync>,
    size: u32,
}

impl<V: Clone + Send + Sync + 'static> Memo<V> {
    /// Room for that much: for so many values, or for as much as they are said to count.
    #[must_use]
    pub fn new(room: u64) -> Self {
        Self::idle_for(room, None)
    }

    /// The same, where what is not used for that long is forgotten.
    #[must_use]
    pub fn idle_for(room: u64, idle: Option<Duration>) -> Self {
        let mut cache = Cache::builder()
            .max_capacity(room)
            .weigher(|_: &String, held: &Held| held.size);
        if let Some(idle) = idle {
            cache = cache.time_to_idle(idle);
        }
        Self {
            cache: cache.build(),
            kind: PhantomData,
        }
    }

    /// What is remembered under a key.
    pub async fn get(&self, key: &str) -> Option<V> {
        let held = self.cache.get(key).await?;
        held.value.downcast_ref::<V>().cloned()
    }

    /// Remembers a value.
    pub async fn insert(&self, key: String, value: V) {
        self.insert_sized(key, value, 1).await;
    }

    /// Remembers a value that counts for so much.
    pub async fn insert_sized(&self, key: String, value: V, size: u32) {
        self.cache.insert(key, held(value, size)).await;
    }

    /// What is remembered, while it is good; else what `make` brings, which one of those
    /// who want it meanwhile does for all.
    pub async fn get_or_make(
        &self,
        key: String,
        is_good: impl Fn(&V) -> bool + Send + Sync,
        make: impl Future<Output = V> + Send,
    ) -> Option<V> {
        let is_old = |held: &Held| !held.value.downcast_ref::<V>().is_some_and(&is_good);
        let make = async { held(make.await, 1) };
        let made = self.cache.entry(key).or_insert_with_if(make, is_old).await;
        made.into_value().value.downcast_ref::<V>().cloned()
    }

    /// Forgets what is remembered under a key.
    pub async fn remove(&self, key: &str) {
        self.cache.invalidate(key).await;
    }

    /// How many values there are, once all that is due has been forgotten.
    #[cfg(test)]
    pub async fn count(&self) -> u64 {
        self.cache.run_pending_tasks().await;
        self.cache.entry_count()
    }
}

fn held(value: impl Send + Sync + 'static, size: u32) -> Held {
    Held {
        value: Arc::new(value),
        size,
    }
}
