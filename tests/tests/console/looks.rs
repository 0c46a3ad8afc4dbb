//! What a reader sees of jobs, and learns of one of them.

use serde_json::json;
use tests::cluster::job;

use crate::browser::Reader;
use crate::canned::{Canned, Shelf, entry};
use crate::house::{House, REFUSED};

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_jobs_come_first_each_with_its_cause() {
    let house = House::open().await.with_jobs().await;
    let browser = house.visit(Reader::default(), "").await;
    browser
        .sees(&[
            "2 of 4 jobs need attention",
            REFUSED,
            "10.9.8.7:3306",
            "db1.tb1",
        ])
        .await;
    let names = "return [...document.querySelectorAll('.jobs .name')].map(link => link.innerText)";
    let expected = ["billing", "warehouse", "orders", "hr"].map(|id| format!("name of {id}"));
    browser.comes_to(names, &json!(expected)).await;
    // Each state has a word.
    browser
        .sees(&["Failed", "No node", "Running", "Paused"])
        .await;
    assert_eq!(browser.title().await, "(2) Jobs · dtle");
    // Nobody has measured a lag, so nobody reads of one.
    browser.sees(&["not measured"]).await;
    let cells =
        "return [...document.querySelectorAll('td.c-behind')].map(cell => cell.innerText).join()";
    let behind = browser.run(cells, vec![]).await;
    assert!(!behind.as_str().unwrap().contains('0'), "{behind}");
    browser.was_calm().await;
    house.was_asked_with_care(0);
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_found_by_words_and_by_state() {
    let house = House::open().await.with_jobs().await;
    let browser = house.visit(Reader::default(), "").await;
    browser.sees(&["name of hr"]).await;
    browser.writes("#search", "refused").await;
    browser
        .sees(&["1 of 4 jobs shown", "name of billing"])
        .await;
    browser.loses("name of hr").await;
    browser.writes("#search", "nothing like it").await;
    browser.presses("Show all 4 jobs").await;
    browser.sees(&["name of hr"]).await;
    browser
        .element("[data-state=paused]")
        .await
        .click()
        .await
        .unwrap();
    browser.loses("name of orders").await;
    browser.sees(&["name of hr", "1 of 4 jobs shown"]).await;
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_job_says_why_and_what_happened_and_shows_no_password() {
    let house = House::open().await.with_jobs().await;
    let browser = house.visit(Reader::default(), "").await;
    browser.presses("name of billing").await;
    browser
        .sees(&[
            "Cause",
            REFUSED,
            "Given up",
            "Ended",
            "Source",
            "Destination",
            "node nomad1",
        ])
        .await;
    assert!(browser.address().await.ends_with("/#/job/billing"));
    assert_eq!(browser.title().await, "(!) name of billing · dtle");
    browser.presses("Raw JSON").await;
    browser.sees(&["\"ReplicateDoDb\""]).await;
    let everything = browser
        .run("return document.documentElement.outerHTML", vec![])
        .await;
    for secret in ["secret-of-src", "secret-of-dest"] {
        assert!(!everything.as_str().unwrap().contains(secret));
    }
    browser.was_calm().await;
    house.was_asked_with_care(0);

    browser.visit("#/job/nosuch").await;
    browser.sees(&["There is no job with this ID."]).await;
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lag_is_measured_once_and_only_when_it_is_asked_for() {
    let house = House::open().await;
    house.has(&job("orders"), "running").await;
    house.cluster.running("orders").await;
    let browser = house.visit(Reader::default(), "#/job/orders").await;
    browser.sees(&["Nothing is measured until you ask."]).await;
    house.was_asked_with_care(0);
    browser.presses("Measure now").await;
    browser
        .sees(&["transactions behind", "measured 0 s ago", "Rows applied"])
        .await;
    // One question a task.
    house.was_asked_with_care(2);
    // It shows in the list, too, with its age.
    browser.presses("← All jobs").await;
    browser.loses("not measured").await;
    house.was_asked_with_care(2);
    browser.was_calm().await;
}

/// Where the gateway tells how far a full copy is, and that Nomad still retries.
#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_copy_shows_how_far_it_is_and_a_retry_what_it_is_about() {
    let cause = "Dest: Error 1146 (42S02): Table 'a.b' doesn't exist (attempt 2 of 3)";
    let mut copying = entry("c1", "copying", "running", "");
    copying["JobSummary"]["Progress"] = json!({
        "Gtid": "", "JobStage": "job_stage_full", "RowsCopied": 4_999, "RowsTotal": 10_000,
    });
    let jobs = json!([copying, entry("r1", "retrying", "running", cause)]);
    let shelf = Shelf::with(move |path| {
        (path == "/v1/jobs").then(|| Canned {
            warning: Some("Consul does not answer, so how far jobs are is not known"),
            ..Canned::from(jobs.clone())
        })
    })
    .await;
    let browser = crate::browser::Browser::open(Reader::default(), &shelf.home, "").await;
    browser
        .sees(&[
            "1 of 2 jobs needs attention",
            "Retrying",
            cause,
            "Full copy",
            "49 % · 4,999 of 10,000 rows",
            "Consul does not answer",
        ])
        .await;
    browser.was_calm().await;
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cluster_shows_leader_servers_nodes_and_the_plugin() {
    let house = House::open().await;
    let browser = house.visit(Reader::default(), "#/cluster").await;
    browser
        .sees(&[
            "answers; the leader is 127.0.0.1:",
            "nomad1.global",
            "alive",
            "1.1.2",
            "nomad1",
            "ready",
            "4.23.04.0",
        ])
        .await;
    browser.was_calm().await;
    house.was_asked_with_care(0);
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_can_be_read_under_its_policy() {
    let house = House::open().await;
    let browser = house.visit(Reader::default(), "docs").await;
    browser.sees(&["/v1/job/{id}/pause", "Replications"]).await;
    browser
        .element("#job-pause-post summary")
        .await
        .click()
        .await
        .unwrap();
    browser.sees(&["Parameters"]).await;
    browser.was_calm().await;
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keyboard_reaches_everything() {
    let house = House::open().await.with_jobs().await;
    let browser = house.visit(Reader::default(), "").await;
    browser.sees(&["name of hr"]).await;
    // A slash leads to the search.
    browser.element("body").await.send_keys("/").await.unwrap();
    browser
        .comes_to("return document.activeElement.id", &json!("search"))
        .await;
    // Tabs lead from there to the first job, which Enter opens.
    let next = "return document.activeElement.innerText";
    browser
        .element("#search")
        .await
        .send_keys("\u{e004}")
        .await
        .unwrap();
    browser.comes_to(next, &json!("name of billing")).await;
    browser
        .element(".jobs .name")
        .await
        .send_keys("\u{e007}")
        .await
        .unwrap();
    browser.sees(&["Cause"]).await;
    // A reader who hears the page begins at its headline.
    browser.comes_to(next, &json!("name of billing")).await;
}
