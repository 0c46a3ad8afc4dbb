use serde_json::json;

use super::*;

/// A version of that index by a writer of that name who changed the version `base`;
/// by other hands without a name.
fn version(index: u64, name: &str, base: u64) -> JobVersion {
    let text = match name {
        "" => None,
        name => Some(json!({"Mark": {"Base": base, "Name": name}}).to_string()),
    };
    JobVersion {
        create_index: 1,
        job_modify_index: index,
        meta: text.into_iter().map(|t| ("dtle2".to_owned(), t)).collect(),
        ..JobVersion::default()
    }
}

/// The same text registered again under another index, as `nomad job revert` does.
fn copy(of: &JobVersion, index: u64) -> JobVersion {
    JobVersion {
        job_modify_index: index,
        ..of.clone()
    }
}

fn for_all(versions: &[JobVersion]) -> Vec<u64> {
    standing(versions, None)
}

#[test]
fn of_two_changes_of_one_version_the_first_stands_for_both_authors() {
    let versions = [
        version(10, "n", 5),
        version(20, "a", 10),
        version(30, "b", 10),
    ];
    for own in [None, Some((20, 10)), Some((30, 10))] {
        assert_eq!(standing(&versions, own), [10, 20], "{own:?}");
    }
}

#[test]
fn a_change_of_a_lost_version_is_lost_and_one_made_beside_it_stands() {
    let mut versions = vec![
        version(10, "n", 5),
        version(20, "a", 10),
        version(30, "b", 10),
        version(40, "c", 30),
    ];
    assert_eq!(for_all(&versions), [10, 20]);
    versions.push(version(50, "d", 20));
    assert_eq!(for_all(&versions), [10, 20, 50]);
}

#[test]
fn what_was_put_back_stands_and_can_be_changed_whatever_is_forgotten() {
    let mut versions = vec![
        version(10, "n", 5),
        version(20, "a", 10),
        version(30, "b", 10),
        // The author of 30 has put 20 back.
        version(40, "again", 20),
        version(50, "d", 40),
    ];
    assert_eq!(for_all(&versions), [10, 20, 40, 50]);
    while versions.len() > 1 {
        versions.remove(0);
        assert_eq!(for_all(&versions).last(), Some(&50), "{}", versions.len());
    }
}

#[test]
fn putting_back_twice_pushes_nothing_aside_that_was_built_on_the_first() {
    let mut versions = vec![
        version(10, "n", 5),
        version(20, "a", 10),
        version(30, "b", 10),
        version(40, "again", 20),
        version(50, "d", 40),
        version(60, "once more", 20),
    ];
    assert_eq!(for_all(&versions), [10, 20, 40, 50]);
    // Also when the version that was put back is forgotten.
    versions.drain(..2);
    assert_eq!(for_all(&versions), [30, 40, 50]);
}

#[test]
fn a_change_by_other_hands_stands_with_a_copied_text_or_none() {
    let first = version(7, "m", 5);
    let second = version(10, "n", 7);
    let versions = [first.clone(), second, copy(&first, 20), version(30, "", 0)];
    assert_eq!(for_all(&versions), [7, 10, 20, 30]);
    assert_eq!(standing(&versions, Some((10, 7))), [7, 10, 20, 30]);
}

#[test]
fn a_text_copied_from_a_version_that_is_forgotten_is_by_other_hands() {
    let mut versions: Vec<_> = (4..9)
        .map(|n| version(n * 10, &format!("w{n}"), n * 10 - 10))
        .collect();
    versions.push(version(90, "w2", 10));
    versions.push(version(100, "next", 90));
    assert_eq!(for_all(&versions).last(), Some(&100));
    assert_eq!(for_all(&versions).len(), versions.len());
}

#[test]
fn an_author_knows_what_he_changed_though_no_mark_says_so() {
    let mut versions = vec![
        version(10, "n", 5),
        version(20, "a", 10),
        version(30, "", 0),
    ];
    assert_eq!(for_all(&versions), [10, 20, 30]);
    assert_eq!(standing(&versions, Some((30, 10))), [10, 20]);
    assert_eq!(standing(&versions, Some((30, 20))), [10, 20, 30]);
    // What he puts back is marked as a change of what all others take to stand.
    versions.push(version(40, "again", 30));
    assert_eq!(for_all(&versions), [10, 20, 30, 40]);
}

#[test]
fn of_two_that_create_a_job_the_first_stands() {
    let marked = [version(20, "a", 0), version(21, "b", 0)];
    for own in [None, Some((20, 0)), Some((21, 0))] {
        assert_eq!(standing(&marked, own), [20], "{own:?}");
    }
    let bare = [version(20, "", 0), version(21, "", 0)];
    assert_eq!(standing(&bare, Some((21, 0))), [20]);
}

#[test]
fn a_change_of_a_job_that_was_made_anew_meanwhile_is_lost() {
    let versions = [version(40, "new", 0), version(50, "late", 30)];
    assert_eq!(standing(&versions, Some((50, 30))), [40]);
}

/// Nomad keeps the newest stable version and tagged ones, however old they are.
#[test]
fn an_old_version_that_was_kept_does_not_make_the_others_lost() {
    let mut versions = vec![
        version(10, "stable", 5),
        // Those from 20 to 60 are gone.
        version(70, "f", 60),
        version(80, "g", 70),
        version(90, "h", 80),
    ];
    assert_eq!(for_all(&versions), [10, 70, 80, 90]);
    assert_eq!(standing(&versions, Some((90, 80))), [10, 70, 80, 90]);
    versions.push(version(91, "i", 80));
    assert_eq!(for_all(&versions), [10, 70, 80, 90]);
    // Of the next to 10 itself only its author's own is left to be looked at.
    assert_eq!(standing(&versions[..2], Some((70, 60))), [10, 70]);
}

/// With `job_tracked_versions` at its least there is nothing to compare with.
#[test]
fn the_only_version_that_is_left_stands() {
    let versions = [version(90, "h", 80)];
    assert_eq!(standing(&versions, Some((90, 80))), [90]);
    assert_eq!(standing(&versions, Some((85, 80))), [90]);
    assert_eq!(standing(&[], Some((90, 80))), Vec::<u64>::new());
}

#[test]
fn where_one_version_is_kept_the_write_that_is_the_job_is_no_lost_one() {
    let only = [version(90, "h", 80)];
    assert!(is_told(&only, 90, 80));
    // Somebody else's has replaced it: whether that changed it cannot be told.
    assert!(!is_told(&only, 85, 80));
    // Where more are kept, those that would tell are gone.
    let two = [version(90, "h", 80), version(95, "i", 90)];
    assert!(!is_told(&two, 90, 80));
}

#[test]
fn a_race_that_was_recorded_ends_alike_for_all_whatever_is_forgotten() {
    // On Nomad 1.1.2, with two gateways.
    let mut versions = vec![
        version(85, "a", 78),
        version(87, "b", 78),
        version(93, "c", 87),
        version(94, "a again", 85),
        version(100, "d", 94),
    ];
    assert_eq!(for_all(&versions), [85, 94, 100]);
    while versions.len() > 1 {
        assert_eq!(standing(&versions, Some((100, 94))).last(), Some(&100));
        assert_eq!(for_all(&versions).last(), Some(&100));
        versions.remove(0);
    }
}

#[test]
fn what_was_built_beside_a_lost_version_stands_when_that_is_the_oldest_left() {
    let mut versions = vec![
        version(40, "r", 30),
        version(50, "s", 40),
        version(60, "lost", 40),
        version(70, "lost too", 60),
        version(80, "a", 50),
        version(90, "b", 80),
        version(99, "c", 90),
    ];
    assert_eq!(for_all(&versions), [40, 50, 80, 90, 99]);
    while versions.len() > 1 {
        assert_eq!(for_all(&versions).last(), Some(&99), "{}", versions.len());
        versions.remove(0);
    }
}

/// As an earlier release wrote them: such a mark says nothing now.
#[test]
fn marks_of_an_earlier_release_are_passed_over() {
    let old = |index: u64, text: &str| JobVersion {
        meta: [("dtle2".to_owned(), text.to_owned())].into(),
        ..version(index, "", 0)
    };
    let versions = [
        old(10, r#"{"Name":"x","Base":5,"Write":"n"}"#),
        old(20, r#"{"Name":"x","Base":10,"Write":"a"}"#),
        old(30, r#"{"Name":"x","Base":20,"Write":"a","Again":"y"}"#),
        version(40, "new", 30),
    ];
    assert_eq!(for_all(&versions), [10, 20, 30, 40]);
    let kept = MetaRecord::of_meta(&versions[1].meta);
    assert_eq!((kept.name.as_deref(), kept.mark), (Some("x"), None));
}

#[test]
fn a_write_whose_past_is_pruned_is_in_doubt() {
    let versions = [version(20, "a", 10), version(30, "b", 20)];
    for (ours, base, told) in [
        (30, 20, true),
        // Whether 20 replaced a change of 10 stood in what is gone.
        (20, 10, false),
        // It made the job.
        (20, 0, true),
        (10, 5, false),
    ] {
        assert_eq!(is_told(&versions, ours, base), told, "{ours} of {base}");
    }
}
