//! Connections that die, and answers that come slowly or never end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tests::faulty::{after_a_freeze, after_dead_connections, while_nomad_is_slow};
use tests::gateway;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_connections_that_died_cost_no_error() {
    for silently in [false, true] {
        after_dead_connections(silently).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_frozen_goes_on_though_its_connections_died_meanwhile() {
    after_a_freeze().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nomad_that_is_slow_makes_this_slow_and_not_dead() {
    while_nomad_is_slow("80s").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_end_is_given_up() {
    // Claims more than is ever read.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let whole = Arc::new(AtomicUsize::new(0));
    let sent_whole = Arc::clone(&whole);
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            let sent_whole = Arc::clone(&sent_whole);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
                let _ = stream.write_all(head.as_bytes()).await;
                let chunk = format!("100000\r\n{}\r\n", "[".repeat(0x10_0000));
                // 100 MiB: bounded, and more than is taken.
                for _ in 0..100 {
                    if stream.write_all(chunk.as_bytes()).await.is_err() {
                        return;
                    }
                }
                sent_whole.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    let (_server, api) = gateway(&url, &[]).await;
    let answer = api.get("/v1/job/x").await;
    // On a slow machine it is given up before too much of it has come.
    let words = [
        "Nomad sent an answer that cannot be read",
        "Nomad is unreachable",
    ];
    assert!(words.contains(&answer.text()), "{}", answer.shown());
    answer.fails(502, answer.text());
    assert_eq!(whole.load(Ordering::Relaxed), 0, "it was read to its end");
}
