//! Names and errors that were made to hurt.

use serde_json::json;

use crate::browser::{Browser, Reader};
use crate::canned::{Canned, Shelf, entry};

const IMAGE: &str = "<img src=x onerror=\"window.owned = 1\">";
const SCRIPT: &str = "</script><script>window.owned = 1</script>";

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_causes_are_texts_whatever_they_hold() {
    let reversed = "safe\u{202e}gnp.exe";
    let long = format!("Error 1064: {}", "x".repeat(100_000));
    let mut jobs = vec![
        entry(IMAGE, IMAGE, "dead", IMAGE),
        entry("__proto__", "constructor", "dead", SCRIPT),
        entry("r", reversed, "running", &long),
        entry("a/b?c#d", "{name} $& ${x}", "nonsense", ""),
        entry("o", "odd types", "running", ""),
    ];
    jobs[4]["JobSummary"]["Tasks"] = json!({"no": "array"});
    jobs.push(json!({"ID": "n", "Name": null, "Status": 5, "JobSummary": null}));
    for (position, text) in [IMAGE, SCRIPT].into_iter().enumerate() {
        let config = &mut jobs[position]["JobSummary"]["Tasks"][0]["Config"];
        config["ConnectionConfig"]["Host"] = json!(text);
        config["ReplicateDoDb"] =
            json!([{"TableSchema": text, "Tables": [{"TableName": text, "Where": text}]}]);
        config[text] = json!({text: [text]});
        config["ConnectionConfig"]["Password"] = json!("leaked-by-a-bug");
    }
    let events = json!([{"ID": "a", "Task": "Src", "NodeID": IMAGE, "ClientStatus": "running", "DesiredStatus": "run", "TaskStates": {IMAGE: {"Events": [
        {"Type": IMAGE, "Time": IMAGE, "Message": SCRIPT, "DriverError": IMAGE, "ExitCode": 1, "StartDelay": 1},
    ]}}}]);
    let list = json!(jobs);
    let shelf = Shelf::with(move |path| match path {
        "/v1/jobs" => Some(list.clone().into()),
        path if path.ends_with("/allocations") => Some(events.clone().into()),
        _ => Some(Canned {
            status: 500,
            warning: Some("<b>warned</b>"),
            body: IMAGE.to_owned(),
        }),
    })
    .await;
    let browser = Browser::open(Reader::default(), &shelf.home, "").await;
    browser
        .sees(&[
            IMAGE,
            SCRIPT,
            "safe\\u202egnp.exe",
            "{name} $& ${x}",
            "constructor",
            "odd types",
            "nonsense",
        ])
        .await;
    for id in [IMAGE, "__proto__", "r", "a/b?c#d", "o", "n"] {
        let page = format!(
            "#/job/{}",
            percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC)
        );
        browser.visit(&page).await;
        browser.sees(&["Replication", "Settings"]).await;
        browser
            .run(
                "document.querySelectorAll('details').forEach(it => it.open = true)",
                vec![],
            )
            .await;
        let page = browser
            .run("return document.documentElement.outerHTML", vec![])
            .await;
        assert!(!page.as_str().unwrap().contains("leaked-by-a-bug"), "{id}");
    }
    browser
        .visit(&format!("#/job/{}", "%3Cimg%20src=x%20onerror=alert(1)%3E"))
        .await;
    browser.sees(&["There is no job with this ID."]).await;
    browser.visit("#/cluster").await;
    browser
        .sees(&[&format!("could not be read (500): {IMAGE}")])
        .await;
    let hurt = "return [window.owned ?? null, document.querySelectorAll('img').length, document.scripts.length]";
    assert_eq!(browser.run(hurt, vec![]).await, json!([null, 0, 1]));
    // A long cause scrolls in its place, and the page does not grow sideways.
    browser.visit("#/").await;
    browser.sees(&["Error 1064"]).await;
    let wide = "return document.documentElement.scrollWidth <= innerWidth";
    assert_eq!(browser.run(wide, vec![]).await, true);
    browser.was_calm().await;
}
