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

use super::memo::Memo;
use super::samples::{INTERVAL, Memory, Said, Sample, Samples, Task};

/// How long it is believed that a task has no figures yet: less long, since its first
/// ones are waited for.
const SILENCE: Duration = Duration::from_secs(3);

/// The dtle tasks of an allocation, by their names in Nomad. They stay what they are
/// for as long as it is there: other tasks are other allocations.
pub type Tasks = Arc<[(Side, String)]>;

/// What is remembered of running tasks.
pub struct StatisticsCache {
    /// By the allocation's ID.
    pub tasks: Memo<Tasks>,
    samples: Box<dyn Samples>,
}

impl Default for StatisticsCache {
    fn default() -> Self {
        Self {
            tasks: Memo::new(10_000),
            samples: Box::new(Memory::default()),
        }
    }
}

impl StatisticsCache {
    /// Remembers elsewhere than in this process what tasks say.
    pub fn share(&mut self, samples: impl Samples + 'static) {
        self.samples = Box::new(samples);
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
    let ask = async move {
        let sample = |said, lifetime| Sample { said, lifetime };
        match nomad.signal(allocation, task, "stats").await {
            Ok(text) => match of_signal(&text, side) {
                Some(said) => {
                    let lifetime = until_the_next(said.timestamp, SystemTime::now());
                    sample(Ok(Some(Arc::new(said))), lifetime)
                }
                None => sample(Ok(None), SILENCE),
            },
            // The node is gone, or the task has just ended.
            Err(dtle_nomad::Error::NotFound { .. }) => sample(Ok(None), Duration::ZERO),
            Err(error) => sample(Err(error.into()), Duration::ZERO),
        }
    };
    let name = task;
    let task = Task { allocation, name };
    cache.samples.said(task, Box::pin(ask)).await
}

/// How long it takes until the plugin replaces figures that it took at that time, in
/// Unix nanoseconds. A moment for those that are due. Where that cannot be told, because
/// they have no time or the clocks differ, a whole interval.
fn until_the_next(taken: i64, now: SystemTime) -> Duration {
    let age = u64::try_from(taken).ok().and_then(|taken| {
        let taken = UNIX_EPOCH.checked_add(Duration::from_nanos(taken))?;
        now.duration_since(taken).ok()
    });
    match age {
        Some(age) if age < INTERVAL => INTERVAL.saturating_sub(age),
        Some(age) if age < 2 * INTERVAL => SILENCE,
        None | Some(_) => INTERVAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_kept_until_the_plugin_takes_the_next() {
        let second = Duration::from_secs(1);
        let now = UNIX_EPOCH + 1_700_000_000 * second;
        let nanos = |time: SystemTime| {
            let nanos = time.duration_since(UNIX_EPOCH).unwrap().as_nanos();
            i64::try_from(nanos).unwrap()
        };
        for (age, left) in [
            (0, 15),
            (1, 14),
            (14, 1),
            (15, 3),
            (29, 3),
            (30, 15),
            (3_600, 15),
        ] {
            let taken = nanos(now - age * second);
            assert_eq!(until_the_next(taken, now), left * second, "{age}");
        }
        // A node whose clock is ahead, figures without a time, and nonsense.
        for taken in [nanos(now + second), 0, -1, i64::MIN, i64::MAX] {
            assert_eq!(until_the_next(taken, now), INTERVAL, "{taken}");
        }
    }
}
