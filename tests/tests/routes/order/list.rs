//! `GET /v1/orders` and `GET /v1/orders/pending`

use serde_json::json;
use tests::on_every_cluster;

on_every_cluster!(there_are_no_orders, async |site| {
    for path in ["/v1/orders", "/v1/orders/pending"] {
        assert_eq!(site.api.get(path).await.ok(), json!([]));
    }
});
