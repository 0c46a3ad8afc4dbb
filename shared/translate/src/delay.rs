//! How far a destination is behind.
//!
//! The plugin's own figures (`TimestampContext` and `Stats` of its source, 3.20.10 and
//! 4.23.04) are these: `DelayCount.Time` is the seconds between a transaction on the
//! source and its commit on the destination, of the last one that was committed. It
//! becomes 0 when none was committed for 15 s and the queues are empty, also while the
//! one transaction that left the queue waits for a lock. `DelayCount.Num` is always 0,
//! `DelayTime` is not sent, and `ProgressPct` and `ETA` count what was applied against
//! what arrived, so that a destination whose queue is empty has always caught up.
//!
//! What cannot lie are the two GTID sets: what Src has read, and what is stored as
//! applied.

use super::Side;
use super::gtid::GtidSet;
use crate::v2::{Statistics, TimedCount};

/// MySQL's words for a replica that has work, as the plugin uses them.
const WAITS_FOR_COMMIT: &str = "Waiting for GTID to be committed";
/// MySQL's words for a source that has more to send.
const SENDS: &str = "Sending binlog event to slave";

/// How many of the transactions that Src has read are not applied; `None` where the
/// sets do not tell. `read`: a set, or the last one alone, as 3.20.10 sends it.
#[must_use]
pub fn behind(read: &str, applied: &str) -> Option<u64> {
    let read: GtidSet = read.parse().ok()?;
    let applied: GtidSet = applied.parse().ok()?;
    if read.is_empty() || applied.is_empty() {
        return None;
    }
    match read.only_one() {
        // The numbers of one server grow, and a binlog is applied in its order.
        Some((server, last)) => Some(last.saturating_sub(applied.highest(server)?)),
        None => Some(read.subtract(&applied).len()),
    }
}

/// Puts right what the figures of a task would hide. `behind`: transactions that are
/// read and not applied; `waiting`: for how many seconds some of them have waited at
/// least, or nothing was applied, if that is long.
pub fn put_right(
    statistics: &mut Statistics,
    side: Side,
    behind: Option<u64>,
    waiting: Option<u64>,
) {
    let mut delay = statistics.delay_count.unwrap_or_default();
    if let Some(behind) = behind {
        delay.num = behind;
    }
    if let (Some(behind @ 1..), Some(seconds)) = (behind, waiting) {
        delay.time = delay.time.max(seconds);
        if statistics.eta == "0s" {
            "N/A".clone_into(&mut statistics.eta);
        }
        if is_whole(&statistics.progress_pct) {
            let sets = &statistics.current_coordinates;
            let all = match side {
                Side::Src => number(&sets.gtid_set),
                Side::Dest => number(&sets.retrieved_gtid_set).saturating_add(behind),
            }
            .max(behind);
            let permille = all.saturating_sub(behind).saturating_mul(1_000) / all.max(1);
            let permille = permille.min(999);
            statistics.progress_pct = format!("{}.{}", permille / 10, permille % 10);
        }
        if statistics.stage.ends_with("waiting for more updates") {
            let words = match side {
                Side::Src => SENDS,
                Side::Dest => WAITS_FOR_COMMIT,
            };
            words.clone_into(&mut statistics.stage);
        }
    }
    if statistics.delay_count.is_some() || delay != TimedCount::default() {
        statistics.delay_count = Some(delay);
    }
    // 2.x had the seconds here.
    if statistics.delay_time == 0 {
        statistics.delay_time = i64::try_from(delay.time).unwrap_or(i64::MAX);
    }
}

/// For how long after something was applied, in nanoseconds, empty queues say that
/// all has been: the plugin counts every 15 s, and its two tasks at different moments.
const COUNTED: i64 = 20 * 1_000_000_000;

/// What is remembered of the counts that a job's tasks keep of transactions.
///
/// The two counts alone do not tell what is behind. A Src that is started again reads
/// once more what Dest has applied and passes over, and only Src counts that. So their
/// difference is compared with the one that there was when all had been applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    read: u64,
    applied: u64,
    /// The difference when all was applied.
    level: u64,
    /// When the last one was applied, as far as was seen; 0 before the first look.
    moved: i64,
}

impl Counted {
    /// How many transactions are behind. `queued`: what waits in the tasks' queues,
    /// transactions or groups of them. `now`: Unix nanoseconds.
    pub fn behind(&mut self, read: u64, applied: u64, queued: u64, now: i64) -> u64 {
        let difference = read.saturating_sub(applied);
        let is_first = self.moved == 0;
        // A task that was started again counts from 0.
        if read < self.read || applied < self.applied {
            self.level = 0;
        }
        if is_first || applied != self.applied || read < self.read {
            self.moved = now;
        }
        (self.read, self.applied) = (read, applied);
        if queued == 0 && now.saturating_sub(self.moved) < COUNTED {
            self.level = difference;
        }
        difference.saturating_sub(self.level).max(queued)
    }
}

/// How many transactions a set holds; of one that holds the last one only, its number.
fn number(set: &str) -> u64 {
    let Ok(set) = set.parse::<GtidSet>() else {
        return 0;
    };
    let last = set.only_one().map_or(0, |(_, last)| last);
    set.len().max(last)
}

fn is_whole(percent: &str) -> bool {
    percent.parse::<f64>().is_ok_and(|percent| percent >= 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const B: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429563";

    #[test]
    fn transactions_behind_are_those_read_and_not_applied() {
        let sets = |parts: &[(&str, &str)]| {
            let parts = parts
                .iter()
                .map(|(server, numbers)| format!("{server}:{numbers}"));
            parts.collect::<Vec<_>>().join(",")
        };
        for (read, applied, expected) in [
            (sets(&[(A, "1-18")]), sets(&[(A, "1-18")]), Some(0)),
            (sets(&[(A, "1-28")]), sets(&[(A, "1-18")]), Some(10)),
            // Dest's sample is the newer one.
            (sets(&[(A, "1-18")]), sets(&[(A, "1-28")]), Some(0)),
            (
                sets(&[(A, "1-9"), (B, "1-5")]),
                sets(&[(A, "1-9")]),
                Some(5),
            ),
            // 3.20.10: the last one alone, and a beginning that may be missing.
            (sets(&[(A, "28")]), sets(&[(A, "5-18")]), Some(10)),
            (sets(&[(A, "18")]), sets(&[(A, "5-18")]), Some(0)),
            (sets(&[(A, "18")]), sets(&[(B, "1")]), None),
            (
                "00000000-0000-0000-0000-000000000000:0".to_owned(),
                sets(&[(A, "1")]),
                None,
            ),
            (String::new(), sets(&[(A, "1")]), None),
            (sets(&[(A, "1-2")]), String::new(), None),
        ] {
            assert_eq!(behind(&read, &applied), expected, "{read} {applied}");
        }
    }

    #[test]
    fn counts_that_differ_by_what_was_read_twice_are_not_behind() {
        const SECOND: i64 = 1_000_000_000;
        let mut counted = Counted::default();
        for (at, read, applied, queued, behind) in [
            (100, 2_501, 2_501, 0, 0),
            (115, 2_600, 2_600, 0, 0),
            // Dest is started again, then Src, which reads 115 once more.
            (130, 2_600, 0, 0, 0),
            (145, 0, 10, 0, 0),
            (160, 300, 185, 0, 0),
            (175, 400, 285, 0, 0),
            // The source is quiet.
            (1_000, 400, 285, 0, 0),
            // A table is locked: the first transaction waits in no queue.
            (1_015, 401, 285, 0, 1),
            (1_030, 450, 285, 49, 50),
            (1_060, 500, 285, 60, 100),
            // It goes on.
            (1_075, 500, 300, 60, 85),
            (1_090, 510, 395, 0, 0),
        ] {
            let found = counted.behind(read, applied, queued, at * SECOND);
            assert_eq!(found, behind, "{at}");
        }
        // What waits is behind, however much more was read within moments.
        assert_eq!(counted.behind(511, 396, 3, 1_091 * SECOND), 3);
        // One that is behind when it is first seen.
        assert_eq!(Counted::default().behind(500, 400, 9, SECOND), 100);
    }

    #[test]
    fn a_destination_that_stands_does_not_read_as_caught_up() {
        let mut said = Statistics {
            eta: "0s".to_owned(),
            progress_pct: "100.0".to_owned(),
            stage: "Slave has read all relay log; waiting for more updates".to_owned(),
            delay_count: Some(TimedCount::default()),
            ..Statistics::default()
        };
        said.current_coordinates.retrieved_gtid_set = format!("{A}:1-90");
        // One that moves, and one that has nothing to do, stay as they are.
        for (behind, standing) in [(Some(10), None), (Some(0), Some(60)), (None, Some(60))] {
            let mut same = said.clone();
            put_right(&mut same, Side::Dest, behind, standing);
            assert_eq!(
                (same.eta, same.progress_pct),
                ("0s".to_owned(), "100.0".to_owned())
            );
            assert_eq!(same.delay_count.unwrap().num, behind.unwrap_or(0));
        }
        put_right(&mut said, Side::Dest, Some(10), Some(60));
        assert_eq!(said.delay_count, Some(TimedCount { num: 10, time: 60 }));
        assert_eq!((said.delay_time, said.eta.as_str()), (60, "N/A"));
        assert_eq!(said.progress_pct, "90.0");
        assert_eq!(said.stage, WAITS_FOR_COMMIT);
    }
}
