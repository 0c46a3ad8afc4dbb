//! Who may see and change what.

use serde_json::json;
use tests::cluster::job;
use tests::proxy::{Fault, Which};

use crate::browser::{Browser, Reader};
use crate::canned::{Canned, Shelf};
use crate::house::House;

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_asked_for_and_stays_in_the_tab() {
    let house = House::locked().await;
    house.has(&job("orders"), "running").await;
    let (_, writer) = house.tokens.clone().unwrap();
    let browser = house.visit(Reader::default(), "").await;
    browser.sees(&["This gateway wants a token"]).await;
    browser.writes("#token", "not-a-token").await;
    browser.presses("Use this token").await;
    browser
        .sees(&["This token is not accepted", "401 a token is needed"])
        .await;
    browser.writes("#token", &writer).await;
    browser.presses("Use this token").await;
    browser.sees(&["name of orders"]).await;
    assert!(!browser.address().await.contains(&writer));
    // It outlives a reload of the tab, and is kept nowhere else.
    browser.reloads().await;
    browser.sees(&["name of orders"]).await;
    let kept = "return [JSON.stringify(localStorage), document.cookie, document.documentElement.outerHTML].join()";
    let kept = browser.run(kept, vec![]).await;
    assert!(!kept.as_str().unwrap().contains(&writer));
    browser.presses("Token").await;
    browser.presses("Forget the token").await;
    browser.sees(&["This gateway wants a token"]).await;
    browser.loses("name of orders").await;
    browser.was_calm().await;
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_refused_write_there_are_no_buttons_for_writes() {
    let house = House::locked().await;
    house.has(&job("orders"), "running").await;
    let (reader, _) = house.tokens.clone().unwrap();
    let browser = house.visit(Reader::default(), "#/job/orders").await;
    browser.writes("#token", &reader).await;
    browser.presses("Use this token").await;
    browser.presses("Pause").await;
    browser
        .element("dialog button.primary")
        .await
        .click()
        .await
        .unwrap();
    browser
        .sees(&[
            "everything that changes a job is hidden",
            "this token may only read",
        ])
        .await;
    let buttons = "return document.querySelectorAll('.actions *').length";
    assert_eq!(browser.run(buttons, vec![]).await, json!(0));
    browser.loses("New job").await;
    house.comes_to("orders", "running").await;
    // What a reader may see is still there.
    browser.sees(&["name of orders", "Events"]).await;
    browser.was_calm().await;
}

/// API Gateway says 403 to an unknown token, in JSON.
#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn api_gateways_refusals_ask_for_a_token_too() {
    let shelf = Shelf::with(|_| {
        Some(Canned {
            status: 403,
            warning: None,
            body: json!({"message": "Forbidden"}).to_string(),
        })
    })
    .await;
    let browser = Browser::open(Reader::default(), &shelf.home, "").await;
    browser
        .sees(&["This gateway wants a token", "403 Forbidden"])
        .await;
    // Where nobody is let in, nothing more is asked.
    assert_eq!(shelf.asked().len(), 1, "{:?}", shelf.asked());
}

/// That Nomad refuses the gateway is not the reader's fault, and no token of theirs helps.
#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nomads_refusal_of_the_gateway_is_no_question_for_a_token() {
    let house = House::open().await;
    let text = "text/plain; charset=utf-8";
    let fault = Fault::Answer(403, text, "Permission denied");
    house.way.set(fault, Which::All);
    let browser = house.visit(Reader::default(), "").await;
    browser
        .sees(&[
            "The jobs could not be read (403):",
            "Nomad refused the gateway",
        ])
        .await;
}
