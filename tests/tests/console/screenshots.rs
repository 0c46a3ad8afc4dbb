//! The pictures of the README and the docs: of the real page, made by
//!
//! ```sh
//! WRITE_DOCS=1 cargo test -p tests --test console screenshots -- --ignored
//! ```

use std::path::Path;

use serde_json::{Value, json};
use tests::cluster::job;

use crate::browser::{Browser, Reader};
use crate::house::House;

/// A job as a shop would have it.
fn shop(id: &str, name: &str, schema: &str, hosts: (&str, &str)) -> Value {
    let mut job = job(id);
    job["Name"] = json!(name);
    job["Tasks"][0]["Config"]["ReplicateDoDb"] = json!([{"TableSchema": schema, "Tables": []}]);
    job["Tasks"][0]["Config"]["ConnectionConfig"]["Host"] = json!(hosts.0);
    job["Tasks"][1]["Config"]["ConnectionConfig"]["Host"] = json!(hosts.1);
    job
}

async fn shops(house: &House) {
    let east = "10.20.2.11";
    for (id, name, schema, source) in [
        ("orders-eu", "orders", "shop", "10.20.1.11"),
        ("ledger", "ledger", "ledger", "10.20.1.12"),
        ("sessions", "sessions", "web", "10.20.1.13"),
        ("stock", "stock", "warehouse", "10.20.1.14"),
        ("crm", "crm", "crm", "10.20.1.15"),
    ] {
        house
            .has(&shop(id, name, schema, (source, east)), "running")
            .await;
        house.cluster.running(id).await;
    }
    let mut tables = shop("returns", "returns", "shop", ("10.20.1.11", "10.20.2.12"));
    tables["Tasks"][0]["Config"]["ReplicateDoDb"][0]["Tables"] =
        json!([{"TableName": "returns"}, {"TableName": "refunds", "Where": "region = 'eu'"}]);
    house.has(&tables, "running").await;

    let mut broken = shop(
        "billing",
        "billing",
        "billing",
        ("10.20.1.16", "10.20.2.14"),
    );
    broken["Tasks"][1]["Config"]["ConnectionConfig"]["Port"] = json!(1);
    house.has(&broken, "dead").await;
    let mut kafka = shop("clicks", "clicks to Kafka", "web", ("10.20.1.13", ""));
    kafka["Tasks"][1] = json!({"Type": "Dest", "Driver": "Kafka", "Config": {
        "Brokers": ["10.20.3.1:1"], "Topic": "clicks", "Converter": "json",
    }});
    house.has(&kafka, "dead").await;
    let mut homeless = shop("archive", "archive", "shop", ("10.20.1.11", "10.20.2.15"));
    homeless["Tasks"][1]["NodeName"] = json!("nomad-7");
    house.has(&homeless, "pending").await;

    house
        .has(&shop("hr", "hr", "hr", ("10.20.1.17", east)), "running")
        .await;
    house.cluster.api.post("/v1/job/hr/pause").await.succeeds();
    house.comes_to("hr", "pause").await;
}

async fn keep(browser: &Browser, name: &str) {
    let picture = browser.picture().await;
    assert!(picture.starts_with(b"\x89PNG"));
    if std::env::var_os("WRITE_DOCS").is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), picture).unwrap();
    }
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screenshots() {
    let house = House::open().await;
    shops(&house).await;
    let phone = Reader::default().with_a_phone();
    for (reader, name) in [
        (Reader::default(), "console-jobs.png"),
        (Reader::default().of_chinese(), "console-jobs-zh.png"),
        (phone, "console-phone.png"),
        (phone.of_chinese().in_the_dark(), "console-phone-zh.png"),
    ] {
        // In a hurry, so that there is some progress to see.
        let browser = house.visit(reader.in_a_hurry(), "").await;
        if !reader.phone {
            browser.is_sized(1280, 830).await;
        }
        browser.sees(&["billing", "hr"]).await;
        browser.element(".spark rect:nth-child(30)").await;
        keep(&browser, name).await;
    }
    for (reader, name) in [
        (Reader::default(), "console-job.png"),
        (Reader::default().of_chinese(), "console-job-zh.png"),
    ] {
        let browser = house.visit(reader, "#/job/billing").await;
        browser.is_sized(1280, 760).await;
        browser.element(".events li.bad").await;
        keep(&browser, name).await;
        let browser = house.visit(reader, "#/edit/returns").await;
        browser.is_sized(1280, 1080).await;
        browser.element("[data-key=changes]").await;
        let text = browser
            .run("return document.getElementById('draft').value", vec![])
            .await;
        let mut job: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
        job["Tasks"][0]["Config"]["ReplicateDoDb"][0]["Tables"][1]["TableName"] = json!("vouchers");
        let edited = serde_json::to_string_pretty(&job).unwrap();
        let edited = edited.replacen("\"Driver\": \"MySQL\"", "\"Driver\": \"MySQL8\"", 1);
        browser.pastes(&edited).await;
        browser.sees(&["none of MySQL, Kafka, Oracle"]).await;
        keep(&browser, &name.replace("job", "edit")).await;
    }
}
