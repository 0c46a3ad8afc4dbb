//! The Consul beside Nomad: the key/value part, as far as the plugin and its
//! clients use it.
//!
//! The plugin keeps its progress under `dtle/<job Name>/` (recording 200).
//! Keys outlive their job. A recursive delete is a delete by string prefix, as
//! in Consul: `dtle/a` takes `dtle/ab/…` along, `dtle/a/` does not.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, VARY};
use hyper::{Method, Request, Response};
use serde_json::{Value, json};

use crate::call::Query;
use crate::go;
use crate::http::{self, Body};
use crate::shared::Shared;
use crate::store::{Entry, Store};

/// The flags the plugin's library writes with every key.
const FLAGS: u64 = 3_304_740_253_564_472_344;

/// An answer: its status, the index of a read, the body and whether it is JSON.
type Answer = (u16, Option<u64>, Bytes, bool);

/// Answers a request to Consul.
pub(crate) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let asked = format!("consul:{path}");
    shared.requests.add(parts.method.as_str(), &asked);
    let query = Query::parse(parts.uri.query());
    let answer = match (
        path.strip_prefix("/v1/kv/"),
        http::read(body, 1 << 20).await,
    ) {
        // Go's mux sends whoever asks for a path with two slashes to the clean one.
        _ if path.contains("//") => (301, None, Bytes::new(), false),
        (None, _) => (404, None, Bytes::new(), false),
        (_, None) => (413, None, Bytes::new(), false),
        (Some(key), Some(body)) => {
            let key = http::decoded(key);
            shared.locked(|state| match parts.method {
                Method::GET => {
                    state.report_below(&key);
                    read(&state.consul, &key, &query)
                }
                Method::PUT => {
                    state.consul.put(&key, &body);
                    (200, None, "true".into(), true)
                }
                Method::DELETE => {
                    state.consul.delete(&key, query.get("recurse").is_some());
                    (200, None, "true".into(), true)
                }
                _ => (405, None, Bytes::new(), false),
            })
        }
    };
    respond(answer)
}

fn document(key: &str, entry: &Entry) -> Value {
    json!({
        "LockIndex": 0,
        "Key": key,
        "Flags": FLAGS,
        "Value": if entry.value.is_empty() { Value::Null } else { STANDARD.encode(&entry.value).into() },
        "CreateIndex": entry.create_index,
        "ModifyIndex": entry.modify_index,
    })
}

fn read(store: &Store, key: &str, query: &Query) -> Answer {
    let several = |items: Vec<Value>| {
        let index = Some(store.index.max(1));
        if items.is_empty() {
            return (404, index, Bytes::new(), false);
        }
        (200, index, go::encode(&items.into()), true)
    };
    if query.get("keys").is_some() {
        let keys = store.below(key).map(|(key, _)| key.as_str().into());
        return several(keys.collect());
    }
    if query.get("recurse").is_some() {
        let all = store.below(key).map(|(key, entry)| document(key, entry));
        return several(all.collect());
    }
    let Some(entry) = store.get(key) else {
        return several(Vec::new());
    };
    let body = go::encode(&json!([document(key, entry)]));
    (200, Some(entry.modify_index), body, true)
}

fn respond((status, index, content, json): Answer) -> Response<Body> {
    let mut response = Response::builder()
        .status(status)
        .header(VARY, "Accept-Encoding");
    if json {
        response = response.header(CONTENT_TYPE, "application/json");
    }
    if let Some(index) = index {
        response = response
            .header("x-consul-index", index)
            .header("x-consul-knownleader", "true")
            .header("x-consul-lastcontact", "0");
    }
    http::finished(response, content)
}
