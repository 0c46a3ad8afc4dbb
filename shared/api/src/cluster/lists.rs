//! Lists in their written form, each remembered with the answers of Nomad that it
//! was made of. While these answers are the same, byte by byte, the list is not
//! translated again.

use std::sync::Arc;

use moka::future::Cache;

/// What tells one list of a kind from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The region, if the caller chose one.
    pub region: Option<String>,
    /// The prefix of the IDs in it, or the ID of the job that it is about.
    pub id: String,
    /// Whether things of earlier jobs of that ID are in it, too.
    pub all: bool,
}

/// What a list is made of, but the settings.
pub trait Sources: PartialEq + Send + Sync + 'static {
    /// About how many bytes they hold.
    fn size(&self) -> usize;
}

struct Written<S> {
    sources: S,
    text: Arc<str>,
}

/// The lists of one kind that were asked for last.
pub struct Lists<S>(Cache<Question, Arc<Written<S>>>);

impl<S: Sources> Lists<S> {
    /// Room for so many bytes.
    #[must_use]
    pub fn of_bytes(capacity: u64) -> Self {
        // An empty list holds something too, and a caller can ask for as many empty
        // lists as there are prefixes.
        let size = |question: &Question, list: &Arc<Written<S>>| {
            let size = 512 + question.id.len() + list.sources.size() + list.text.len();
            u32::try_from(size).unwrap_or(u32::MAX)
        };
        let builder = Cache::builder().max_capacity(capacity).weigher(size);
        Self(builder.build())
    }

    /// A list as it was written from the same sources.
    pub async fn get(&self, question: &Question, sources: &S) -> Option<Arc<str>> {
        let known = self.0.get(question).await?;
        (known.sources == *sources).then(|| Arc::clone(&known.text))
    }

    /// Remembers a list.
    pub async fn insert(&self, question: Question, sources: S, text: &Arc<str>) {
        let text = Arc::clone(text);
        self.0
            .insert(question, Arc::new(Written { sources, text }))
            .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(usize);

    impl PartialEq for Bytes {
        fn eq(&self, _: &Self) -> bool {
            true
        }
    }

    impl Sources for Bytes {
        fn size(&self) -> usize {
            self.0
        }
    }

    #[tokio::test]
    async fn lists_that_hold_nothing_do_not_pile_up() {
        const ROOM: u64 = 1 << 20;
        let lists = Lists::of_bytes(ROOM);
        let remember = async |id: String, size| {
            let question = Question {
                region: None,
                id,
                all: false,
            };
            lists.insert(question, Bytes(size), &"[]".into()).await;
        };
        // Long questions, and large sources.
        let large = 1 << 15;
        for n in 0..64 {
            remember(format!("{n}{}", "x".repeat(large)), 0).await;
            remember(n.to_string(), large).await;
        }
        lists.0.run_pending_tasks().await;
        let count = lists.0.entry_count();
        assert!((1..=32).contains(&count), "{count}");
        for n in 0..3_000 {
            remember(n.to_string(), 0).await;
        }
        lists.0.run_pending_tasks().await;
        assert!(lists.0.entry_count() <= ROOM / 512);
    }
}
