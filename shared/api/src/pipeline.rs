//! What happens to every request around its route, on Lambda and on one machine
//! alike: reading it, the deadline, the answer's form, one line in the log.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use lambda_http::http::Response;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};

use crate::context::{App, Context};
use crate::observe::Record;
use crate::reply::Error;
use crate::reply::{Reply, render, render_error};
use crate::request::Call;
use crate::route::Route;

/// Left for writing the answer, after Nomad's time is up.
const RESERVE: Duration = Duration::from_millis(500);

/// Answers a request with a route.
pub async fn answer(app: &App, route: &Route, request: Request) -> Response<Body> {
    let began = Instant::now();
    let deadline = began + time_left(app, &request);
    let request_id = request_id(&request);
    let method = request.method().clone();

    let mut takes_gzip = false;
    let mut spent = (0, Duration::ZERO);
    let result = match Call::read(request, route.paths) {
        Err(error) => Err(error),
        Ok(call) => {
            takes_gzip = call.takes_gzip;
            let context = Context {
                app,
                call: &call,
                nomad: app
                    .nomad
                    .session(deadline)
                    .in_region(call.query.get("region")),
            };
            let result = run(route, &context, deadline + RESERVE / 2).await;
            spent = (context.nomad.calls(), context.nomad.waited());
            result
        }
    };
    let error = result.as_ref().err();
    let cause = error.and_then(Error::cause).map(str::to_owned);
    let nomad_down = error.is_some_and(Error::is_nomad_down);
    let response = match result {
        Ok(reply) => render(reply, takes_gzip),
        Err(error) => render_error(&error),
    };
    (app.observer)(&Record {
        request_id,
        route: route.function,
        method: method.to_string(),
        status: response.status().as_u16(),
        took: began.elapsed(),
        nomad_calls: spent.0,
        nomad_took: spent.1,
        nomad_down,
        cold_start: !app.answered.swap(true, Ordering::Relaxed),
        cause,
    });
    response
}

async fn run(route: &Route, context: &Context<'_>, last: Instant) -> Result<Reply, Error> {
    // A load balancer or a function URL sends every method to every route.
    if !route.allows(&context.call.method) {
        return Err(Error::invalid_method());
    }
    tokio::time::timeout_at(last.into(), (route.handler)(context))
        .await
        .unwrap_or_else(|_| Err(Error::bad_gateway("Nomad did not answer in time")))
}

/// Nomad's share of the time until Lambda or API Gateway would give up.
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
