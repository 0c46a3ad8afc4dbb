//! Jobs moved from a dtle 2.x that is wrong where the real one is wrong: nothing
//! may be applied twice or left out, nothing may run on both sides, whatever fails
//! and whenever the command is killed.
//!
//! The new side is the gateway over an in-memory Nomad; the databases and the 2.x
//! cluster are `tests::world`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod back;
mod scene;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use local::migrate::{Action, Options, Output, Stop};
use tests::proxy::{Fault, Which};
use tests::{Client, Generation};

use scene::{A, ALL, DEAD, J1, J2, J3, PAUSED, Scene, X, X_TOO, Y, options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_changes_nothing_and_tells_what_is_unsafe() {
    let scene = Scene::start(Generation::Merged).await;
    let plan = scene.plan(options()).await.unwrap();
    assert_eq!(scene.world.writes(), Vec::<String>::new());
    assert!(
        scene
            .way
            .log()
            .iter()
            .all(|one| one.method == "GET" || one.target.starts_with("/v1/validate/"))
    );
    // The smaller one first, a server under two names once.
    let destinations: Vec<_> = plan
        .units
        .iter()
        .map(|unit| unit.destinations.join("+"))
        .collect();
    assert_eq!(destinations, [Y.to_owned(), format!("{X} = {X_TOO}")]);
    let actions: BTreeMap<&str, Action> = plan
        .units
        .iter()
        .flat_map(|unit| &unit.jobs)
        .map(|job| (job.id.as_str(), job.action))
        .collect();
    assert_eq!(actions[J1], Action::Move);
    assert_eq!(actions[PAUSED], Action::MovePaused);
    assert_eq!(actions[DEAD], Action::Leave);
    assert!(
        plan.units.iter().all(|unit| unit.refused.is_empty()),
        "{plan:?}"
    );
    assert!(!plan.json().contains("secret"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_two_destinations_is_moved_and_nothing_lost() {
    let scene = Scene::start(Generation::Merged).await;
    let (complete, said) = scene.run(options()).await;
    // The dead one was left, and the exit status says so.
    assert!(!complete, "{said}");
    scene.settled(&[J1, J2, J3], &said).await;
    assert_eq!(scene.status_anew(PAUSED).await.as_deref(), Some("pause"));
    assert_eq!(scene.status_anew(DEAD).await, None);
    for id in [J1, J2, J3] {
        assert_eq!(scene.world.status(id), "pause", "{id}");
    }
    // Nothing is begun before everything of its destination is there.
    let log = scene.way.log();
    let made = |one: &tests::proxy::Received| one.target.starts_with("/v1/jobs?paused=true");
    let first = log
        .iter()
        .position(|one| one.target.ends_with("/resume"))
        .unwrap();
    assert_eq!(
        log[..first].iter().filter(|one| made(one)).count(),
        1,
        "{said}"
    );
    assert_eq!(log.iter().filter(|one| made(one)).count(), 4, "{said}");

    // The paused one goes on from where it was, when it is let.
    scene
        .new
        .post(&format!("/v1/job/{PAUSED}/resume"))
        .await
        .succeeds();
    scene.settled(&[J1, J2, J3, PAUSED], &said).await;

    // Again: nothing is left to do.
    let (_, said) = scene.run(options()).await;
    scene.settled(&[J1, J2, J3, PAUSED], &said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_job_is_moved_only_when_asked_for_and_does_not_start() {
    let scene = Scene::start(Generation::Merged).await;
    let (complete, said) = scene
        .run(Options {
            with_dead: true,
            ..options()
        })
        .await;
    assert!(complete, "{said}");
    scene.settled(&[J1, J2, J3], &said).await;
    assert_eq!(scene.status_anew(DEAD).await.as_deref(), Some("pause"));

    // When it is let, it begins with the transaction that it died at.
    let resume = format!("/v1/job/{DEAD}/resume");
    scene.new.post(&resume).await.succeeds();
    scene.settled(&[J1, J2, J3, DEAD], &said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_job_was_only_sent_is_applied_on_the_new_side() {
    let scene = Scene::start(Generation::Merged).await;
    scene.world.stop_after_copy(J3);
    let (_, said) = scene.run(options()).await;
    assert!(
        said.contains("; less 1 that it names and did not apply"),
        "{said}"
    );
    let resume = format!("/v1/job/{J3}/resume");
    scene.new.post(&resume).await.succeeds();
    scene.settled(&[J1, J2, J3], &said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_killed_anywhere_is_taken_up_there() {
    let mut killed = 0;
    for things in (3..).step_by(13) {
        let scene = Scene::start(Generation::Merged).await;
        scene.world.light(things);
        let burnt = tokio::select! {
            () = scene.world.burnt() => true,
            _ = scene.run(options()) => false,
        };
        scene.world.put_out();
        let (_, said) = scene.run(options()).await;
        scene
            .settled(&[J1, J2, J3], &format!("killed after {things}\n{said}"))
            .await;
        if !burnt {
            break;
        }
        killed += 1;
    }
    assert!(killed > 4, "{killed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_of_what_was_begun_says_what_becomes_of_each_job() {
    let scene = Scene::start(Generation::Merged).await;
    let paused = async {
        while scene.world.status(J3) != "pause" {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = paused => {}
        _ = scene.run(options()) => panic!("not killed"),
    }
    let plan = scene.plan(options()).await.unwrap();
    let unit = &plan.units[0];
    assert!(unit.step.is_some(), "{unit:?}");
    let action = |id: &str| unit.jobs.iter().find(|job| job.id == id).unwrap().action;
    // It is paused because the command paused it.
    assert_eq!(action(J3), Action::Move);
    assert_eq!(action(DEAD), Action::Leave);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_job_that_was_started_between_two_commands_is_not_started_anew() {
    let scene = Scene::start(Generation::Merged).await;
    let output = Output::kept();
    let mut migration = scene.migration(options(), &output).await.unwrap();
    let plan = migration.planned().await.unwrap();
    let goes = AtomicBool::new(false);
    let asked = async {
        while !scene
            .way
            .log()
            .iter()
            .any(|one| one.target.ends_with("/resume"))
        {
            // One job of the smaller unit is made, then the first start never arrives.
            let made = scene
                .way
                .log()
                .iter()
                .any(|one| one.target.contains("paused=true"));
            if made {
                scene.way.set_next(1000, Fault::Reset, Which::Writes);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = asked => {}
        _ = migration.run(&plan, &goes) => panic!("not killed"),
    }
    drop(migration);
    scene.way.set_next(0, Fault::Reset, Which::Writes);
    assert_eq!(scene.status_anew(J3).await.as_deref(), Some("pause"));
    let old = Client::of_url(&scene.old);
    old.post(&format!("/v1/job/{J3}/resume")).await;
    assert_eq!(scene.world.status(J3), "running");
    let (complete, said) = scene.run(options()).await;
    assert!(!complete, "{said}");
    assert!(
        said.contains("does not stand still on the old side"),
        "{said}"
    );
    let twice = scene.world.violations();
    assert!(
        !twice.iter().any(|one| one.contains("while it runs")),
        "{twice:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_get_lost_change_nothing() {
    let lost = Fault::AnswerAfter(504, "text/html", "<html>Gateway Timeout</html>");
    for fault in [Fault::ResetAfter, Fault::Reset, lost] {
        let scene = Scene::start(Generation::Merged).await;
        // The first writes are the validations of the plan.
        scene.way.set_next(12, fault.clone(), Which::Writes);
        let (_, said) = scene.run(options()).await;
        scene
            .settled(&[J1, J2, J3], &format!("{fault:?}\n{said}"))
            .await;
    }
}

/// A real 2.19 that was killed and started again during a move said of its jobs for a
/// moment that there are none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_side_that_has_just_been_started_is_asked_again() {
    let scene = Scene::start(Generation::Merged).await;
    scene.world.restart_all_the_time();
    let (_, said) = scene.run(options()).await;
    assert!(!said.contains("any more"), "{said}");
    scene.settled(&[J1, J2, J3], &said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_new_side_refuses_goes_on_on_the_old_side_from_the_whole_set() {
    let scene = Scene::start(Generation::Merged).await;
    let output = Output::kept();
    let mut migration = scene.migration(options(), &output).await.unwrap();
    let plan = migration.planned().await.unwrap();
    let no = Fault::Answer(400, "text/plain; charset=utf-8", "no such thing");
    scene.way.set_next(1, no, Which::Writes);
    migration.run(&plan, &AtomicBool::new(false)).await.unwrap();
    let said = output.lines().join("\n");
    assert!(
        said.contains("NOT moved, on the old side as before"),
        "{said}"
    );
    assert_eq!(scene.world.status(J3), "running", "{said}");
    assert!(
        scene.world.writes().contains(&format!("update {J3}")),
        "{said}"
    );
    scene.world.write(A, 2);
    assert_eq!(scene.world.violations(), Vec::<String>::new(), "{said}");
    assert!(scene.world.is_complete(J3));
    assert_eq!(scene.status_anew(J3).await, None, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_somebody_else_is_never_removed() {
    let scene = Scene::start(Generation::Merged).await;
    let output = Output::kept();
    let mut migration = scene.migration(options(), &output).await.unwrap();
    let plan = migration.planned().await.unwrap();
    // Made by others between the look and the creation, which finds it there.
    let words = "Enforcing job modify index 0: job already exists";
    let conflict = Fault::Answer(500, "text/plain; charset=utf-8", words);
    scene.way.set_next(1, conflict, Which::Writes);
    migration.run(&plan, &AtomicBool::new(false)).await.unwrap();
    assert!(
        scene.way.log().iter().all(|one| one.method != "DELETE"),
        "{:?}",
        output.lines()
    );
    assert_eq!(scene.world.status(J3), "running");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_a_destination_is_refused_with_what_is_missing() {
    let scene = Scene::start(Generation::Merged).await;
    let only = |ids: &[&str]| Options {
        only: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..options()
    };
    let Stop(why) = scene.plan(only(&[J1])).await.unwrap_err();
    assert!(
        why.contains(J2) && why.contains(PAUSED) && !why.contains(J3),
        "{why}"
    );
    let plan = scene.plan(only(&[J1, J2, PAUSED])).await.unwrap();
    assert_eq!(plan.units.len(), 1);
    let Stop(why) = scene.plan(only(&["nobody"])).await.unwrap_err();
    assert!(why.contains("nobody"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_cannot_be_asked_is_refused_or_completed() {
    let scene = Scene::start(Generation::Merged).await;
    scene.world.stop(J1, "pause");
    scene.world.set_up(A, false);
    let plan = scene.plan(options()).await.unwrap();
    let refused: Vec<&String> = plan.units.iter().flat_map(|unit| &unit.refused).collect();
    assert!(
        refused
            .iter()
            .any(|why| why.contains(J1) && why.contains("--complete-gtid")),
        "{refused:?}"
    );
    let plan = scene
        .plan(Options {
            complete_gtid: true,
            ..options()
        })
        .await
        .unwrap();
    let jobs: Vec<_> = plan.units.iter().flat_map(|unit| &unit.jobs).collect();
    let job = jobs.iter().find(|job| job.id == J1).unwrap();
    let all = format!("db000000-0000-0000-0000-000000000001:1-{}", 20 + 5 + 10);
    assert_eq!(job.whole.as_deref(), Some(all.as_str()), "{job:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_plugin_gets_a_destination_without_the_old_table() {
    let scene = Scene::start(Generation::Split).await;
    let plan = scene.plan(options()).await.unwrap();
    let refused = plan.units.iter().filter(|unit| {
        unit.refused
            .iter()
            .any(|why| why.contains("--drop-old-table"))
    });
    assert_eq!(refused.count(), 2, "{plan:?}");
    let (_, said) = scene
        .run(Options {
            drop_old_table: true,
            ..options()
        })
        .await;
    assert!(said.contains("dropped dtle.gtid_executed_v3a"), "{said}");
    scene.settled(&[J1, J2, J3], &said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scene_itself_shows_what_the_old_way_lost() {
    // What the migration does must not be what makes the scene quiet: a job that is
    // resumed plainly applies again what it had applied.
    let scene = Scene::start(Generation::Merged).await;
    let old = Client::of_url(&scene.old);
    old.post(&format!("/v1/job/{J3}/pause")).await;
    old.post(&format!("/v1/job/{J3}/resume")).await;
    let violations = scene.world.violations();
    assert!(
        violations.iter().any(|one| one.contains("applied twice")),
        "{violations:?}"
    );
    assert_eq!(ALL.len(), 5);
}
