//! Why real jobs failed, as a real Nomad and the plugin said it: what is shown of it,
//! while Nomad tries again and after. What was wrong stands in a recording's name; the
//! texts are MySQL's, Go's and the plugin's own.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets something odd should stop and say so"
)]

use std::path::PathBuf;

use dtle_translate::delay::{behind, put_right};
use dtle_translate::retry::{cause, retries};
use dtle_translate::statistics::of_signal;
use dtle_translate::status::{Look, settle};
use dtle_translate::wire::{AllocationStub, Job};
use dtle_translate::{JobView, Side};
use serde_json::{Value, json};

/// What was wrong, whose fault it is, and part of what was said.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "added-table",
        "Dest",
        "Error 1146: Table 'shop.u' doesn't exist",
    ),
    (
        "binlog-format",
        "Src",
        "it is required to set binlog_format=row",
    ),
    ("dest-host", "Dest", "driver: bad connection"),
    (
        "dest-password",
        "Dest",
        "Error 1045: Access denied for user",
    ),
    (
        "dest-port",
        "Dest",
        "dial tcp 127.0.0.1:1: connect: connection refused",
    ),
    // 3.20 first tries to make its own schema there.
    ("dest-privilege", "Dest", ""),
    ("purged", "Src", "ERROR 1236 (HY000)"),
    ("schema", "Src", "Error 1049: Unknown database"),
    ("src-host", "Src", "driver: bad connection"),
    ("src-name", "Src", "no such host"),
    ("src-password", "Src", "Error 1045: Access denied for user"),
    (
        "src-port",
        "Src",
        "dial tcp 127.0.0.1:1: connect: connection refused",
    ),
    (
        "src-privilege",
        "Src",
        "user has insufficient privileges for extractor",
    ),
];

fn folder(generation: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recordings");
    root.join(format!("nomad-1.1.2-dtle-{generation}-failures"))
}

fn recorded(generation: &str, name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(folder(generation).join(format!("{name}.json"))).ok()?;
    Some(serde_json::from_str::<Value>(&text).unwrap()["response"].clone())
}

/// The job that the allocations were made for, as far as this needs it.
fn job(allocations: &[AllocationStub], generation: &str) -> Job {
    let layout = match generation {
        "3.20.10" => json!({"ConnectionConfig": {}}),
        _ => json!({"SrcConnectionConfig": {}, "DestConnectionConfig": {}, "DestType": "mysql"}),
    };
    let group = |name: &str| {
        json!({
            "Name": name, "Count": 1,
            "RestartPolicy": {"Attempts": 3, "Mode": "fail"},
            "ReschedulePolicy": {"Attempts": 0, "Unlimited": false},
            "Tasks": [{"Name": name, "Driver": "dtle", "Config": layout}],
        })
    };
    serde_json::from_value(json!({
        "ID": allocations[0].job_id, "Name": allocations[0].job_id, "Status": "running",
        "TaskGroups": [group("Src"), group("Dest")],
    }))
    .unwrap()
}

#[test]
fn the_cause_and_its_side_are_named_while_nomad_tries_and_plainly_after() {
    let mut seen = 0;
    for generation in ["3.20.10", "4.23.04"] {
        for (wrong, side, words) in WRONG {
            let Some(trying) = recorded(generation, &format!("{wrong}-trying")) else {
                continue;
            };
            seen += 1;
            let at = format!("{generation} {wrong}");
            let list: Vec<AllocationStub> = serde_json::from_value(trying["json"].clone()).unwrap();
            let job_now = job(&list, generation);
            let events = list.iter().flat_map(|one| one.task_states.values());
            let newest = events
                .flat_map(|state| &state.events)
                .map(|event| event.time);
            let now = newest.max().unwrap() + 1_000_000_000;
            let text = cause(&retries(&JobView::new(&job_now), &list), now);
            assert!(text.starts_with(&format!("{side}: ")), "{at}: {text}");
            assert!(text.contains(words), "{at}: {text}");
            let attempt = text.rsplit_once(" (attempt ").map(|(_, rest)| rest);
            let attempt = attempt.and_then(|rest| rest.strip_suffix(" of 4)"));
            let attempt: u32 = attempt
                .unwrap_or_else(|| panic!("{at}: {text}"))
                .parse()
                .unwrap();
            assert!((1..=4).contains(&attempt), "{at}: {text}");
            // What only says that the other side was started again is no cause.
            assert!(
                !text.contains("NatsAddr") && !text.contains("applier error"),
                "{at}: {text}"
            );

            let Some(dead) = recorded(generation, &format!("{wrong}-dead")) else {
                // Nomad never noticed that the task ended a second time. It still says so.
                assert_eq!(*wrong, "added-table");
                let later = now + 86_400_000_000_000;
                assert_eq!(cause(&retries(&JobView::new(&job_now), &list), later), text);
                continue;
            };
            let list: Vec<AllocationStub> = serde_json::from_value(dead["json"].clone()).unwrap();
            let job = job(&list, generation);
            let status = settle(&JobView::new(&job), &Look::Failed, &list, &[]);
            assert_eq!(status.word, "dead", "{at}");
            let plain = &status.description;
            assert!(plain.contains(words) && !plain.is_empty(), "{at}: {plain}");
            assert!(!plain.starts_with(&format!("{side}: ")), "{at}: {plain}");
            assert!(!plain.contains("attempt "), "{at}: {plain}");
            assert!(!plain.contains("NatsAddr"), "{at}: {plain}");
        }
    }
    assert!(seen > 18, "{seen}");
}

#[test]
fn a_locked_table_is_no_zero() {
    for generation in ["3.20.10", "4.23.04"] {
        let said = |moment: &str, side: Side| {
            let name = format!("table-{moment}-{}", side.as_str().to_ascii_lowercase());
            let answer = recorded(generation, &name).unwrap();
            of_signal(answer["text"].as_str().unwrap(), side).unwrap()
        };
        let sets = |moment| {
            let read = said(moment, Side::Src).current_coordinates.gtid_set;
            let applied = said(moment, Side::Dest)
                .current_coordinates
                .retrieved_gtid_set;
            (read, applied)
        };
        for moment in ["before", "after"] {
            let (read, applied) = sets(moment);
            // 3.20.10 has read nothing yet before the first transaction.
            let unknown = generation == "3.20.10" && moment == "before";
            let expected = (!unknown).then_some(0);
            assert_eq!(behind(&read, &applied), expected, "{generation} {moment}");
        }
        for moment in ["locked", "locked-longer"] {
            // The plugin's own figures: nothing is behind, and all is done.
            let mut dest = said(moment, Side::Dest);
            assert_eq!(dest.delay_count.unwrap().num, 0);
            assert_eq!(dest.progress_pct == "100.0", generation == "4.23.04");
            let (read, applied) = sets(moment);
            // The test had written thirty rows, a transaction each.
            let late = behind(&read, &applied);
            assert_eq!(late, Some(30), "{generation}: {read} {applied}");
            put_right(&mut dest, Side::Dest, late, Some(20));
            assert_eq!(dest.delay_count.unwrap().num, 30);
            assert!(dest.delay_count.unwrap().time >= 20);
            assert_ne!(dest.progress_pct, "100.0");
            assert_ne!(dest.eta, "0s");
        }
    }
}

#[test]
fn a_last_transaction_without_changes_of_the_job_is_no_delay_since_1970() {
    let said = recorded("3.20.10", "nothing-applied-dest").unwrap();
    let text = said["text"].as_str().unwrap();
    // The plugin takes the time of such a transaction for 0.
    assert!(text.contains("\"DelayCount\":{\"Num\":0,\"Time\":17956"));
    let mut said = of_signal(text, Side::Dest).unwrap();
    put_right(&mut said, Side::Dest, Some(0), None);
    assert_eq!(said.delay_count.unwrap().time, 0);
    assert_eq!(said.delay_time, 0);
}

#[test]
fn a_destination_whose_clock_is_behind_has_no_delay() {
    // `Time` of the plugin's DelayCount "might be negative if hw clock is wrong".
    let said = recorded("4.23.04", "table-after-dest").unwrap();
    let text = said["text"].as_str().unwrap();
    let (before, after) = text
        .split_once("\"DelayCount\":{\"Num\":0,\"Time\":")
        .unwrap();
    let (_, after) = after.split_once('}').unwrap();
    let text = format!("{before}\"DelayCount\":{{\"Num\":0,\"Time\":-3}}{after}");
    let said = of_signal(&text, Side::Dest).unwrap();
    assert_eq!(said.delay_count.unwrap().time, 0);
}

#[test]
fn a_restart_that_somebody_asked_for_is_no_failure() {
    let answer = recorded("4.23.04", "restart-asked").unwrap();
    let list: Vec<AllocationStub> = serde_json::from_value(answer["json"].clone()).unwrap();
    let job = job(&list, "4.23.04");
    let view = JobView::new(&job);
    let events = list.iter().flat_map(|one| one.task_states.values());
    let newest = events.flat_map(|state| &state.events).map(|one| one.time);
    let now = newest.max().unwrap() + 1_000_000_000;
    assert_eq!(cause(&retries(&view, &list), now), "");
    // Src ended because Dest did, and that shows until it is started again.
    let mut waits = list.clone();
    for state in waits
        .iter_mut()
        .filter(|one| one.task_group == "Src")
        .flat_map(|one| one.task_states.values_mut())
    {
        state.state = "pending".to_owned();
        assert_eq!(state.events.pop().unwrap().kind, "Started");
    }
    let text = cause(&retries(&view, &waits), now);
    assert!(
        text.starts_with("Dest: NatsAddr changed to waitdst."),
        "{text}"
    );
    // A failure afterwards is one.
    let mut failed = list;
    for state in failed
        .iter_mut()
        .filter(|one| one.task_group == "Dest")
        .flat_map(|one| one.task_states.values_mut())
    {
        let mut event = state.events[0].clone();
        (event.kind, event.message) = ("Terminated".to_owned(), "gone".to_owned());
        event.time = now;
        state.events.push(event);
    }
    let text = cause(&retries(&view, &failed), now);
    assert_eq!(text, "Dest: gone (attempt 1 of 4)");
}
