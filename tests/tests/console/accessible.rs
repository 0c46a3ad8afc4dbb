//! What axe-core finds: names, roles, contrast, order.

use serde_json::{Value, json};
use tests::cluster::job;

use crate::browser::{Browser, Reader};
use crate::house::House;

fn axe() -> String {
    let path = std::env::var("AXE_JS").expect("AXE_JS: where axe.min.js is");
    std::fs::read_to_string(path).expect("axe.min.js")
}

/// What breaks a rule of WCAG 2.2 at level AA, or one that is good practice.
async fn faults(browser: &Browser, axe: &str) -> Value {
    // The page's policy forbids scripts that are not its own; a test's is put in by the
    // browser itself.
    browser.run(axe, vec![]).await;
    let script = "const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ['violations'] }).then(result => done(result.violations.map(rule =>
          [rule.id, rule.nodes.map(node => `${node.target}: ${node.failureSummary}`)])));";
    browser.run_slowly(script, vec![]).await
}

#[ignore = "needs chromium and axe-core"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_screen_can_be_read_by_everybody() {
    let axe = axe();
    let house = House::open().await.with_jobs().await;
    for reader in [
        Reader::default(),
        Reader::default().in_the_dark(),
        Reader::default().with_a_phone().of_chinese(),
        Reader::default().with_a_phone().in_the_dark(),
    ] {
        let browser = house.visit(reader, "").await;
        browser.sees(&["name of billing"]).await;
        let check = async |what: &str| {
            let found = faults(&browser, &axe).await;
            assert_eq!(found, json!([]), "{what} {reader:?}: {found:#}");
        };
        check("jobs").await;
        browser.visit("#/job/billing").await;
        browser.element(".events li.bad").await;
        browser
            .run(
                "document.querySelectorAll('details').forEach(it => it.open = true)",
                vec![],
            )
            .await;
        check("a job").await;
        browser
            .element("[data-do=delete]")
            .await
            .click()
            .await
            .unwrap();
        check("a question").await;
        browser
            .element("[data-cancel]")
            .await
            .click()
            .await
            .unwrap();
        browser.visit("#/new").await;
        browser
            .element("[data-do=example]")
            .await
            .click()
            .await
            .unwrap();
        browser.pastes("{\n\"Name\": }").await;
        browser.element("#findings li").await;
        check("a new job").await;
        browser.visit("#/edit/orders").await;
        browser.element("[data-key=changes]").await;
        check("an edit").await;
        browser.visit("#/cluster").await;
        browser.element("section.panel .badge").await;
        check("the cluster").await;
    }
}

#[ignore = "needs chromium and axe-core"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_and_questions_can_be_read_by_everybody() {
    let axe = axe();
    let mut house = House::open().await;
    house.has(&job("orders"), "running").await;
    house.cluster.running("orders").await;
    let browser = house
        .visit(Reader::default().in_a_hurry(), "#/job/orders")
        .await;
    browser.presses("Measure now").await;
    browser.sees(&["transactions behind"]).await;
    house.falls().await;
    browser.sees(&["does not answer since"]).await;
    let found = faults(&browser, &axe).await;
    assert_eq!(found, json!([]), "{found:#}");

    let house = House::locked().await;
    let browser = house.visit(Reader::default(), "").await;
    browser.sees(&["This gateway wants a token"]).await;
    let found = faults(&browser, &axe).await;
    assert_eq!(found, json!([]), "{found:#}");
}
