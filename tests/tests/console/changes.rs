//! Pause, resume, delete.

use serde_json::json;
use tests::cluster::job;

use crate::browser::{Browser, Reader};
use crate::canned::{Canned, Shelf, entry};
use crate::house::House;

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_paused_after_a_question_and_resumed() {
    let house = House::open().await;
    house.has(&job("orders"), "running").await;
    let browser = house.visit(Reader::default(), "#/job/orders").await;
    browser.presses("Pause").await;
    browser.sees(&["Pause name of orders?"]).await;
    browser.presses("Cancel").await;
    browser.loses("Pause name of orders?").await;
    house.comes_to("orders", "running").await;

    browser.presses("Pause").await;
    browser
        .element("dialog button.primary")
        .await
        .click()
        .await
        .unwrap();
    browser.sees(&["name of orders is being paused."]).await;
    house.comes_to("orders", "pause").await;
    browser.presses("Resume").await;
    browser.sees(&["name of orders starts."]).await;
    house.comes_to("orders", "running").await;
    browser.was_calm().await;
    house.was_asked_with_care(0);
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_deleted_only_when_its_id_was_typed_and_what_stays_is_said() {
    let house = House::open().await;
    house.has(&job("orders"), "running").await;
    let browser = house.visit(Reader::default(), "#/job/orders").await;
    browser.presses("Delete").await;
    browser
        .sees(&["Type the ID to confirm: orders", "dtle.gtid_executed_v4"])
        .await;
    let disabled = "return document.getElementById('really').disabled";
    browser.writes("#typed", "order").await;
    assert_eq!(browser.run(disabled, vec![]).await, true);
    browser.writes("#typed", "orders").await;
    assert_eq!(browser.run(disabled, vec![]).await, false);
    browser
        .element("dialog input[type=checkbox]")
        .await
        .click()
        .await
        .unwrap();
    browser.element("#really").await.click().await.unwrap();
    // The answer's own words: the command that removes the rest.
    browser
        .sees(&[
            "name of orders is deleted.",
            "dtle-gateway forget --id orders",
        ])
        .await;
    let answer = house.cluster.api.get("/v1/job/orders").await;
    answer.fails(404, "job not found");
    browser.was_calm().await;
}

/// An answer that is lost leaves a doubt, which the page does not hide.
#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_shown_in_its_own_words_and_nothing_to_do_is_no_success() {
    let shelf = Shelf::with(|path| match path {
        "/v1/jobs" => Some(json!([entry("orders", "orders", "pause", "")]).into()),
        "/v1/job/orders/resume" => Some(Canned {
            status: 500,
            warning: None,
            body: "No cluster leader".to_owned(),
        }),
        "/v1/job/orders/allocations" => Some(json!([]).into()),
        _ => None,
    })
    .await;
    let browser = Browser::open(Reader::default(), &shelf.home, "#/job/orders").await;
    browser.presses("Resume").await;
    browser
        .sees(&["The request was refused (500): No cluster leader"])
        .await;

    let shelf = Shelf::with(|path| match path {
        "/v1/jobs" => Some(json!([entry("orders", "orders", "pause", "")]).into()),
        "/v1/job/orders/resume" => Some(
            json!({"Index": 0, "KnownLeader": false, "LastContact": 0, "Success": false}).into(),
        ),
        "/v1/job/orders/allocations" => Some(json!([]).into()),
        _ => None,
    })
    .await;
    let browser = Browser::open(Reader::default(), &shelf.home, "#/job/orders").await;
    browser.presses("Resume").await;
    browser.sees(&["There was nothing to do"]).await;
}
