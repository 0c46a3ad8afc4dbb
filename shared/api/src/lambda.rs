//! One route as a Lambda function.

use std::process::ExitCode;
use std::sync::Arc;

use dtle_nomad::Process;
use lambda_http::http::Response;
use lambda_http::{Body, Request, RequestExt, service_fn};
use tracing::Instrument;

use crate::context::App;
use crate::log;
use crate::observe::to_cloudwatch;
use crate::outbound::secrets::{Sources, TlsMaterial};
use crate::pipeline;
use crate::route::Route;
use crate::settings::Settings;
use crate::trace;

/// The largest answer that Lambda carries, in bytes: six megabytes, less room for
/// the envelope.
const LARGEST_ANSWER: usize = 6_000_000;

/// Runs a route until Lambda ends the process. A failure before the first request is
/// written as one line, which Lambda logs and shows.
#[must_use]
pub fn run(route: &'static Route) -> ExitCode {
    run_with(route, |_| {})
}

/// The same, with something that this function alone has.
#[must_use]
pub fn run_with(route: &'static Route, add: fn(&mut App)) -> ExitCode {
    log::init();
    match start(route, add) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(route = route.function, "cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(route: &'static Route, add: fn(&mut App)) -> Result<(), lambda_http::Error> {
    // One request at a time comes in: one thread is enough and starts faster.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut app = app().await?;
        add(&mut app);
        let app = Arc::new(app);
        lambda_http::run(service_fn(move |request| {
            let app = Arc::clone(&app);
            async move { Ok::<_, std::convert::Infallible>(answer(&app, route, request).await) }
        }))
        .await
    })
}

/// A route's answer, with headers of CORS for pages of other sites that are named.
async fn answer(app: &App, route: &Route, request: Request) -> Response<Body> {
    let origins = &app.settings.cors_origins;
    let page = origins.named(request.headers());
    let mut response = match origins.preflight(request.method(), request.headers()) {
        Some(response) => response,
        None => {
            let context = request.lambda_context_ref();
            let part_of = context.and_then(|context| context.xray_trace_id.as_deref());
            let span = trace::request(route.function, part_of);
            pipeline::answer(app, route, request).instrument(span).await
        }
    };
    origins.mark(page, &mut response);
    response
}

/// Makes everything that a function needs. TLS material is read now, because the
/// client is built with it; tokens are read when they are first used.
async fn app() -> Result<App, lambda_http::Error> {
    let mut settings = Settings::from_env()?;
    settings.nomad.process = Process::Function;
    let secrets = Sources::from_env();
    if let Some(source) = &secrets.nomad_tls {
        let material = TlsMaterial::of(source, &source.get().await?)?;
        let nomad = &mut settings.nomad;
        nomad.ca_cert = nomad.ca_cert.take().or(material.ca);
        if nomad.client_cert.is_none() {
            nomad.client_cert = material.cert;
            nomad.client_key = material.key;
        }
    }
    let observer = to_cloudwatch(settings.metrics_namespace.clone(), settings.release.clone());
    let mut app = App::with_secrets(settings, secrets)?;
    app.observer = observer;
    app.largest_answer = Some(LARGEST_ANSWER);
    Ok(app)
}
