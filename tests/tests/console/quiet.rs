//! What the page asks for while somebody looks at it, and while nobody does.

use serde_json::json;
use tests::eventually;

use crate::browser::{Browser, Reader, while_nothing_happens};
use crate::canned::{Shelf, entry};

async fn after(shelf: &Shelf, requests: usize) {
    eventually("many requests", async || {
        let asked = shelf.asked().len();
        if asked >= requests {
            Ok(())
        } else {
            Err(asked)
        }
    })
    .await;
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_refreshed_by_one_list_and_only_while_they_are_seen() {
    let jobs: Vec<_> = (0..10)
        .map(|n| entry(&format!("j{n}"), &format!("job {n}"), "running", ""))
        .collect();
    let shelf = Shelf::of_jobs(jobs).await;
    let browser = Browser::open(Reader::default().in_a_hurry(), &shelf.home, "").await;
    browser.sees(&["job 9"]).await;
    after(&shelf, 20).await;
    let asked = shelf.asked();
    assert!(
        asked.iter().all(|it| it == "GET /v1/jobs?progress=true"),
        "{asked:?}"
    );

    // Two seconds are twenty refreshes of this page; one may be on its way.
    browser.looks_elsewhere().await;
    let before = shelf.asked().len();
    while_nothing_happens().await;
    assert!(shelf.asked().len() <= before + 1);
    browser.looks_back().await;
    after(&shelf, before + 5).await;
    browser.was_calm().await;
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_job_is_refreshed_by_its_entry_and_now_and_then_its_events() {
    let shelf = Shelf::of_jobs(vec![entry("j1", "job 1", "running", "")]).await;
    let browser = Browser::open(Reader::default().in_a_hurry(), &shelf.home, "#/job/j1").await;
    browser.sees(&["job 1"]).await;
    after(&shelf, 40).await;
    let asked = shelf.asked();
    let count = |path: &str| asked.iter().filter(|it| *it == path).count();
    let entries = count("GET /v1/jobs?progress=true&prefix=j1");
    let events = count("GET /v1/job/j1/allocations");
    let nodes = asked.iter().filter(|it| *it == "GET /v1/nodes").count();
    assert_eq!(entries + events + nodes, asked.len(), "{asked:?}");
    // Every third time, the first one included.
    assert!(events <= entries / 3 + 2, "{events} of {entries}");
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_that_stands_still_is_said_to() {
    let shelf = Shelf::of_jobs(vec![entry("j1", "job 1", "running", "")]).await;
    let browser = Browser::open(Reader::default(), &shelf.home, "").await;
    browser.sees(&["job 1"]).await;
    // As if the page had been open for three minutes.
    let earlier = "const now = Date.now; const shift = 190000; Date.now = () => now() + shift";
    browser.run(earlier, vec![]).await;
    browser
        .run(
            "document.dispatchEvent(new Event('visibilitychange'))",
            vec![],
        )
        .await;
    browser.sees(&["unchanged for 3 min or more"]).await;
    let words = browser
        .run(
            "return document.querySelector('td.c-behind').innerText",
            vec![],
        )
        .await;
    assert_eq!(words, json!("not measured"));
}
