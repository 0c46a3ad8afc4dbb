//! The statistics of running tasks.
//!
//! Every signal costs the cluster a write and pushes out one of the ten events that
//! Nomad keeps for a task. So an answer is remembered until the plugin renews its
//! figures, and callers who ask at the same moment share one signal.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dtle_nomad::Session;
use dtle_translate::Side;
use dtle_translate::statistics::of_signal;
use dtle_translate::v2::Statistics;

use crate::expiring::Expiring;
use crate::reply::Error;

/// How often the plugin takes its figures, unless its `stats_collection_interval` says
/// otherwise.
const INTERVAL: Duration = Duration::from_secs(15);
/// How long it is believed that a task has no figures yet: less long, since its first
/// ones are waited for.
const SILENCE: Duration = Duration::from_secs(3);

/// The dtle tasks of an allocation, by their names in Nomad. They stay what they are
/// for as long as it is there: other tasks are other allocations.
pub type Tasks = Arc<[(Side, String)]>;

/// What a task said of itself, which may be nothing.
pub type Said = Result<Option<Arc<Statistics>>, Error>;

/// What is remembered of running tasks.
pub struct StatisticsCache {
    /// By the allocation's ID.
    pub tasks: moka::future::Cache<String, Tasks>,
    /// By the allocation's ID and the task's name in Nomad.
    said: moka::future::Cache<(String, String), Expiring<Said>>,
}

impl Default for StatisticsCache {
    fn default() -> Self {
        Self {
            tasks: moka::future::Cache::new(10_000),
            said: moka::future::Cache::new(10_000),
        }
    }
}

impl StatisticsCache {
    /// What a task said, while that is good; else what `ask` brings, which of those who
    /// ask meanwhile one does for all.
    async fn said(
        &self,
        allocation: &str,
        task: &str,
        ask: impl Future<Output = Expiring<Said>>,
    ) -> Said {
        let key = (allocation.to_owned(), task.to_owned());
        let is_old = |known: &Expiring<Said>| known.get().is_none();
        let entry = self.said.entry(key).or_insert_with_if(ask, is_old).await;
        entry.into_value().into_inner()
    }
}

/// What a task of an allocation says of itself: remembered, or asked by a signal.
///
/// # Errors
/// As Nomad's. A task that is gone, or has no figures yet, says nothing.
pub async fn statistics(
    cache: &StatisticsCache,
    nomad: &Session<'_>,
    allocation: &str,
    task: &str,
    side: Side,
) -> Said {
    let ask = async {
        match nomad.signal(allocation, task, "stats").await {
            Ok(text) => match of_signal(&text, side) {
                Some(said) => {
                    let lifetime = until_the_next(said.timestamp, SystemTime::now());
                    Expiring::new(Ok(Some(Arc::new(said))), lifetime)
                }
                None => Expiring::new(Ok(None), SILENCE),
            },
            // The node is gone, or the task has just ended.
            Err(dtle_nomad::Error::NotFound { .. }) => Expiring::new(Ok(None), Duration::ZERO),
            Err(error) => Expiring::new(Err(error.into()), Duration::ZERO),
        }
    };
    cache.said(allocation, task, ask).await
}

/// How long it takes until the plugin replaces figures that it took at that time, in
/// Unix nanoseconds. Where that cannot be told, because they have no time or the clocks
/// differ, a whole interval.
fn until_the_next(taken: i64, now: SystemTime) -> Duration {
    let age = u64::try_from(taken).ok().and_then(|taken| {
        let taken = UNIX_EPOCH.checked_add(Duration::from_nanos(taken))?;
        now.duration_since(taken).ok()
    });
    match age.and_then(|age| INTERVAL.checked_sub(age)) {
        None | Some(Duration::ZERO) => INTERVAL,
        Some(left) => left,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[test]
    fn figures_are_kept_until_the_plugin_takes_the_next() {
        let second = Duration::from_secs(1);
        let now = UNIX_EPOCH + 1_700_000_000 * second;
        let nanos = |time: SystemTime| {
            let nanos = time.duration_since(UNIX_EPOCH).unwrap().as_nanos();
            i64::try_from(nanos).unwrap()
        };
        for (age, left) in [(0, 15), (1, 14), (14, 1), (15, 15), (16, 15), (3_600, 15)] {
            let taken = nanos(now - age * second);
            assert_eq!(until_the_next(taken, now), left * second, "{age}");
        }
        // A node whose clock is ahead, figures without a time, and nonsense.
        for taken in [nanos(now + second), 0, -1, i64::MIN, i64::MAX] {
            assert_eq!(until_the_next(taken, now), INTERVAL, "{taken}");
        }
    }

    #[tokio::test]
    async fn those_who_ask_meanwhile_share_one_answer_and_an_old_one_is_asked_for_again() {
        let cache = StatisticsCache::default();
        let asked = AtomicU32::new(0);
        let ask = |lifetime| {
            let asked = &asked;
            async move {
                tokio::task::yield_now().await;
                let number = asked.fetch_add(1, Ordering::SeqCst);
                let timestamp = number.into();
                let said = Statistics {
                    timestamp,
                    ..Statistics::default()
                };
                Expiring::new(Ok(Some(Arc::new(said))), lifetime)
            }
        };
        let of_eight = async |lifetime| -> Vec<i64> {
            let callers = (0..8).map(|_| cache.said("a", "Src", ask(lifetime)));
            let said = join_all(callers).await.into_iter();
            said.map(|said| said.unwrap().unwrap().timestamp).collect()
        };
        assert_eq!(of_eight(Duration::ZERO).await, [0; 8]);
        // What is no longer good is asked for again, once.
        assert_eq!(of_eight(INTERVAL).await, [1; 8]);
        assert_eq!(of_eight(INTERVAL).await, [1; 8]);
        // Another task is another question.
        let other = cache.said("a", "Dest", ask(INTERVAL)).await;
        assert_eq!(other.unwrap().unwrap().timestamp, 2);
    }

    #[tokio::test]
    async fn a_failure_is_shared_and_not_remembered() {
        let cache = StatisticsCache::default();
        let fail = || async {
            tokio::task::yield_now().await;
            Expiring::new(Err(Error::bad_gateway("gone")), Duration::ZERO)
        };
        let callers = (0..3).map(|_| cache.said("a", "Src", fail()));
        for said in join_all(callers).await {
            assert_eq!(said.unwrap_err().message(), "gone");
        }
        let good = async { Expiring::new(Ok(None), SILENCE) };
        assert_eq!(cache.said("a", "Src", good).await.unwrap(), None);
        // Believed for a while.
        assert_eq!(cache.said("a", "Src", fail()).await.unwrap(), None);
    }
}
