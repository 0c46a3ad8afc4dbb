//! What the release of the Nomad servers says about their behaviour.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dtle_nomad::Session;
use dtle_translate::wire::Member;

use crate::expiring::Expiring;

/// How long an answer is remembered. Servers that are upgraded meanwhile are taken for
/// old ones, which costs each write a call and nothing else.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// The first release that checks the index of a write and applies it in one step.
const ATOMIC: [u64; 3] = [2, 0, 1];

/// What is known of the servers' release.
#[derive(Default)]
pub struct Servers {
    atomic: Mutex<Option<Expiring<bool>>>,
}

impl Servers {
    /// Whether every server checks the index of a write and applies it in one step, as
    /// from Nomad 2.0.1. A cluster that does not say so, or cannot be asked, is taken
    /// for an older one.
    pub(super) async fn check_atomically(&self, nomad: &Session<'_>) -> bool {
        let known = self
            .atomic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(atomic) = known.as_ref().and_then(Expiring::get) {
            return *atomic;
        }
        let atomic = match nomad.members().await {
            Ok(answer) => all_are_atomic(&answer.members),
            Err(error) => {
                tracing::warn!("the servers' release is not known: {error}");
                false
            }
        };
        let answer = Expiring::new(atomic, REMEMBERED);
        *self.atomic.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        atomic
    }
}

/// Servers that have left for good do not count.
fn all_are_atomic(members: &[Member]) -> bool {
    let mut servers = members
        .iter()
        .filter(|member| member.status != "left")
        .peekable();
    servers.peek().is_some()
        && servers.all(|server| {
            let build = server.tags.get("build");
            build.is_some_and(|build| is_atomic(build))
        })
}

/// Whether a release such as `2.0.5`, `2.0.5+ent` or `2.1.0-beta.1` is new enough.
fn is_atomic(build: &str) -> bool {
    let (release, _) = build.split_once('+').unwrap_or((build, ""));
    let (numbers, is_early) = match release.split_once('-') {
        Some((numbers, _)) => (numbers, true),
        None => (release, false),
    };
    let numbers: Result<Vec<u64>, _> = numbers.split('.').map(str::parse).collect();
    let Ok([major, minor, patch]) = numbers.as_deref() else {
        return false;
    };
    let found = [*major, *minor, *patch];
    found > ATOMIC || (found == ATOMIC && !is_early)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_from_2_0_1_on_are_new_enough_and_what_cannot_be_read_is_old() {
        for build in [
            "2.0.1",
            "2.0.1+ent",
            "2.0.5",
            "2.1.0",
            "2.1.0-beta.1+ent",
            "3.0.0",
            "10.0.0",
        ] {
            assert!(is_atomic(build), "{build}");
        }
        for build in [
            "",
            "1.1.2",
            "1.10.5",
            "2.0.0",
            "2.0.1-rc.1",
            "2.0",
            "2.0.1.1",
            "v2.0.1",
            "2.x.1",
            "99999999999999999999.0.0",
        ] {
            assert!(!is_atomic(build), "{build}");
        }
    }

    #[test]
    fn one_old_server_makes_the_cluster_old_unless_it_has_left() {
        let server = |build: &str, status: &str| Member {
            status: status.to_owned(),
            tags: [("build".to_owned(), build.to_owned())].into(),
            ..Member::default()
        };
        let new = || server("2.0.5", "alive");
        assert!(all_are_atomic(&[new(), new()]));
        assert!(all_are_atomic(&[new(), server("1.1.2", "left")]));
        for old in [
            server("1.1.2", "alive"),
            server("1.1.2", "failed"),
            Member::default(),
        ] {
            assert!(!all_are_atomic(&[new(), old, new()]));
        }
        assert!(!all_are_atomic(&[]));
    }
}
