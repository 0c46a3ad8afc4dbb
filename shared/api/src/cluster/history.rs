//! Whose change of a job stands.
//!
//! Nomad before 2.0.1 checks the index of a write against a snapshot before it
//! applies the write, so writers at the same instant all pass and the last one
//! wins unseen. Nomad keeps a job's last six versions, though, and every write
//! through this API notes in Meta which version it was based on. From the two
//! everybody concludes the same, whenever he looks: of the writes that were based
//! on one version the first stands, as it would had the check been atomic. The
//! others, and what was built on them, were made in error and are undone.
//!
//! Six versions are enough while fewer than six processes change the same job at
//! the same instant. The first version that is left is taken to stand. One whose
//! base is gone stands unless it is the second on that base, or somebody who still
//! saw the base has undone it: it may also be an old text in other hands, as `nomad
//! job revert` and a file from last week bring it. Only the author of such a one is
//! told that it is lost.

use dtle_translate::MetaRecord;
use dtle_translate::wire::JobVersion;

/// What became of one's own write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stands, or there is nothing that says otherwise.
    Stands,
    /// It pushed aside one that it had not seen.
    Lost,
    /// The job was deleted just before, and this made it again.
    Revived,
}

/// What a job's versions tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct History {
    /// The index of the newest version that stands.
    pub(super) standing: u64,
    /// The index of the newest version.
    pub(super) newest: u64,
    /// What became of the write that was asked about.
    pub(super) fate: Fate,
}

/// What the versions tell, in any order, of the write that was given the index
/// `ours` (0 for none of them) and expected the index `expected`. `None` without
/// versions.
pub(super) fn history(versions: &[JobVersion], ours: u64, expected: u64) -> Option<History> {
    let mut versions: Vec<(&JobVersion, MetaRecord)> = versions
        .iter()
        .map(|version| (version, MetaRecord::of_meta(&version.meta)))
        .collect();
    versions.sort_by_key(|(version, _)| version.job_modify_index);
    let (first, oldest) = versions.first()?;
    let all_are_left = first.version == 0;
    let mut standing = first.job_modify_index;
    let mut standing_write = &oldest.write;
    let mut lost: Vec<u64> = Vec::new();
    let mut fate = Fate::Stands;
    if all_are_left {
        if standing == ours && expected != 0 && first.create_index == ours {
            fate = Fate::Revived;
        }
    } else if (1..=standing).contains(&ours) {
        // Too late to tell.
        fate = Fate::Lost;
    }
    for (place, (version, kept)) in versions.iter().enumerate().skip(1) {
        let index = version.job_modify_index;
        let (before, after) = versions.split_at(place);
        let stands = if index == ours {
            // The author knows what he had seen.
            expected == standing
        } else if kept.write.is_none() || before.iter().any(|(one, _)| text(one) == text(version)) {
            // By other hands, which may have copied an earlier text.
            true
        } else if kept.again.is_some() {
            // Given back, perhaps by two at once, in place of the newest and of what
            // was built on that; not of what was built on the other's.
            if before
                .iter()
                .any(|(_, earlier)| earlier.write == kept.write)
            {
                kept.base >= standing || kept.write == *standing_write
            } else {
                kept.base >= oldest.base
            }
        } else if kept.base < first.job_modify_index && !all_are_left {
            let is_second = before.iter().any(|(_, one)| {
                one.base == kept.base && one.write.is_some() && one.again.is_none()
            });
            !is_second && !is_undone(after)
        } else {
            kept.base >= standing && !lost.contains(&kept.base)
        };
        if stands {
            standing = index;
            standing_write = &kept.write;
        } else {
            lost.push(index);
            if index == ours {
                fate = Fate::Lost;
            }
        }
    }
    Some(History {
        standing,
        newest: versions.last()?.0.job_modify_index,
        fate,
    })
}

/// Whether the first of these versions was undone: something made before it was
/// given back after it.
fn is_undone(versions: &[(&JobVersion, MetaRecord)]) -> bool {
    let Some((version, _)) = versions.first() else {
        return false;
    };
    versions.iter().enumerate().any(|(place, (_, later))| {
        let between = versions.get(..place).unwrap_or_default();
        later.again.is_some()
            && later.base >= version.job_modify_index
            && !between.iter().any(|(_, one)| one.write == later.write)
    })
}

fn text(version: &JobVersion) -> Option<&str> {
    MetaRecord::text_of_meta(&version.meta)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A version of that index, written under a name on top of a base.
    fn version(index: u64, write: &str, base: u64) -> JobVersion {
        let text = match write {
            "" => None,
            name => Some(json!({"Base": base, "Write": name}).to_string()),
        };
        JobVersion {
            version: index,
            create_index: 1,
            job_modify_index: index,
            meta: text.into_iter().map(|t| ("dtle2".to_owned(), t)).collect(),
        }
    }

    /// The same given back.
    fn again(index: u64, write: &str, base: u64, name: &str) -> JobVersion {
        let text = json!({"Base": base, "Write": write, "Again": name}).to_string();
        JobVersion {
            meta: [("dtle2".to_owned(), text)].into(),
            ..version(index, "", 0)
        }
    }

    fn of(versions: &[JobVersion], ours: u64, expected: u64) -> (u64, Fate) {
        let history = history(versions, ours, expected).unwrap();
        (history.standing, history.fate)
    }

    #[test]
    fn of_two_writes_on_one_version_the_first_stands_for_both_authors() {
        let versions = [
            version(30, "b", 10),
            version(20, "a", 10),
            version(10, "n", 5),
        ];
        assert_eq!(of(&versions, 20, 10), (20, Fate::Stands));
        assert_eq!(of(&versions, 30, 10), (20, Fate::Lost));
    }

    #[test]
    fn what_was_built_on_a_lost_write_is_lost_too() {
        let versions = [
            version(10, "n", 5),
            version(20, "a", 10),
            version(30, "b", 10),
            version(40, "c", 30),
        ];
        assert_eq!(of(&versions, 40, 30), (20, Fate::Lost));
    }

    #[test]
    fn what_was_given_back_stands_and_can_be_built_on() {
        let mut versions = vec![
            version(10, "n", 5),
            version(20, "a", 10),
            version(30, "b", 10),
            again(40, "a", 30, "x"),
        ];
        assert_eq!(of(&versions, 20, 10), (40, Fate::Stands));
        versions.push(version(50, "d", 40));
        assert_eq!(of(&versions, 50, 40), (50, Fate::Stands));
        // Whatever is forgotten meanwhile.
        while versions.len() > 2 {
            versions.remove(0);
            assert_eq!(
                of(&versions, 0, 0),
                (50, Fate::Stands),
                "{}",
                versions.len()
            );
        }
    }

    #[test]
    fn what_two_give_back_pushes_nothing_aside_that_was_built_on_the_first() {
        let mut versions = vec![
            version(10, "n", 5),
            version(20, "a", 10),
            version(30, "b", 10),
            again(40, "a", 30, "x"),
            again(41, "a", 30, "y"),
        ];
        // As either giver sees it, and as others do.
        assert_eq!(of(&versions, 0, 10), (41, Fate::Stands));
        versions[4] = version(50, "d", 40);
        versions.push(again(60, "a", 30, "y"));
        assert_eq!(of(&versions, 50, 40), (50, Fate::Stands));
    }

    #[test]
    fn a_change_by_other_hands_stands_with_a_copied_text_or_none() {
        let copied = JobVersion {
            meta: version(0, "n", 7).meta,
            ..version(20, "", 0)
        };
        let versions = [
            version(7, "m", 5),
            version(10, "n", 7),
            copied,
            version(30, "", 0),
        ];
        assert_eq!(of(&versions[..3], 10, 7), (20, Fate::Stands));
        assert_eq!(of(&versions, 10, 7), (30, Fate::Stands));
    }

    #[test]
    fn a_text_copied_from_a_version_that_is_gone_is_by_other_hands() {
        let mut versions: Vec<_> = (4..9)
            .map(|n| JobVersion {
                version: n,
                ..version(n * 10, &format!("w{n}"), n * 10 - 10)
            })
            .collect();
        // Version 3 again, as six versions leave room for it and five others.
        versions.push(version(90, "w3", 20));
        assert_eq!(of(&versions, 0, 0), (90, Fate::Stands));
        versions.remove(0);
        versions.push(version(100, "mine", 90));
        assert_eq!(of(&versions, 100, 90), (100, Fate::Stands));
    }

    #[test]
    fn a_race_is_still_one_when_the_version_it_was_about_is_gone() {
        // As recorded on Nomad 1.1.2 with two gateways.
        let mut versions = vec![
            version(85, "a", 78),
            version(87, "b", 78),
            version(93, "c", 87),
            again(94, "a", 87, "x"),
            version(100, "d", 94),
        ];
        while versions.len() > 1 {
            assert_eq!(of(&versions, 100, 94), (100, Fate::Stands));
            assert_eq!(of(&versions, 0, 0), (100, Fate::Stands));
            versions.remove(0);
        }
    }

    #[test]
    fn what_was_built_on_one_that_stood_stands_after_a_lost_one_is_all_that_is_left() {
        let mut versions = vec![
            version(40, "r", 30),
            version(50, "s", 40),
            version(60, "l", 40),
            version(70, "x", 60),
            version(80, "a", 50),
            version(90, "b", 80),
            version(99, "c", 90),
        ];
        assert_eq!(of(&versions[..5], 70, 60).1, Fate::Lost);
        assert_eq!(of(&versions[..5], 80, 50).1, Fate::Stands);
        while versions.len() > 1 {
            assert_eq!(of(&versions, 99, 90), (99, Fate::Stands));
            assert_eq!(of(&versions, 0, 0), (99, Fate::Stands));
            versions.remove(0);
        }
    }

    #[test]
    fn an_author_who_looks_too_late_is_told_that_his_write_is_lost() {
        let versions = [version(85, "a", 78), version(100, "d", 85)];
        assert_eq!(of(&versions, 85, 78), (100, Fate::Lost));
        assert_eq!(of(&versions, 80, 78), (100, Fate::Lost));
        assert_eq!(of(&versions, 100, 85), (100, Fate::Stands));
    }

    #[test]
    fn of_two_that_create_a_job_the_first_stands_for_all() {
        let versions = [
            JobVersion {
                version: 0,
                create_index: 20,
                ..version(20, "a", 0)
            },
            version(21, "b", 0),
        ];
        assert_eq!(of(&versions, 21, 0), (20, Fate::Lost));
        assert_eq!(of(&versions, 0, 0), (20, Fate::Stands));
    }

    #[test]
    fn an_update_that_finds_the_job_deleted_does_not_make_it_again() {
        let alone = JobVersion {
            version: 0,
            create_index: 20,
            ..version(20, "a", 10)
        };
        assert_eq!(of(std::slice::from_ref(&alone), 20, 10).1, Fate::Revived);
        assert_eq!(of(&[alone], 20, 0).1, Fate::Stands);
    }

    #[test]
    fn a_write_that_changed_nothing_has_no_version_and_stands() {
        assert_eq!(of(&[version(10, "n", 5)], 12, 10), (10, Fate::Stands));
    }
}
