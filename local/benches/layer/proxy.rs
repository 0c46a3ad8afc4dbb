//! The bare proxy: axum in front, reqwest behind, nothing in between. What it
//! costs is what any gateway of these parts costs before it does anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, Method, Response, StatusCode, Uri, header};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::Outcome;
use crate::server::announce;

#[derive(Clone)]
struct Behind {
    http: reqwest::Client,
    nomad: String,
    calls: Arc<AtomicU64>,
}

/// Says how many requests the proxy has passed on: a gateway that has the proxy for
/// its Nomad is counted by it, whatever it says of itself.
pub(crate) const CALLS: &str = "/bench/calls";

pub(crate) async fn run(nomad: String) -> Outcome<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // As the layer's own client is set up.
    #[expect(
        clippy::disallowed_methods,
        reason = "the layer is what it is compared with"
    )]
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .pool_max_idle_per_host(8)
        .tcp_nodelay(true)
        .build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(&format!("http://{}", listener.local_addr()?))?;
    let router = Router::new()
        .route(CALLS, get(calls))
        .fallback(pass)
        .with_state(Behind {
            http,
            nomad,
            calls: Arc::default(),
        });
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

const PASSED: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    HeaderName::from_static("x-nomad-index"),
    HeaderName::from_static("x-nomad-knownleader"),
    HeaderName::from_static("x-nomad-lastcontact"),
];

async fn calls(State(behind): State<Behind>) -> String {
    behind.calls.load(Ordering::Relaxed).to_string()
}

async fn pass(
    State(behind): State<Behind>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Result<Response<Body>, StatusCode> {
    behind.calls.fetch_add(1, Ordering::Relaxed);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut answer = behind
        .http
        .request(method, format!("{}{path}", behind.nomad))
        .body(body)
        .send()
        .await
        .map_err(|_| StatusCode::BAD_GATEWAY)?;
    let status = answer.status();
    let mut headers = std::mem::take(answer.headers_mut());
    let body = answer.bytes().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for name in PASSED {
        if let Some(value) = headers.remove(&name) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}
