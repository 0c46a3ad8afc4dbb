//! Where it is remembered what tasks said of themselves: in this process ([`Memory`]),
//! or in a table that all instances of the statistics function share (the crate
//! `dtle-table`, which no other function links).

use std::sync::Arc;
use std::time::Duration;

use super::memo::Memo;
use dtle_translate::v2::Statistics;
use futures_util::future::BoxFuture;

use crate::expiring::Expiring;
use crate::reply::Error;

/// How often the plugin takes its figures, unless its `stats_collection_interval` says
/// otherwise.
pub const INTERVAL: Duration = Duration::from_secs(15);

/// What a task said of itself, which may be nothing.
pub type Said = Result<Option<Arc<Statistics>>, Error>;

/// A task of an allocation.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// The allocation's ID.
    pub allocation: &'a str,
    /// The task's name in Nomad.
    pub name: &'a str,
}

/// What a task said, and for how long that is good.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it said.
    pub said: Said,
    /// How long nothing newer is to be had.
    pub lifetime: Duration,
}

/// Where samples are remembered.
pub trait Samples: Send + Sync {
    /// What a task said, while that is good; else what `ask` brings, which one of those
    /// who want it meanwhile does for all.
    fn said<'a>(&'a self, task: Task<'a>, ask: BoxFuture<'a, Sample>) -> BoxFuture<'a, Said>;
}

/// The memory of this process.
pub struct Memory(Memo<Expiring<Said>>);

impl Default for Memory {
    fn default() -> Self {
        Self(Memo::new(10_000))
    }
}

impl Samples for Memory {
    fn said<'a>(&'a self, task: Task<'a>, ask: BoxFuture<'a, Sample>) -> BoxFuture<'a, Said> {
        Box::pin(async move {
            let key = format!("{}/{}", task.allocation, task.name);
            let is_good = |known: &Expiring<Said>| known.get().is_some();
            let ask = async {
                let sample = ask.await;
                Expiring::new(sample.said, sample.lifetime)
            };
            let said = self.0.get_or_make(&key, is_good, ask).await;
            said.into_inner()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;

    use super::*;

    const SRC: Task<'_> = Task {
        allocation: "a",
        name: "Src",
    };

    #[tokio::test]
    async fn those_who_ask_meanwhile_share_one_answer_and_an_old_one_is_asked_for_again() {
        let memory = Memory::default();
        let asked = &AtomicU32::new(0);
        let ask = |lifetime| -> BoxFuture<'_, Sample> {
            Box::pin(async move {
                tokio::task::yield_now().await;
                let timestamp = asked.fetch_add(1, Ordering::SeqCst).into();
                let said = Statistics {
                    timestamp,
                    ..Statistics::default()
                };
                let said = Ok(Some(Arc::new(said)));
                Sample { said, lifetime }
            })
        };
        let ask = &ask;
        let of_eight = async |lifetime| -> Vec<i64> {
            let callers = (0..8).map(|_| memory.said(SRC, ask(lifetime)));
            let said = join_all(callers).await.into_iter();
            said.map(|said| said.unwrap().unwrap().timestamp).collect()
        };
        assert_eq!(of_eight(Duration::ZERO).await, [0; 8]);
        // What is no longer good is asked for again, once.
        assert_eq!(of_eight(INTERVAL).await, [1; 8]);
        assert_eq!(of_eight(INTERVAL).await, [1; 8]);
        // Another task is another question.
        let dest = Task {
            name: "Dest",
            ..SRC
        };
        let other = memory.said(dest, ask(INTERVAL)).await;
        assert_eq!(other.unwrap().unwrap().timestamp, 2);
    }

    #[tokio::test]
    async fn a_failure_is_shared_and_not_remembered() {
        let memory = Memory::default();
        let fail = || -> BoxFuture<'_, Sample> {
            Box::pin(async {
                tokio::task::yield_now().await;
                let said = Err(Error::bad_gateway("gone"));
                let lifetime = Duration::ZERO;
                Sample { said, lifetime }
            })
        };
        let callers = (0..3).map(|_| memory.said(SRC, fail()));
        for said in join_all(callers).await {
            assert_eq!(said.unwrap_err().message(), "gone");
        }
        let lifetime = INTERVAL;
        let nothing = Box::pin(async move {
            let said = Ok(None);
            Sample { said, lifetime }
        });
        assert_eq!(memory.said(SRC, nothing).await.unwrap(), None);
        // Believed for a while.
        assert_eq!(memory.said(SRC, fail()).await.unwrap(), None);
    }
}
