//! Which jobs have to be moved together.
//!
//! On one server the 2.x jobs share a table, which the plugin takes away from them
//! when its first job starts there: the jobs of a destination are moved together.
//! So are destinations that write to one another. Neither generation recognises the
//! marks by which the other keeps a transaction from coming back, so with one half
//! of a circle moved, rows would go round in it.

use std::collections::{BTreeMap, BTreeSet};

/// A job by the servers that it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    /// Its ID.
    pub(super) id: String,
    /// What identifies the server that it reads.
    pub(super) source: String,
    /// What identifies the server that it writes.
    pub(super) destination: String,
}

/// Jobs that are moved together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// The servers that they write.
    pub(super) destinations: BTreeSet<String>,
    /// Their IDs.
    pub(super) jobs: Vec<String>,
}

/// Sorts jobs into units: small ones first, for what goes wrong to go wrong there.
#[must_use]
pub(super) fn units(edges: &[Edge]) -> Vec<Unit> {
    let reach = reachable(edges);
    let writes =
        |from: &str, to: &str| from == to || reach.get(from).is_some_and(|all| all.contains(to));
    let mut units: Vec<Unit> = Vec::new();
    for edge in edges {
        let to = &edge.destination;
        let together = |unit: &Unit| {
            unit.destinations
                .iter()
                .any(|other| writes(to, other) && writes(other, to))
        };
        let unit = match units.iter_mut().find(|unit| together(unit)) {
            Some(unit) => unit,
            None => {
                units.push(Unit::default());
                match units.last_mut() {
                    Some(unit) => unit,
                    None => continue,
                }
            }
        };
        unit.destinations.insert(to.clone());
        unit.jobs.push(edge.id.clone());
    }
    units.sort_by_key(|unit| (unit.jobs.len(), unit.destinations.clone()));
    units
}

/// Which servers get, over however many jobs, what is written on which.
fn reachable(edges: &[Edge]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut reach: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for edge in edges {
        let to = reach.entry(&edge.source).or_default();
        to.insert(&edge.destination);
    }
    loop {
        let mut grown = false;
        let known = reach.clone();
        for to in reach.values_mut() {
            let before = to.len();
            for next in to.clone() {
                to.extend(known.get(next).into_iter().flatten());
            }
            grown |= to.len() > before;
        }
        if !grown {
            return reach;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(id: &str, source: &str, destination: &str) -> Edge {
        Edge {
            id: id.to_owned(),
            source: source.to_owned(),
            destination: destination.to_owned(),
        }
    }

    fn jobs(edges: &[Edge]) -> Vec<Vec<String>> {
        units(edges).into_iter().map(|unit| unit.jobs).collect()
    }

    #[test]
    fn the_jobs_of_a_destination_are_moved_together_and_small_units_first() {
        let edges = [
            edge("1", "a", "x"),
            edge("2", "a", "y"),
            edge("3", "b", "x"),
            edge("4", "a", "x"),
        ];
        assert_eq!(jobs(&edges), [vec!["2"], vec!["1", "3", "4"]]);
    }

    #[test]
    fn a_chain_is_moved_link_by_link_and_a_circle_as_one() {
        let chain = [edge("1", "a", "b"), edge("2", "b", "c")];
        assert_eq!(jobs(&chain), [vec!["1"], vec!["2"]]);
        let pair = [
            edge("there", "a", "b"),
            edge("back", "b", "a"),
            edge("on", "b", "c"),
        ];
        assert_eq!(jobs(&pair), [vec!["on"], vec!["there", "back"]]);
        let ring = [
            edge("1", "a", "b"),
            edge("2", "b", "c"),
            edge("3", "c", "a"),
        ];
        assert_eq!(jobs(&ring), [vec!["1", "2", "3"]]);
    }
}
