//! When the gateway, or the Nomad behind it, is gone.

use tests::cluster::job;
use tests::proxy::{Fault, Which};

use crate::browser::Reader;
use crate::house::House;

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_gateway_is_said_what_was_known_stays_and_it_comes_back() {
    let mut house = House::open().await;
    house.has(&job("orders"), "running").await;
    let browser = house.visit(Reader::default().in_a_hurry(), "").await;
    browser.sees(&["name of orders"]).await;
    house.falls().await;
    browser
        .sees(&[
            "The gateway does not answer since",
            "What is shown is from",
            "name of orders",
        ])
        .await;
    house.rises().await;
    browser.loses("does not answer").await;
    browser.sees(&["No job needs attention"]).await;
    browser.was_calm().await;
}

#[ignore = "needs chromium"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_without_a_leader_is_said_in_the_gateways_words() {
    let house = House::open().await;
    house.has(&job("orders"), "running").await;
    let browser = house.visit(Reader::default().in_a_hurry(), "").await;
    browser.sees(&["name of orders"]).await;
    let text = "text/plain; charset=utf-8";
    let fault = Fault::Answer(500, text, "No cluster leader");
    house.way.set(fault, Which::All);
    browser
        .sees(&[
            "The jobs could not be read (500):",
            "No cluster leader",
            "name of orders",
        ])
        .await;
    house.way.clear();
    browser.loses("No cluster leader").await;
}
