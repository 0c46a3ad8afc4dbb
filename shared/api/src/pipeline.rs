//! What happens to every request around its route, on Lambda and on one machine
//! alike: reading it, the deadline, the answer's form, one line in the log.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use dtle_translate::password;
use lambda_http::http::Response;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};

use crate::context::{App, Context};
use crate::observe::{self, Fault, Record, Subject, UNKNOWN};
use crate::reply::{Error, Known, Reply, render, render_error};
use crate::request::Call;
use crate::route::Route;
use crate::trace;

/// The time that is left for writing the answer when Nomad's time is up.
const RESERVE: Duration = Duration::from_millis(500);

/// Set in the extensions of a response about which a [`Record`] has been written.
#[derive(Clone, Copy, Debug)]
pub struct Recorded;

/// Answers a request with a route.
pub async fn answer(app: &App, route: &Route, request: Request) -> Response<Body> {
    let began = Instant::now();
    let deadline = began + time_left(app, &request);
    let mut record = Record {
        request_id: request_id(&request),
        route: route.function,
        method: observe::line(request.method().as_str(), 16).into_owned(),
        caller: caller(&request),
        ip: ip(&request),
        trace_id: trace_id(&request),
        ..Record::default()
    };

    let mut takes_gzip = false;
    let known = Known::of(request.headers());
    let mut body = Bytes::new();
    let result = match Call::read(request, route.paths) {
        Err(error) => Err(error),
        Ok(call) => {
            takes_gzip = call.takes_gzip;
            let subject = route.paths.first();
            let subject = subject.and_then(|path| Subject::of_path(path, call.id()));
            let context = Context {
                app,
                call: &call,
                nomad: app
                    .nomad
                    .session(deadline)
                    .in_region(call.query.get("region")),
                subject: subject.map_or_else(OnceLock::new, OnceLock::from),
            };
            let result = run(route, &context, deadline + RESERVE / 2).await;
            record.nomad_calls = context.nomad.calls();
            record.nomad_took = context.nomad.waited();
            record.subject = context.subject.into_inner();
            body = call.body;
            result
        }
    };
    let mut response = match result {
        Ok(reply) => {
            record.nomad_index = reply.write_index();
            render(reply, takes_gzip, &known, app.largest_answer)
        }
        Err(error) => {
            record.nomad_down = error.is_nomad_down();
            record.fault = Some(error.fault());
            let text = password::without(error.to_log(), &body);
            record.cause = Some(observe::cause(&text));
            render_error(&error)
        }
    };
    record.status = response.status().as_u16();
    if record.status >= 400 && record.cause.is_none() {
        // An answer that is too large is found to be so when it is written: the caller
        // asked for too much.
        record.fault = Some(Fault::Caller);
        record.cause = Some(observe::cause(text_of(response.body())));
    }
    record.took = began.elapsed();
    record.cold_start = !app.answered.swap(true, Ordering::Relaxed);
    (app.observer)(&record);
    response.extensions_mut().insert(Recorded);
    response
}

/// The body of an answer that is a text.
fn text_of(body: &Body) -> &str {
    match body {
        Body::Text(text) => text,
        _ => "",
    }
}

async fn run(route: &Route, context: &Context<'_>, last: Instant) -> Result<Reply, Error> {
    // A load balancer or a function URL sends every method to every route.
    if !route.allows(&context.call.method) {
        return Err(Error::invalid_method());
    }
    context.call.check_size()?;
    tokio::time::timeout_at(last.into(), (route.handler)(context))
        .await
        .unwrap_or_else(|_| Err(Error::bad_gateway("Nomad did not answer in time")))
}

/// The time that calls to Nomad have before Lambda or API Gateway would give up.
fn time_left(app: &App, request: &Request) -> Duration {
    let own = app.settings.deadline;
    let Some(context) = request.lambda_context_ref() else {
        return own;
    };
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    // One that is over says nothing: cargo-lambda's emulator always sends 600,000,
    // ten minutes after the beginning of 1970.
    match Duration::from_millis(context.deadline).checked_sub(now) {
        Some(left) => own.min(left.saturating_sub(RESERVE)),
        None => own,
    }
}

/// The trace that Lambda says the request is part of.
fn trace_id(request: &Request) -> Option<String> {
    let context = request.lambda_context_ref()?;
    let id = trace::id(context.xray_trace_id.as_deref()?)?;
    Some(observe::line(id, 64).into_owned())
}

fn request_id(request: &Request) -> String {
    if let Some(context) = request.lambda_context_ref() {
        return context.request_id.clone();
    }
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.request_id.clone().unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// The caller that the authorizer let in, as API Gateway passes it on. No header of
/// a client reaches that place.
fn caller(request: &Request) -> String {
    let authorizer = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.authorizer.as_ref(),
        Some(RequestContext::ApiGatewayV1(context)) => Some(&context.authorizer),
        _ => None,
    };
    let caller = authorizer.and_then(|authorizer| authorizer.fields.get("caller")?.as_str());
    observe::line(caller.unwrap_or(UNKNOWN), 64).into_owned()
}

/// Where the request came from.
fn ip(request: &Request) -> String {
    let ip = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        Some(RequestContext::ApiGatewayV1(context)) => context.identity.source_ip.as_deref(),
        _ => None,
    };
    observe::line(ip.unwrap_or_default(), 45).into_owned()
}

#[cfg(test)]
mod tests {
    use lambda_http::Context as LambdaContext;

    use super::*;
    use crate::settings::Settings;

    #[test]
    fn nomad_has_what_lambda_leaves_and_no_more_than_is_set() {
        let nomad = |name| (name == "NOMAD_ADDR").then(|| "http://127.0.0.1:1".to_owned());
        let app = App::new(Settings::from_lookup(nomad).unwrap()).unwrap();
        let own = app.settings.deadline;
        assert_eq!(time_left(&app, &Request::default()), own);

        let with = |deadline: u64| {
            let mut context = LambdaContext::default();
            context.deadline = deadline;
            time_left(&app, &Request::default().with_lambda_context(context))
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = u64::try_from(now.unwrap().as_millis()).unwrap();
        let three = with(now + 3_000);
        assert!(three <= Duration::from_millis(2_500) && three > Duration::from_secs(1));
        assert_eq!(with(now + 100), Duration::ZERO);
        assert_eq!(with(now + 900_000), own);
        // Cargo-lambda's.
        assert_eq!(with(600_000), own);
    }
}
