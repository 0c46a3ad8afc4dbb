//! Writing jobs.

use serde_json::{Value, json};
use tests::cluster::{job, task};

use crate::browser::{Browser, Reader};
use crate::house::House;

/// What stands beside which line.
async fn findings(browser: &Browser) -> Value {
    let script = "return [...document.querySelectorAll('#findings li')]
                    .map(item => [Number(item.dataset.line), item.querySelector('bdi').innerText])";
    browser.run(script, vec![]).await
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_stand_beside_their_lines_and_a_good_job_is_created() {
    let house = House::open().await;
    let browser = house.visit(Reader::default(), "#/new").await;
    browser
        .pastes("{\n  \"Name\": \"orders\",\n  \"Tasks\": [\n")
        .await;
    browser.sees(&["1 fault", "The JSON ends too early."]).await;

    let text = json!({"Name": "orders", "Tasks": [{"Config": {}}, {"Type": "Dest", "Config": {}}]});
    let text = serde_json::to_string_pretty(&text).unwrap();
    let line = 1 + text
        .lines()
        .position(|line| line.contains("Tasks"))
        .unwrap();
    browser.pastes(&text).await;
    browser.sees(&["Tasks[0].Type is missing"]).await;
    let found = findings(&browser).await;
    let first = &found.as_array().unwrap()[0];
    // The task is on the line after the one that begins the list.
    assert_eq!(first[0], line + 1, "{found}");

    // Without an ID: the page makes one, so that a second press makes no second job.
    let mut good = job("gone");
    good.as_object_mut().unwrap().remove("ID");
    browser.pastes(&good.to_string()).await;
    browser.sees(&["No fault found", "It will get "]).await;
    browser.presses("Create the job").await;
    browser.sees(&["name of gone is saved."]).await;
    let list = house.cluster.api.get("/v1/jobs").await.ok();
    let [made] = &list.as_array().unwrap()[..] else {
        panic!("{list}")
    };
    assert_eq!(made["Name"], "name of gone");
    assert_eq!(made["ID"].as_str().unwrap().len(), 36);
    browser.was_calm().await;
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_masked_password_and_an_id_that_is_taken_make_no_job() {
    let house = House::open().await;
    let browser = house.visit(Reader::default(), "#/new").await;
    let mut masked = job("orders");
    masked["Tasks"][0]["Config"]["ConnectionConfig"]["Password"] = json!("*");
    browser.pastes(&masked.to_string()).await;
    browser.sees(&["This is a masked password."]).await;

    house.has(&job("orders"), "running").await;
    browser.pastes(&job("orders").to_string()).await;
    browser.presses("Create the job").await;
    browser
        .sees(&["A job with this ID exists already. Nothing was overwritten."])
        .await;
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_shows_its_difference_and_keeps_passwords() {
    let house = House::open().await;
    house.has(&job("orders"), "running").await;
    let browser = house.visit(Reader::default(), "#/edit/orders").await;
    let written = "return document.getElementById('draft').value";
    browser.element("#draft").await;
    let text = browser.run(written, vec![]).await;
    let mut edited: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    let config = &mut edited["Tasks"][0]["Config"];
    assert_eq!(config["ConnectionConfig"]["Password"], "*");
    browser.sees(&["No difference."]).await;

    let tables = config["ReplicateDoDb"][0]["Tables"].as_array_mut().unwrap();
    tables.push(json!({"TableName": "tb2"}));
    config["ChunkSize"] = json!(500);
    browser.pastes(&edited.to_string()).await;
    browser
        .sees(&[
            "The rows that are in them already are not copied",
            "db1.tb2",
            "Src.ChunkSize",
            "No fault found",
        ])
        .await;
    browser.presses("Save the changes").await;
    browser.sees(&["name of orders is saved."]).await;
    let after = house.cluster.read("orders").await;
    let config = &task(&after, "Src")["Config"];
    assert_eq!(config["ChunkSize"], 500);
    assert_eq!(config["ReplicateDoDb"][0]["Tables"][1]["TableName"], "tb2");
    assert_eq!(config["ConnectionConfig"]["Password"], "secret-of-src");
    browser.was_calm().await;
    // The test itself has read the job through another gateway.
    house.was_asked_with_care(0);
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobodys_change_is_overwritten() {
    let house = House::open().await;
    house.has(&job("orders"), "running").await;
    let browser = house.visit(Reader::default(), "#/edit/orders").await;
    browser.sees(&["No difference."]).await;
    let text = browser
        .run("return document.getElementById('draft').value", vec![])
        .await;
    let mut edited: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();

    let mut theirs = job("orders");
    theirs["Name"] = json!("renamed by somebody");
    house.cluster.create(&theirs).await;

    edited["Tasks"][0]["Config"]["ChunkSize"] = json!(500);
    browser.pastes(&edited.to_string()).await;
    browser.presses("Save the changes").await;
    browser.sees(&["Nothing was overwritten."]).await;
    assert_eq!(
        house.cluster.read("orders").await["Name"],
        "renamed by somebody"
    );
    // Compared with what is there now, the old name is a difference.
    browser.presses("Compare with what is registered now").await;
    browser
        .sees(&["renamed by somebody", "name of orders"])
        .await;
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_job_stays_paused_unless_it_is_told_otherwise() {
    let house = House::open().await;
    house.has(&job("orders"), "running").await;
    house
        .cluster
        .api
        .post("/v1/job/orders/pause")
        .await
        .succeeds();
    let browser = house.visit(Reader::default(), "#/edit/orders").await;
    browser.sees(&["Keep it paused"]).await;
    let text = browser
        .run("return document.getElementById('draft').value", vec![])
        .await;
    let mut edited: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    edited["Name"] = json!("another name");
    browser.pastes(&edited.to_string()).await;
    browser.presses("Save the changes").await;
    browser.sees(&["another name is saved."]).await;
    assert_eq!(house.cluster.read("orders").await["Status"], "pause");
}
