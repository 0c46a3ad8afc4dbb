//! `GET /v1/orders`, `GET /v1/orders/pending`: no orders, as 2.x answers without any
//! [114, 115]. Nomad is not asked.

use dtle_nomad::{QueryMeta, Read};

use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Readme, Source, shape};
use crate::reply::{Error, Reply};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "orders-list",
    methods: &["GET"],
    paths: &["/v1/orders", "/v1/orders/pending"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Billing",
        summary: "No orders",
        readme: Readme {
            vendor: false,
            english: "`[]`: there are no orders",
            chinese: "`[]`：没有订单",
        },
        text: "Always empty, as a 2.x without orders answered.",
        answer: Answer::Json(shape::<[(); 0]>()),
        headers: Headers::Read,
        source: Source::Gateway,
        ..Doc::NOMAD
    },
};

// Async like every other handler; there is nobody to wait for.
#[expect(clippy::unused_async)]
async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let orders: Read<[(); 0]> = Read {
        value: [],
        meta: Some(QueryMeta {
            index: 0,
            known_leader: true,
            last_contact: 0,
        }),
    };
    Reply::read(context.call.style(), &orders)
}
