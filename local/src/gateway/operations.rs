//! What the gateway itself answers, beside the API: `/metrics` for Prometheus, as
//! 2.x had it, and `/health`, which says whether Nomad answers. On Lambda,
//! CloudWatch has the one and alarms the other.

use std::time::{Duration, Instant};

use dtle_api::App;
use dtle_api::observe::{Record, to_log};
use lambda_http::Body;
use lambda_http::http::{Response, StatusCode, header};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tracing::Instrument;

/// How long Nomad may take to answer a health check.
const HEALTH: Duration = Duration::from_secs(3);

/// Figures of a gateway since its start.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    nomad_seconds: HistogramVec,
    nomad_calls: IntCounter,
    nomad_down: IntCounter,
}

impl Metrics {
    /// Figures that start at nothing.
    ///
    /// # Errors
    /// None in practice: the names are fixed and different.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("dtle_requests_total", "Requests answered."),
            &["route", "method", "status"],
        )?;
        let histogram = |name, help| {
            let buckets = prometheus::exponential_buckets(0.000_5, 2.5, 13)?;
            HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets), &["route"])
        };
        let seconds = histogram("dtle_request_seconds", "Time to answer a request.")?;
        let nomad_seconds = histogram(
            "dtle_nomad_seconds",
            "Time a request waited for Nomad, summed over calls that may have overlapped.",
        )?;
        let nomad_calls = IntCounter::new("dtle_nomad_calls_total", "Requests sent to Nomad.")?;
        let nomad_down = IntCounter::new(
            "dtle_nomad_unreachable_total",
            "Requests that failed because no Nomad server answered, or none led.",
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(nomad_seconds.clone()))?;
        registry.register(Box::new(nomad_calls.clone()))?;
        registry.register(Box::new(nomad_down.clone()))?;
        Ok(Self {
            registry,
            requests,
            seconds,
            nomad_seconds,
            nomad_calls,
            nomad_down,
        })
    }

    /// Counts a request, and logs it: a write and a failure before the caller has the
    /// answer, so that their lines stand in the order of the answers. A read that went well
    /// is logged after its answer, as the line is a ninth of the instructions of a job's GET.
    pub fn observe(&self, record: &Record) {
        match Handle::try_current() {
            Ok(runtime) if !record.is_write() && record.status < 400 => {
                let record = record.clone();
                let log = async move {
                    // What sends the answer goes first.
                    tokio::task::yield_now().await;
                    to_log(&record);
                };
                runtime.spawn(log.in_current_span());
            }
            _ => to_log(record),
        }
        self.requests
            .with_label_values(&[record.route, &method(record), &record.status.to_string()])
            .inc();
        self.seconds
            .with_label_values(&[record.route])
            .observe(record.took.as_secs_f64());
        self.nomad_seconds
            .with_label_values(&[record.route])
            .observe(record.nomad_took.as_secs_f64());
        self.nomad_calls.inc_by(u64::from(record.nomad_calls));
        if record.nomad_down {
            self.nomad_down.inc();
        }
    }

    /// The figures of the cluster, and after them the gateway's own, in Prometheus's
    /// text format. Where the cluster does not answer, its own are what helps.
    pub(super) fn answer(&self, cluster: &Response<Body>) -> Response<Body> {
        let mut text = match cluster.body() {
            Body::Text(text) if cluster.status() == StatusCode::OK => text.clone(),
            _ => "# TYPE dtle_cluster_up gauge\ndtle_cluster_up 0\n".to_owned(),
        }
        .into_bytes();
        let encoder = TextEncoder::new();
        match encoder.encode(&self.registry.gather(), &mut text) {
            Ok(()) => reply(
                StatusCode::OK,
                "text/plain; version=0.0.4; charset=utf-8",
                String::from_utf8_lossy(&text).into_owned(),
            ),
            Err(error) => reply(
                StatusCode::INTERNAL_SERVER_ERROR,
                "text/plain; charset=utf-8",
                error.to_string(),
            ),
        }
    }
}

/// A method that a client made up must not become a label of its own.
fn method(record: &Record) -> String {
    match record.method.as_str() {
        known @ ("GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "OPTIONS" | "PATCH") => {
            known.to_owned()
        }
        _ => "other".to_owned(),
    }
}

/// Whether Nomad answers and has a leader: 200 or 503. Without Consul the API is
/// degraded: everything but the progress of jobs is there.
pub(super) async fn health(app: &App) -> Response<Body> {
    let session = app.nomad.session(Instant::now() + HEALTH);
    let consul = async {
        let consul = app.consul.as_ref()?;
        Some(consul.answers().await)
    };
    let (leader, consul) = tokio::join!(session.leader(), consul);
    let (status, word, nomad) = match leader {
        Ok(leader) if matches!(consul, Some(Err(_))) => {
            (StatusCode::OK, "degraded", json!({"leader": leader}))
        }
        Ok(leader) => (StatusCode::OK, "ok", json!({"leader": leader})),
        Err(error) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "down",
            json!({"error": error.to_string()}),
        ),
    };
    let mut body = Map::new();
    body.insert("ok".to_owned(), json!(status == StatusCode::OK));
    body.insert("status".to_owned(), json!(word));
    body.insert("nomad".to_owned(), nomad);
    if let Some(consul) = consul {
        let consul = match consul {
            Ok(()) => json!({"ok": true}),
            Err(error) => json!({"ok": false, "error": error.to_string()}),
        };
        body.insert("consul".to_owned(), consul);
    }
    reply(status, "application/json", Value::Object(body).to_string())
}

fn reply(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(content_type),
    );
    // As every answer of the API.
    headers.insert(
        header::VARY,
        header::HeaderValue::from_static("Accept-Encoding"),
    );
    response
}
