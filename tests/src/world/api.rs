//! The old side's API: only what a migration asks of it.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::World;

impl World {
    /// Serves the old side's API.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn serve(&self) -> SocketAddr {
        let router = Router::new()
            .route("/v1/jobs", get(list).post(update))
            .route("/v1/job/{id}", get(read))
            .route("/v1/job/{id}/allocations", get(allocations))
            .route("/v1/job/{id}/{verb}", post(act))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }
}

fn answer(value: &Value) -> Response {
    value.to_string().into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "job not found").into_response()
}

async fn list(Shared(world): Shared<World>) -> Response {
    world.happens();
    let state = world.state();
    let jobs: Vec<Value> = state.old.keys().map(|id| json!({"ID": id})).collect();
    answer(&json!(jobs))
}

async fn read(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    world.happens();
    let mut state = world.state();
    if state.restarts && !state.writes.is_empty() && !state.unknown.remove(&id) {
        state.unknown.insert(id);
        return not_found();
    }
    let shown = state.shown(&id);
    shown.map_or_else(not_found, |job| answer(&job))
}

async fn allocations(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    world.happens();
    let state = world.state();
    let Some(job) = state.old.get(&id) else {
        return answer(&json!([]));
    };
    let task = if job.status == "running" {
        "running"
    } else {
        "stop"
    };
    let first = match task {
        "running" if state.mislabelled.contains(&id) => "pending",
        task => task,
    };
    let of = |side: &str, task: &str| json!({"Task": side, "TaskStates": {side: {"State": task}}});
    answer(&json!([of("Src", first), of("Dest", task)]))
}

async fn act(Shared(world): Shared<World>, Path((id, verb)): Path<(String, String)>) -> Response {
    {
        let mut state = world.state();
        state.writes.push(format!("{verb} {id}"));
        let Some(job) = state.old.get(&id) else {
            return (StatusCode::INTERNAL_SERVER_ERROR, "job not found").into_response();
        };
        match (verb.as_str(), job.status.as_str()) {
            ("pause", "running" | "dead") => state.stop_old(&id, "pause", ""),
            ("resume", "pause" | "dead") => state.start_old(&id),
            _ => {}
        }
    }
    world.happens();
    answer(&json!({"Success": true}))
}

async fn update(Shared(world): Shared<World>, body: Bytes) -> Response {
    {
        let mut state = world.state();
        let document: Value = serde_json::from_slice(&body).unwrap();
        let id = document["ID"].as_str().unwrap().to_owned();
        state.writes.push(format!("update {id}"));
        let Some(job) = state.old.get_mut(&id) else {
            return (StatusCode::INTERNAL_SERVER_ERROR, "not here").into_response();
        };
        if document["EnforceIndex"] == true && document["JobModifyIndex"] != job.index {
            return (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Enforcing job modify index",
            )
                .into_response();
        }
        if job.status != "running" {
            job.document = document;
            state.start_old(&id);
        }
    }
    world.happens();
    answer(&json!({"Success": true}))
}
