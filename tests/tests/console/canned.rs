//! Answers that are written down: what the API could say and the in-memory Nomad does
//! not. The page is the real one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use dtle_api::console::page;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What is answered to a path: a status, headers and a body.
type Answers = Box<dyn Fn(&str) -> Option<Canned> + Send + Sync>;

/// An answer.
pub(crate) struct Canned {
    /// Its status.
    pub(crate) status: u16,
    /// Its `X-Dtle-Warning`.
    pub(crate) warning: Option<&'static str>,
    /// Its body.
    pub(crate) body: String,
}

impl From<Value> for Canned {
    fn from(value: Value) -> Self {
        Self {
            status: 200,
            warning: None,
            body: value.to_string(),
        }
    }
}

struct Shared {
    answers: Answers,
    asked: Mutex<Vec<String>>,
}

/// A server with canned answers. It ends with the test's runtime.
pub(crate) struct Shelf {
    /// Where it is.
    pub(crate) home: String,
    shared: Arc<Shared>,
}

impl Shelf {
    /// Serves these answers; a path without one is 404.
    pub(crate) async fn with(
        answers: impl Fn(&str) -> Option<Canned> + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            answers: Box::new(answers),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(any).await.unwrap();
        let home = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { home, shared }
    }

    /// A list of jobs, and of each its two tasks without any events.
    pub(crate) async fn of_jobs(jobs: Vec<Value>) -> Self {
        Self::with(move |path| match path {
            "/v1/jobs" => Some(Value::from(jobs.clone()).into()),
            path if path.ends_with("/allocations") => Some(json!([]).into()),
            _ => None,
        })
        .await
    }

    /// What was asked of the API, method and path with its query.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if let Some(page) = page(&path) {
        let policy = page.policy.clone().unwrap_or_default();
        let headers = [
            (CONTENT_TYPE, page.kind.to_owned()),
            (CONTENT_SECURITY_POLICY, policy),
        ];
        return (headers, page.body.clone()).into_response();
    }
    let target = request.uri().to_string();
    let asked = format!("{} {target}", request.method());
    shared.asked.lock().unwrap().push(asked);
    let Some(canned) = (shared.answers)(&path) else {
        return (axum::http::StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    };
    let mut response = canned.body.into_response();
    *response.status_mut() = axum::http::StatusCode::from_u16(canned.status).unwrap();
    if let Some(warning) = canned.warning {
        let headers = response.headers_mut();
        headers.insert("X-Dtle-Warning", warning.parse().unwrap());
    }
    response
}

/// An entry of the list of jobs, as the API has it.
pub(crate) fn entry(id: &str, name: &str, status: &str, cause: &str) -> Value {
    let side = |kind: &str| {
        json!({
            "Type": kind, "Driver": "MySQL", "Leader": kind == "Dest", "ConfigLock": {},
            "Constraints": null, "NodeID": "", "NodeName": "",
            "Config": {
                "ConnectionConfig": {"Host": "10.0.0.1", "Port": 3306, "User": "u", "Password": "*"},
                "Gtid": "cea3cd7e-e716-11f1-b069-02fc00000001:1-13",
                "BinlogFile": "mysql-bin.000001", "BinlogPos": 2954, "NatsAddr": "127.0.0.1:8193",
            },
        })
    };
    json!({
        "ID": id, "Name": name, "Status": status, "StatusDescription": cause, "Type": "synchronous",
        "CreateIndex": 5, "JobModifyIndex": 7, "ModifyIndex": 8,
        "JobSummary": {
            "ID": id, "Name": name, "Status": status, "StatusDescription": cause, "Type": "synchronous",
            "CreateIndex": 5, "JobModifyIndex": 7, "ModifyIndex": 8, "Constraints": null, "Orders": null,
            "Datacenters": ["dc1"], "Region": "global", "EnforceIndex": false, "Failover": false,
            "Tasks": [side("Src"), side("Dest")],
        },
    })
}
