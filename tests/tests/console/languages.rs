//! Both languages, and what a phone makes of them.

use serde_json::json;
use tests::cluster::job;

use crate::browser::Reader;
use crate::house::{House, REFUSED};

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_browsers_language_is_spoken_and_can_be_changed() {
    let house = House::open().await.with_jobs().await;
    let browser = house.visit(Reader::default().of_chinese(), "").await;
    // dtle's own words; the cause in the words that it came in.
    browser
        .sees(&[
            "4 个任务中有 2 个需要处理",
            "失败",
            "运行中",
            "已暂停",
            "源端 → 目标端",
            REFUSED,
        ])
        .await;
    let language = "return document.documentElement.lang";
    assert_eq!(browser.run(language, vec![]).await, "zh-CN");
    browser.presses("name of orders").await;
    browser
        .sees(&["暂停", "编辑", "删除", "延迟", "事件"])
        .await;
    browser.presses("English").await;
    browser.sees(&["Pause", "Lag", "Events"]).await;
    assert_eq!(browser.run(language, vec![]).await, "en");
    // The choice stays.
    browser.reloads().await;
    browser.sees(&["Pause", "Events"]).await;
    browser.was_calm().await;
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_shows_cards_that_fit_and_buttons_that_can_be_hit() {
    let house = House::open().await.with_jobs().await;
    house.has(&job(&"long-id-".repeat(8)), "running").await;
    for reader in [Reader::default(), Reader::default().of_chinese()] {
        let browser = house.visit(reader.with_a_phone(), "").await;
        browser.sees(&["name of orders"]).await;
        for page in [
            "#/",
            "#/job/billing",
            "#/job/orders",
            "#/edit/orders",
            "#/new",
            "#/cluster",
        ] {
            browser.visit(page).await;
            browser.sees(&["API"]).await;
            browser.element("main h1").await;
            let wide = "return document.documentElement.scrollWidth - innerWidth";
            assert_eq!(browser.run(wide, vec![]).await, json!(0), "{page}");
            let small = "return [...document.querySelectorAll('button, a, input:not([type=checkbox]):not(.hidden), summary')]
                .filter(it => it.checkVisibility({ visibilityProperty: true }) && !it.classList.contains('skip'))
                .map(it => [it.innerText || it.id, it.getBoundingClientRect().height])
                .filter(([, height]) => height < 43.5)";
            assert_eq!(browser.run(small, vec![]).await, json!([]), "{page}");
        }
        browser.was_calm().await;
    }
}
