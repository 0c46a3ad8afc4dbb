//! The Consul beside Nomad: the key/value part, as far as the plugin and its
//! clients use it.
//!
//! The plugin keeps its progress under `dtle/<job Name>/` (recording 200).
//! Keys outlive their job. A recursive delete is a delete by string prefix, as
//! in Consul: `dtle/a` takes `dtle/ab/…` along, `dtle/a/` does not.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State as Extracted};
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::http::Query;
use super::{Shared, go};

/// A stored value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    value: Vec<u8>,
    create_index: u64,
    modify_index: u64,
}

/// The keys, in order.
#[derive(Debug, Default)]
pub(crate) struct Store {
    keys: BTreeMap<String, Entry>,
    index: u64,
}

/// The flags the plugin's library writes with every key.
const FLAGS: u64 = 3_304_740_253_564_472_344;

impl Store {
    /// Writes a key. The value it already has moves no index.
    pub(crate) fn put(&mut self, key: &str, value: &[u8]) {
        if let Some(entry) = self.keys.get_mut(key) {
            if entry.value != value {
                self.index += 1;
                entry.value = value.to_vec();
                entry.modify_index = self.index;
            }
            return;
        }
        self.index += 1;
        let entry = Entry {
            value: value.to_vec(),
            create_index: self.index,
            modify_index: self.index,
        };
        self.keys.insert(key.to_owned(), entry);
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.keys.get(key)
    }

    /// A key's value as text; `None` when there is no key.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.keys
            .get(key)
            .map(|entry| String::from_utf8_lossy(&entry.value).into_owned())
    }

    fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Entry)> {
        self.keys
            .range::<str, _>((
                std::ops::Bound::Included(prefix),
                std::ops::Bound::Unbounded,
            ))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    fn delete(&mut self, key: &str, recursive: bool) {
        self.index += 1;
        if recursive {
            let gone: Vec<String> = self.below(key).map(|(key, _)| key.clone()).collect();
            for key in gone {
                self.keys.remove(&key);
            }
        } else {
            self.keys.remove(key);
        }
    }
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

/// Answers a request to Consul.
pub(crate) async fn handle(
    Extracted(shared): Extracted<Arc<Shared>>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let raw = parts.uri.path().to_owned();
    shared
        .faults
        .record(&parts.method, &format!("consul:{raw}"), parts.uri.query());
    let Some(key) = raw.strip_prefix("/v1/kv/") else {
        return answer(StatusCode::NOT_FOUND, None, Vec::new(), false);
    };
    let key = percent_encoding::percent_decode_str(key)
        .decode_utf8_lossy()
        .into_owned();
    let Ok(body) = axum::body::to_bytes(body, 1 << 20).await else {
        return answer(StatusCode::PAYLOAD_TOO_LARGE, None, Vec::new(), false);
    };
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    match parts.method {
        Method::GET => {
            state.report_below(&key);
            read(&state.consul, &key, &query)
        }
        Method::PUT => {
            state.consul.put(&key, &body);
            answer(StatusCode::OK, None, b"true".to_vec(), true)
        }
        Method::DELETE => {
            state.consul.delete(&key, query.has("recurse"));
            answer(StatusCode::OK, None, b"true".to_vec(), true)
        }
        _ => answer(StatusCode::METHOD_NOT_ALLOWED, None, Vec::new(), false),
    }
}

fn read(store: &Store, key: &str, query: &Query) -> Response<Body> {
    let index = Some(store.index.max(1));
    if query.has("keys") {
        let separator = query.get("separator").unwrap_or_default();
        let mut keys: Vec<String> = store
            .below(key)
            .map(|(found, _)| {
                let rest = found.get(key.len()..).unwrap_or_default();
                match rest.find(separator).filter(|_| !separator.is_empty()) {
                    Some(at) => {
                        let end = key.len() + at + separator.len();
                        found.get(..end).unwrap_or(found).to_owned()
                    }
                    None => found.clone(),
                }
            })
            .collect();
        keys.dedup();
        if keys.is_empty() {
            return answer(StatusCode::NOT_FOUND, index, Vec::new(), false);
        }
        return answer(
            StatusCode::OK,
            index,
            go::encode(&json!(keys)).to_vec(),
            true,
        );
    }
    if query.has("recurse") {
        let all: Vec<Value> = store
            .below(key)
            .map(|(key, entry)| document(key, entry))
            .collect();
        if all.is_empty() {
            return answer(StatusCode::NOT_FOUND, index, Vec::new(), false);
        }
        return answer(
            StatusCode::OK,
            index,
            go::encode(&Value::Array(all)).to_vec(),
            true,
        );
    }
    match store.get(key) {
        None => answer(StatusCode::NOT_FOUND, index, Vec::new(), false),
        Some(entry) if query.has("raw") => answer(
            StatusCode::OK,
            Some(entry.modify_index),
            entry.value.clone(),
            false,
        ),
        Some(entry) => {
            let body = go::encode(&json!([document(key, entry)])).to_vec();
            answer(StatusCode::OK, Some(entry.modify_index), body, true)
        }
    }
}

fn answer(status: StatusCode, index: Option<u64>, body: Vec<u8>, json: bool) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if json {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
    }
    if let Some(index) = index {
        headers.insert("x-consul-index", HeaderValue::from(index));
        headers.insert("x-consul-knownleader", HeaderValue::from_static("true"));
        headers.insert("x-consul-lastcontact", HeaderValue::from_static("0"));
    }
    response
}
