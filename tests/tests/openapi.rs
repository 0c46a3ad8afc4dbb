//! The OpenAPI document, as it is served.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that meets something odd should stop and say so"
)]

#[tokio::test]
async fn the_gateway_serves_the_document_and_its_page_and_neither_is_a_route() {
    let nomad = "http://127.0.0.1:1";
    let (server, client) = tests::gateway(nomad, &[]).await;
    // Nobody is at that address: neither asks Nomad.
    let document = client.get("/openapi.json").await;
    assert_eq!(document.status, 200);
    assert_eq!(document.text(), local::openapi::text());
    let page = client.get("/docs").await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(!page.text().contains("http://") && !page.text().contains("https://"));
    for path in ["/docs/", "/openapi.json/"] {
        assert_eq!(client.get(path).await.text(), "404 page not found\n");
    }
    server.shutdown().await;
}
