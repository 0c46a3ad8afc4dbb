//! The log line of a request that no function got to see: refused by the gateway
//! itself, for its token, its size or its address. On Lambda API Gateway's access log
//! has that line.

use std::time::Duration;

use dtle_api::observe::{self, Fault, Record, Subject, UNKNOWN};
use dtle_api::pipeline::Recorded;
use lambda_http::Body;
use lambda_http::http::{Method, Response, Uri};

use super::{Gateway, Peer};

/// In the extensions of a refusal: whose token it was.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub(super) String);

/// What such a line says instead of a route when there is none.
const NO_ROUTE: &str = "gateway";

impl Gateway {
    /// Writes the line, if the response is a failure and no function wrote one.
    pub(super) fn note_refusal(
        &self,
        method: &Method,
        uri: &Uri,
        peer: &Peer,
        response: &Response<Body>,
        took: Duration,
    ) {
        let status = response.status().as_u16();
        if status < 400 || response.extensions().get::<Recorded>().is_some() {
            return;
        }
        let found = self.template.route(method, uri.path());
        let caller = response.extensions().get::<Caller>();
        let function = found
            .as_ref()
            .and_then(|(route, _)| self.functions.get(route.function.as_str()));
        let subject = found
            .as_ref()
            .and_then(|(route, values)| Subject::of_path(&route.path, values.get("id")?));
        let cause = match response.body() {
            Body::Text(text) => text,
            _ => "",
        };
        (self.app.observer)(&Record {
            request_id: peer.request_id.clone(),
            route: function.map_or(NO_ROUTE, |route| route.function),
            method: observe::line(method.as_str(), 16).into_owned(),
            caller: caller.map_or(UNKNOWN, |Caller(name)| name).to_owned(),
            ip: peer.ip.clone(),
            subject,
            status,
            took,
            fault: Some(Fault::Caller),
            cause: Some(observe::cause(cause)),
            ..Record::default()
        });
    }
}
