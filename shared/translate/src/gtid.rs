//! Sets of MySQL's global transaction identifiers.
//!
//! `3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:11-18,…`: for each server that
//! transactions came from, by its UUID, the numbers of those transactions. No
//! maintained crate does arithmetic on such sets, so this one does, and no more
//! of it than moving a job needs. Tags, which MySQL has from 8.3 on, are refused:
//! dtle cannot follow transactions that have one.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The largest transaction number that MySQL gives.
const LARGEST: u64 = i64::MAX as u64;

/// A set of transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GtidSet {
    /// By server: first and last of each interval, sorted, with gaps in between.
    servers: BTreeMap<Uuid, Vec<(u64, u64)>>,
}

/// A text that is no set of GTIDs.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum GtidError {
    /// A part does not begin with a server's UUID.
    #[error("{0:?} is no GTID set: UUID:INTERVAL[:INTERVAL…], separated by commas")]
    NoUuid(String),
    /// An interval is no `n` or `n-m` with 1 ≤ n ≤ m.
    #[error("{0:?} is no interval of a GTID set")]
    NoInterval(String),
    /// A tag stands where an interval was expected.
    #[error("a GTID with the tag {0:?} (MySQL 8.3): dtle cannot follow those")]
    Tagged(String),
}

impl GtidSet {
    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// How many transactions are in it.
    #[must_use]
    pub fn len(&self) -> u64 {
        let intervals = self.servers.values().flatten();
        intervals.fold(0, |sum, (first, last)| {
            sum.saturating_add(last - first).saturating_add(1)
        })
    }

    /// Adds one transaction of a server.
    pub fn insert(&mut self, server: Uuid, number: u64) {
        let intervals = self.servers.entry(server).or_default();
        match intervals.last_mut() {
            // In a binlog the next one mostly follows the last.
            Some((_, last)) if number == last.saturating_add(1) => *last = number,
            _ => {
                intervals.push((number, number));
                normalize(intervals);
            }
        }
    }

    /// Whether this transaction is in it.
    #[must_use]
    pub fn has(&self, server: Uuid, number: u64) -> bool {
        let intervals = self.servers.get(&server).map_or(&[][..], Vec::as_slice);
        let after = intervals.partition_point(|(_, last)| *last < number);
        intervals
            .get(after)
            .is_some_and(|(first, _)| *first <= number)
    }

    /// The highest number of a server in it.
    #[must_use]
    pub fn highest(&self, server: Uuid) -> Option<u64> {
        Some(self.servers.get(&server)?.last()?.1)
    }

    /// The one transaction that is in it; `None` for none or several.
    #[must_use]
    pub fn only_one(&self) -> Option<(Uuid, u64)> {
        let (server, intervals) = self.servers.iter().next()?;
        let first = intervals.first()?.0;
        (self.len() == 1).then_some((*server, first))
    }

    /// How many transactions of the same server are in it with a higher number than
    /// the highest one of the other set, at least; `None` for an empty other set.
    #[must_use]
    pub fn after(&self, other: &Self) -> Option<u64> {
        let counts = other.servers.iter().filter_map(|(server, theirs)| {
            let last = theirs.last()?.1;
            let ours = self.servers.get(server).map_or(&[][..], Vec::as_slice);
            Some(ours.iter().fold(0, |sum, (first, end)| {
                let first = (*first).max(last.saturating_add(1));
                if first > *end {
                    sum
                } else {
                    sum + (end - first) + 1
                }
            }))
        });
        counts.min()
    }

    /// What is not later than the last one of the same server in the other set. Of
    /// servers that the other set does not name, everything.
    #[must_use]
    pub fn up_to_last_of(mut self, other: &Self) -> Self {
        for (server, intervals) in &mut self.servers {
            let theirs = other.servers.get(server).and_then(|theirs| theirs.last());
            if let Some((_, last)) = theirs {
                intervals.retain(|(first, _)| first <= last);
                for (_, end) in intervals {
                    *end = (*end).min(*last);
                }
            }
        }
        self.servers.retain(|_, intervals| !intervals.is_empty());
        self
    }

    /// What is in one of the two.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        for (server, more) in &other.servers {
            let intervals = self.servers.entry(*server).or_default();
            intervals.extend(more);
            normalize(intervals);
        }
        self
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn subtract(mut self, other: &Self) -> Self {
        for (server, less) in &other.servers {
            if let Some(intervals) = self.servers.get_mut(server) {
                *intervals = without(intervals, less);
            }
        }
        self.servers.retain(|_, intervals| !intervals.is_empty());
        self
    }

    /// Whether all of the other set is in this one.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.clone().subtract(self).is_empty()
    }

    /// The servers whose transactions do not begin with the first one.
    pub fn without_beginning(&self) -> impl Iterator<Item = Uuid> {
        let starts_late =
            |intervals: &Vec<(u64, u64)>| intervals.first().is_some_and(|(first, _)| *first > 1);
        self.servers
            .iter()
            .filter(move |(_, intervals)| starts_late(intervals))
            .map(|(server, _)| *server)
    }

    /// What is missing between the first and the last transaction of each server.
    #[must_use]
    pub fn gaps(&self) -> Self {
        let whole =
            |intervals: &Vec<(u64, u64)>| Some(vec![(intervals.first()?.0, intervals.last()?.1)]);
        let servers = self.servers.iter();
        Self {
            servers: servers
                .filter_map(|(server, intervals)| Some((*server, whole(intervals)?)))
                .collect(),
        }
        .subtract(self)
    }

    /// The set with the beginning that each of its servers lacks: what was written
    /// first, followed in order, was done before what follows it.
    #[must_use]
    pub fn with_beginning(mut self) -> Self {
        for intervals in self.servers.values_mut() {
            if let Some((first, _)) = intervals.first_mut() {
                *first = 1;
            }
        }
        self
    }
}

/// Sorts and joins what overlaps or touches.
fn normalize(intervals: &mut Vec<(u64, u64)>) {
    intervals.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::with_capacity(intervals.len());
    for (first, last) in intervals.drain(..) {
        match joined.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
            _ => joined.push((first, last)),
        }
    }
    *intervals = joined;
}

/// Both sorted and joined.
fn without(intervals: &[(u64, u64)], less: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut left = Vec::new();
    let mut less = less.iter().peekable();
    for (first, last) in intervals {
        let mut first = *first;
        // What ends before this interval ends before the next ones too.
        while less.next_if(|(_, end)| *end < first).is_some() {}
        let mut rest = less.clone();
        while let Some((start, end)) = rest.next_if(|(start, _)| start <= last) {
            if first < *start {
                left.push((first, start - 1));
            }
            first = end.saturating_add(1);
        }
        if first <= *last {
            left.push((first, *last));
        }
    }
    left
}

impl FromStr for GtidSet {
    type Err = GtidError;

    /// As MySQL reads it: white space anywhere, empty parts allowed.
    fn from_str(text: &str) -> Result<Self, GtidError> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let mut set = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let no_uuid = || GtidError::NoUuid(part.chars().take(80).collect());
            let (server, numbers) = part.split_once(':').ok_or_else(no_uuid)?;
            let server = Uuid::parse_str(server).map_err(|_| no_uuid())?;
            let intervals = set.servers.entry(server).or_default();
            for interval in numbers.split(':') {
                intervals.push(interval_of(interval)?);
            }
            normalize(intervals);
        }
        Ok(set)
    }
}

fn interval_of(text: &str) -> Result<(u64, u64), GtidError> {
    let short = || text.chars().take(40).collect::<String>();
    if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Err(GtidError::Tagged(short()));
    }
    let number = |text: &str| {
        // `parse` would take a plus sign.
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = text.parse().ok().filter(|_| digits)?;
        (1..=LARGEST).contains(&number).then_some(number)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => Err(GtidError::NoInterval(short())),
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (server, intervals)) in self.servers.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            write!(f, "{server}")?;
            for (first, last) in intervals {
                if first == last {
                    write!(f, ":{first}")?;
                } else {
                    write!(f, ":{first}-{last}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const B: &str = "65004ba0-e716-11f1-b069-02fc8b4e3157";

    fn set(text: &str) -> GtidSet {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_later_than_the_last_of_another_set_is_cut() {
        let cut = |ours: &str, theirs: &str| set(ours).up_to_last_of(&set(theirs)).to_string();
        assert_eq!(
            cut(&format!("{A}:1-9"), &format!("{A}:3:7")),
            format!("{A}:1-7")
        );
        assert_eq!(
            cut(&format!("{A}:1-4:8-9"), &format!("{A}:5")),
            format!("{A}:1-4")
        );
        assert_eq!(cut(&format!("{A}:5-9"), &format!("{A}:3")), "");
        assert_eq!(
            cut(&format!("{A}:5-9"), &format!("{B}:3")),
            format!("{A}:5-9")
        );
    }

    /// Small numbers of two servers, one by one: what a set means.
    type Members = BTreeSet<(Uuid, u64)>;

    fn members() -> impl Strategy<Value = Members> {
        let server = prop_oneof![
            Just(Uuid::parse_str(A).unwrap()),
            Just(Uuid::parse_str(B).unwrap())
        ];
        prop::collection::btree_set((server, 1_u64..40), 0..50)
    }

    fn of(members: &Members) -> GtidSet {
        let mut set = GtidSet::default();
        for (server, number) in members {
            set.insert(*server, *number);
        }
        set
    }

    proptest! {
        #[test]
        fn arithmetic_is_that_of_plain_sets(a in members(), b in members()) {
            let all: Members = a.union(&b).copied().collect();
            prop_assert_eq!(of(&a).union(&of(&b)), of(&all));
            let rest: Members = a.difference(&b).copied().collect();
            prop_assert_eq!(of(&a).subtract(&of(&b)), of(&rest));
            prop_assert_eq!(of(&a).contains(&of(&b)), a.is_superset(&b));
            prop_assert_eq!(of(&a).len(), a.len() as u64);
            for (server, number) in &b {
                prop_assert_eq!(of(&a).has(*server, *number), a.contains(&(*server, *number)));
            }
        }

        #[test]
        fn the_order_of_what_is_added_does_not_matter(a in members(), seed in any::<u64>()) {
            let mut shuffled: Vec<_> = a.iter().copied().collect();
            shuffled.sort_by_key(|(server, number)| {
                (number ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ server.as_u128() as u64
            });
            let mut set = GtidSet::default();
            for (server, number) in shuffled {
                set.insert(server, number);
            }
            prop_assert_eq!(set, of(&a));
        }

        #[test]
        fn what_is_written_is_read_back(a in members()) {
            prop_assert_eq!(set(&of(&a).to_string()), of(&a));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-f:,\\- a-z]{0,60}") {
            let _ = text.parse::<GtidSet>();
        }
    }

    #[test]
    fn mysqls_own_forms_are_read() {
        let text = format!("{}:1-3:5:4,\n{A}:10-12", A.to_uppercase());
        assert_eq!(set(&text).to_string(), format!("{A}:1-5:10-12"));
        assert_eq!(set("").to_string(), "");
        assert_eq!(set(" ,\n").to_string(), "");
        let wide = format!("{A}:1-9223372036854775807");
        assert_eq!(set(&wide).to_string(), wide);
    }

    #[test]
    fn what_is_no_set_is_refused_by_its_fault() {
        let fails = |text: &str| text.parse::<GtidSet>().unwrap_err();
        assert!(matches!(fails("garbage"), GtidError::NoUuid(_)));
        assert!(matches!(fails("1-5"), GtidError::NoUuid(_)));
        for bad in [
            "0",
            "5-3",
            "",
            "1-",
            "-1",
            "+1",
            "1-2-3",
            "9223372036854775808",
        ] {
            let text = format!("{A}:{bad}");
            assert!(matches!(fails(&text), GtidError::NoInterval(_)), "{bad}");
        }
        assert!(matches!(
            fails(&format!("{A}:tag:1-5")),
            GtidError::Tagged(_)
        ));
    }

    #[test]
    fn what_follows_a_set_is_counted_server_by_server() {
        let all = set(&format!("{A}:1-10:20-29,{B}:1-3"));
        assert_eq!(all.after(&set(&format!("{A}:9"))), Some(11));
        assert_eq!(all.after(&set(&format!("{A}:9,{B}:2"))), Some(1));
        assert_eq!(all.after(&GtidSet::default()), None);
        assert_eq!(set(&format!("{A}:7")).only_one().unwrap().1, 7);
        assert_eq!(set(&format!("{A}:7-8")).only_one(), None);
    }

    #[test]
    fn a_beginning_that_is_missing_is_found_and_filled_in() {
        let late = set(&format!("{A}:18888-19487,{B}:1-3"));
        let found: Vec<String> = late.without_beginning().map(|u| u.to_string()).collect();
        assert_eq!(found, [A]);
        assert_eq!(
            late.with_beginning().to_string(),
            format!("{A}:1-19487,{B}:1-3")
        );
        let gap = set(&format!("{A}:5-6:9")).with_beginning();
        assert_eq!(gap.to_string(), format!("{A}:1-6:9"));
        let gaps = set(&format!("{A}:5-6:9:12,{B}:7-8")).gaps();
        assert_eq!(gaps.to_string(), format!("{A}:7-8:10-11"));
    }
}
