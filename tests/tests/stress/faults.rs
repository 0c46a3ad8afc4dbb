//! While something is wrong with Nomad.

use std::time::Duration;

use tests::faulty::{Faulty, after_a_freeze, after_dead_connections, faults, while_nomad_is_slow};
use tests::proxy::Which;

/// `DTLE_DEADLINE` where every server fails.
const DEADLINE: Duration = Duration::from_secs(4);

/// What a busy machine may add to it. Lambda's own limit is far above both.
const SLACK: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures time"]
async fn every_route_answers_in_time_whatever_is_wrong_with_nomad() {
    for (name, fault) in faults() {
        let mut faulty = Faulty::start(1, "4s").await;
        match &fault {
            None => faulty.servers[0].refuse(),
            Some(fault) => faulty.servers[0].set(fault.clone(), Which::All),
        }
        let outcomes = faulty.all().await;
        for outcome in &outcomes {
            let at = format!(
                "{name}, {}: {} {} after {:?}",
                outcome.route,
                outcome.answer.status,
                outcome.answer.shown(),
                outcome.took
            );
            assert!(outcome.took < DEADLINE + SLACK, "{at}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures time"]
async fn kept_connections_that_died_cost_one_silence_and_not_one_each() {
    for silently in [false, true] {
        // The dead ones that remain in the pool after the first one.
        let took = after_dead_connections(silently).await;
        assert!(took < Duration::from_secs(40), "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures time"]
async fn a_process_that_was_frozen_soon_goes_on() {
    for took in after_a_freeze().await {
        assert!(took < Duration::from_secs(15), "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures time"]
async fn a_nomad_that_is_slow_does_not_make_this_slower() {
    let took = while_nomad_is_slow("20s").await;
    assert!(took < Duration::from_secs(20), "{took:?}");
}
