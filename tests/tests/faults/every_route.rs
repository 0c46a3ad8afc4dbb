//! Every route, whatever is wrong with Nomad.

use dtle_api::observe::{Fault as Whose, Record};
use dtle_api::routes::TABLE;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tests::faulty::{Faulty, Outcome, faults};
use tests::proxy::{Fault, Which};

use crate::document::{check_document, statuses, table};
use crate::{AT_ONCE, PLAIN};

/// Routes that do not need Nomad.
const ALONE: [&str; 3] = ["console", "orders-list", "unsupported"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_and_recovers_whatever_is_wrong_with_nomad() {
    let healthy = Faulty::start(1, "20s").await.all().await;
    let asked: Vec<&str> = healthy.iter().map(|outcome| outcome.route).collect();
    let rows: Vec<&str> = TABLE.iter().map(|route| route.function).collect();
    assert_eq!(asked, rows, "every route, once");
    for outcome in &healthy {
        let unaffected = ["unsupported", "managers-set", "raft-peer-remove"];
        assert!(
            outcome.answer.status == 200 || unaffected.contains(&outcome.route),
            "{}: {} {}",
            outcome.route,
            outcome.answer.status,
            outcome.answer.shown()
        );
    }
    let mut columns: Vec<(&str, Vec<u16>)> = vec![("none", statuses(&healthy))];
    let more = stream::iter(faults())
        .map(|(name, fault)| every_route_under(name, fault, &healthy))
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    columns.extend(more);
    let routes: Vec<&str> = healthy.iter().map(|outcome| outcome.route).collect();
    check_document("every", &table(&routes, &columns));
}

/// Whatever is wrong with Nomad is no caller's fault, but for what Nomad's token may not do.
fn check_whose_fault(name: &str, records: &[Record]) {
    for record in records {
        let expected = match name {
            _ if ALONE.contains(&record.route) => record.fault.filter(|f| *f == Whose::Caller),
            "403" => Some(Whose::Caller),
            _ => Some(Whose::Nomad),
        };
        assert_eq!(record.fault, expected, "{name}: {record:?}");
    }
}

/// The statuses of every route while that is wrong with the only server, all of
/// them checked, the way back included.
async fn every_route_under(
    name: &'static str,
    fault: Option<Fault>,
    healthy: &[Outcome],
) -> (&'static str, Vec<u16>) {
    // So long that no attempt is cut off: what Nomad says is heard on a slow machine too.
    let mut faulty = Faulty::start(1, "30s").await;
    match &fault {
        None => faulty.servers[0].refuse(),
        Some(fault) => faulty.servers[0].set(fault.clone(), Which::All),
    }
    faulty.records.lock().unwrap().clear();
    let outcomes = faulty.all().await;
    check_whose_fault(name, &faulty.records.lock().unwrap());
    for outcome in &outcomes {
        let at = format!(
            "{name}, {}: {} {} after {:?}",
            outcome.route,
            outcome.answer.status,
            outcome.answer.shown(),
            outcome.took
        );
        if ALONE.contains(&outcome.route) {
            continue;
        }
        let expected = match name {
            "403" => 403,
            "500" | "no leader" => 500,
            _ => 502,
        };
        assert_eq!(outcome.answer.status, expected, "{at}");
        match name {
            "no leader" => {
                outcome.answer.fails(500, "No cluster leader");
                assert!(outcome.answer.header("retry-after").is_some(), "{at}");
            }
            "500" => assert!(
                outcome.answer.shown().contains("something of Nomad's"),
                "{at}"
            ),
            "403" => assert!(
                outcome.answer.shown().contains("Nomad refused the gateway"),
                "{at}"
            ),
            _ => assert!(!outcome.answer.shown().contains("<html>"), "{at}"),
        }
    }
    // The way back, without a restart: each route's first answer is the one from before.
    faulty.servers[0].clear();
    faulty.servers[0].listen().await;
    for (request, before) in faulty.requests().iter().zip(healthy) {
        let now = request.send(&faulty.api).await;
        assert_eq!(
            now.answer.status,
            before.answer.status,
            "after {name}, {}: {}",
            now.route,
            now.answer.shown()
        );
    }
    (name, statuses(&outcomes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_succeeds_as_long_as_one_of_three_servers_answers() {
    let healthy = Faulty::start(1, "20s").await.all().await;
    let columns = stream::iter(faults())
        // These two are answers that another server would give as well.
        .filter(|(name, _)| std::future::ready(!matches!(*name, "500" | "403")))
        .map(|(name, fault)| every_route_with_one_server(name, fault, &healthy))
        // Few together: the server that answers has to answer them all.
        .buffered(2)
        .collect::<Vec<_>>()
        .await;
    let routes: Vec<&str> = healthy
        .iter()
        .map(|outcome| outcome.route)
        .filter(|route| !PLAIN.contains(route))
        .collect();
    check_document("two of three", &table(&routes, &columns));
}

async fn every_route_with_one_server(
    name: &'static str,
    fault: Option<Fault>,
    healthy: &[Outcome],
) -> (&'static str, Vec<u16>) {
    let mut faulty = Faulty::start(3, "24s").await;
    for server in &mut faulty.servers[..2] {
        match &fault {
            None => server.refuse(),
            Some(fault) => server.set(fault.clone(), Which::All),
        }
    }
    let mut requests = faulty.requests();
    requests.retain(|request| !PLAIN.contains(&request.route));
    let outcomes = join_all(requests.iter().map(|request| request.send(&faulty.api))).await;
    for outcome in &outcomes {
        let before = healthy
            .iter()
            .find(|one| one.route == outcome.route)
            .unwrap();
        assert_eq!(
            outcome.answer.status,
            before.answer.status,
            "{name}, {} after {:?}: {}",
            outcome.route,
            outcome.took,
            outcome.answer.shown()
        );
    }
    (name, statuses(&outcomes))
}
