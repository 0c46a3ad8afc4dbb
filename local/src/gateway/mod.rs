//! An API Gateway and a Lambda, on one machine.
//!
//! What runs here has to be what runs deployed, so nothing is short-circuited:
//! routes come from the SAM template, a request becomes the event that an HTTP
//! API sends (payload format 2.0), the event becomes a request through
//! `lambda_http`, and the same handlers answer. Only the network between the
//! parts is missing.
//!
//! What a web page may send here is decided before any of that, see [`browser`].

mod browser;
mod event;
mod operations;
mod refusals;
mod server;
mod template;
mod tls;
mod workers;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use dtle_api::auth::{Callers, Decision, authorize};
use dtle_api::observe::UNKNOWN;
use dtle_api::request::LARGEST_BODY as LARGEST_TAKEN;
use dtle_api::route::Route;
use dtle_api::watched::Watched;
use dtle_api::{App, pipeline, routes};
use lambda_http::Body;
use lambda_http::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use refusals::Caller;

pub use browser::AllowedHost;
use browser::Guard;
pub use event::{Peer, to_event};
pub use operations::Metrics;
pub use server::{Server, serve, serve_tls};
pub use template::{ApiRoute, Template, TemplateError};
pub use tls::{TlsError, tls};
pub use workers::Workers;

/// The largest body that the gateway reads, in bytes, to say how large it is; more
/// than it takes.
const LARGEST_BODY: usize = 6_000_000;
const _: () = assert!(LARGEST_TAKEN == 4_194_304 && LARGEST_TAKEN < LARGEST_BODY);
const BODY_TOO_LARGE: &str = "the body has more than 6000000 bytes, at most 4194304 are taken";

/// The gateway: the template's routes and the functions behind them.
pub struct Gateway {
    app: Arc<App>,
    metrics: Option<Metrics>,
    callers: Door,
    guard: Guard,
    template: Template,
    functions: HashMap<&'static str, &'static Route>,
    workers: Workers,
}

impl Gateway {
    /// Puts the functions behind the template's routes.
    ///
    /// # Errors
    /// When the template names a function that does not exist.
    pub fn new(app: Arc<App>, template: Template) -> Result<Self, TemplateError> {
        let functions: HashMap<_, _> = routes::TABLE
            .iter()
            .chain([&routes::not_found::ROUTE])
            .map(|route| (route.function, route))
            .collect();
        for route in template.routes() {
            if !functions.contains_key(route.function.as_str()) {
                return Err(TemplateError::UnknownFunction {
                    function: route.function.clone(),
                });
            }
        }
        Ok(Self {
            app,
            metrics: None,
            callers: Door::Fixed(Arc::new(Callers::Everyone)),
            guard: Guard::default(),
            template,
            functions,
            workers: Workers::default(),
        })
    }

    /// Lets these threads answer, instead of those of the runtime that listens.
    #[must_use]
    pub fn with_workers(mut self, workers: Workers) -> Self {
        self.workers = workers;
        self
    }

    /// Shows these figures at `/metrics`; the app's observer has to count them.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Lets only these in.
    #[must_use]
    pub fn with_callers(mut self, callers: Callers) -> Self {
        self.callers = Door::Fixed(Arc::new(callers));
        self
    }

    /// Lets only those in whom a file names, as it is at the time.
    #[must_use]
    pub fn with_callers_in(mut self, file: Arc<Watched<Arc<Callers>>>) -> Self {
        self.callers = Door::File(file);
        self
    }

    /// Takes these for addresses of its own, beside the one that it listens on.
    #[must_use]
    pub fn with_allowed_hosts(mut self, hosts: Vec<AllowedHost>) -> Self {
        self.guard.allow(hosts);
        self
    }

    /// The name of a caller who may come in, else what is answered. Where API Gateway
    /// can only say 403, this one says 401 to an unknown token.
    fn admit(
        &self,
        headers: &HeaderMap,
        method: &str,
        path: &str,
    ) -> Result<String, Box<Response<Body>>> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let header = match (values.next(), values.next()) {
            // A header that is no text is no token either.
            (Some(value), None) => Some(value.to_str().unwrap_or_default()),
            // Of two, neither is chosen.
            _ => None,
        };
        let masked = self.app.settings.mask_passwords;
        match authorize(&self.callers.now(), masked, method, path, header) {
            Decision::Allowed { caller } => Ok(caller),
            Decision::Unknown => {
                let mut response = plain(
                    StatusCode::UNAUTHORIZED,
                    "a token is needed, as Authorization: Bearer TOKEN or as the password of HTTP Basic",
                );
                response.headers_mut().insert(
                    header::WWW_AUTHENTICATE,
                    header::HeaderValue::from_static("Basic realm=\"dtle\""),
                );
                Err(Box::new(response))
            }
            Decision::Forbidden { caller } => {
                let mut response = plain(
                    StatusCode::FORBIDDEN,
                    "this token may only read, and not what shows passwords",
                );
                response.extensions_mut().insert(Caller(caller));
                Err(Box::new(response))
            }
        }
    }

    /// Answers a request whose body has been read, and sees that there is a line in
    /// the log about it if it is refused.
    pub async fn answer(&self, request: Request<bytes::Bytes>, peer: &Peer) -> Response<Body> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let began = Instant::now();
        let origins = &self.app.settings.cors_origins;
        let (parts, body) = request.into_parts();
        let page = origins.named(&parts.headers);
        let mut response = if let Some((status, text)) = self.guard.refusal(&parts, origins) {
            let headers = &parts.headers;
            let (host, origin) = (headers.get(header::HOST), headers.get(header::ORIGIN));
            tracing::warn!(?host, ?origin, "refused for its Host or its Origin");
            plain(status, text)
        } else if let Some(response) = origins.preflight(&parts.method, &parts.headers) {
            response
        } else {
            self.respond(Request::from_parts(parts, body), peer).await
        };
        origins.mark(page, &mut response);
        self.note_refusal(&method, &uri, peer, &response, began.elapsed());
        response
    }

    /// Answers a request that a browser may send.
    async fn respond(&self, request: Request<bytes::Bytes>, peer: &Peer) -> Response<Body> {
        if request.body().len() > LARGEST_BODY {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, BODY_TOO_LARGE);
        }
        // The gateway's own, which no template has.
        if (request.method(), request.uri().path()) == (&Method::GET, "/health") {
            return operations::health(&self.app).await;
        }
        let found = self.template.route(request.method(), request.uri().path());
        let Some((route, values)) = found else {
            // What API Gateway itself says where a template has no $default.
            return plain(StatusCode::NOT_FOUND, r#"{"message":"Not Found"}"#);
        };
        // Deployed, these routes have no authorizer.
        let is_public = routes::PUBLIC.contains(&route.path.as_str());
        let caller = if is_public {
            UNKNOWN.to_owned()
        } else {
            match self.admit(request.headers(), &route.method, &route.path) {
                Ok(caller) => caller,
                Err(refusal) => return *refusal,
            }
        };
        let Some(function) = self.functions.get(route.function.as_str()) else {
            return plain(StatusCode::BAD_GATEWAY, "no such function");
        };
        // Its own figures are added to the text, which must not be compressed yet.
        let own = self
            .metrics
            .as_ref()
            .filter(|_| function.function == "metrics");
        let mut request = request;
        if own.is_some() {
            request.headers_mut().remove(header::ACCEPT_ENCODING);
        }
        let mut event = to_event(request, &route.key, values, peer);
        event::vouch(&mut event, caller);
        let request = lambda_http::request::LambdaRequest::ApiGatewayV2(event).into();
        let response = pipeline::answer(&self.app, function, request).await;
        match own {
            Some(metrics) if route.method == "GET" => metrics.answer(&response),
            _ => response,
        }
    }
}

/// Where the gateway has its callers from.
enum Door {
    Fixed(Arc<Callers>),
    File(Arc<Watched<Arc<Callers>>>),
}

impl Door {
    fn now(&self) -> Arc<Callers> {
        match self {
            Self::Fixed(callers) => Arc::clone(callers),
            Self::File(file) => file.get(),
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

#[cfg(test)]
mod tests {
    use dtle_api::auth::{Scope, Tokens, new_token};
    use dtle_api::settings::Settings;
    use serde_json::json;

    use super::*;

    /// A gateway that lets in a reader and a writer, and their tokens. Port 1
    /// refuses: nothing here asks Nomad.
    fn guarded() -> (Gateway, String, String) {
        let nomad = |name| (name == "NOMAD_ADDR").then(|| "http://127.0.0.1:1".to_owned());
        let app = App::new(Settings::from_lookup(nomad).unwrap()).unwrap();
        let (reader, first) = new_token("dashboard", Scope::Read).unwrap();
        let (writer, second) = new_token("deploy", Scope::Write).unwrap();
        let tokens = Tokens::parse(&json!({"tokens": [first, second]}).to_string()).unwrap();
        let gateway = Gateway::new(Arc::new(app), Template::built_in().unwrap())
            .unwrap()
            .with_metrics(Metrics::new().unwrap())
            .with_callers(Callers::WithToken(tokens));
        let header = |token: &dtle_outbound::Secret| format!("Bearer {}", token.expose());
        (gateway, header(&reader), header(&writer))
    }

    async fn status(gateway: &Gateway, method: &str, path: &str, headers: &[&str]) -> u16 {
        let mut request = Request::builder().method(method).uri(path);
        for value in headers {
            request = request.header(header::AUTHORIZATION, *value);
        }
        let peer = Peer {
            ip: "127.0.0.1".to_owned(),
            request_id: "r-1".to_owned(),
        };
        let request = request.body(bytes::Bytes::new()).unwrap();
        gateway.answer(request, &peer).await.status().as_u16()
    }

    #[tokio::test]
    async fn callers_are_let_in_by_token_and_route() {
        let (gateway, reader, writer) = guarded();
        for (method, path, headers, expected) in [
            ("GET", "/v1/orders", &[][..], 401),
            ("GET", "/v1/orders", &["Bearer x"], 401),
            ("GET", "/v1/orders", &[&reader], 200),
            ("GET", "/v1/orders", &[&writer], 200),
            // Two of them are none, whichever comes first.
            ("GET", "/v1/orders", &[&reader, &writer], 401),
            ("POST", "/v1/login", &["Bearer x", &writer], 401),
            ("POST", "/v1/login", &[&writer, "Bearer x"], 401),
            ("POST", "/v1/login", &[&reader], 403),
            ("POST", "/v1/login", &[&writer], 501),
            ("GET", "/v1/job/x", &[&reader], 403),
            ("GET", "/v1/nothing", &[], 401),
            ("GET", "/v1/nothing", &[&reader], 404),
            ("DELETE", "/v1/jobs", &[&reader], 405),
            ("GET", "/metrics", &[], 401),
            ("GET", "/metrics", &[&reader], 200),
            // The same for everybody.
            ("GET", "/", &[], 200),
            ("GET", "/", &["Bearer x"], 200),
            ("GET", "/docs", &[], 200),
            ("GET", "/openapi.json", &[], 200),
            ("POST", "/", &[], 401),
            // For what watches the process; it says no more than that.
            ("GET", "/health", &[], 503),
        ] {
            let found = status(&gateway, method, path, headers).await;
            assert_eq!(found, expected, "{method} {path} {}", headers.len());
        }
    }
}
