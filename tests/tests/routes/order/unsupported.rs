//! `GET`, `POST`, `PUT`, `DELETE /v1/login`, and what else 2.x bills with.

use tests::on_every_cluster;

on_every_cluster!(billing_is_501, async |site| {
    for (method, path) in [
        ("POST", "/v1/login"),
        ("POST", "/v1/job/info"),
        ("PUT", "/v1/job/renewal"),
        ("POST", "/v1/orders"),
        ("POST", "/v1/cloud/order"),
        ("GET", "/v1/order/x"),
        ("POST", "/v1/order/x"),
    ] {
        let answer = site.api.send(method, path, &[], b"{}").await;
        assert_eq!(answer.status, 501, "{method} {path}: {}", answer.shown());
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert!(
            !answer.text().is_empty() && !answer.text().contains('\n'),
            "{}",
            answer.text()
        );
    }
});
