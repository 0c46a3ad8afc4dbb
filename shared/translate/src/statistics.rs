//! Statistics of a task, which the plugin sends as an error text.
//!
//! The plugin has no other channel: the signal `stats` makes its driver return the
//! statistics as an error. The good answer is therefore a 500 whose body ends in
//! `desc = {…}`. When the signal names no task, the text is wrapped once more and
//! followed by two newlines [Nomad recordings 034, 035].

use super::Side;
use crate::v2::Statistics;

/// A delay of so many seconds is none: it is the time since 1970. 3.20 has no other for a
/// transaction that holds no change of the job's tables (`applier_incr.go` there sends
/// the time of the last change, which is 0).
pub(super) const SINCE_1970: u64 = 1_000_000_000;

/// The statistics in the text that answers the signal; `None` when it holds
/// none: the task does not run, or has none yet.
#[must_use]
pub fn of_signal(text: &str, side: Side) -> Option<Statistics> {
    let (_, json) = text.split_once("desc = ")?;
    let json = json.trim_start();
    if !json.starts_with('{') {
        return None;
    }
    // What follows the object (the wrapper's newlines) is passed over.
    let mut stream = serde_json::Deserializer::from_str(json).into_iter::<Statistics>();
    let mut statistics = stream.next()?.ok()?;
    if let Some(delay) = &mut statistics.delay_count
        && delay.time >= SINCE_1970
    {
        delay.time = 0;
    }
    if side == Side::Dest {
        // 2.x's Dest fills RetrievedGtidSet where the plugin's fills GtidSet [020].
        let coordinates = &mut statistics.current_coordinates;
        if coordinates.retrieved_gtid_set.is_empty() {
            coordinates.retrieved_gtid_set = std::mem::take(&mut coordinates.gtid_set);
        }
    }
    Some(statistics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_without_statistics() {
        for text in [
            "",
            "Task not running",
            "Task not found",
            "1 error occurred:\n\t* Failed to signal task: Dest, err: Task not running\n\n",
            "rpc error: code = Unknown desc = DTLE_BUG SignalTask. should not reach here",
            "rpc error: code = Unknown desc = {",
            "rpc error: code = Unknown desc = {\"CurrentCoordinates\":5}",
            "desc = [1]",
        ] {
            assert_eq!(of_signal(text, Side::Src), None, "{text}");
        }
    }
}
