//! A Nomad that says exactly what was recorded of one, at one moment of the
//! recordings' story.
//!
//! It answers the recorded requests and no others; what else it was asked is
//! kept, for a test to fail on. Some things it takes from other places of the
//! same recordings, since nobody asked for them by themselves: a job's summary
//! from the list that holds it, a list by prefix from the whole one, an allocation's
//! stub from the lists that hold it, and a job that was never read from the request
//! that registered it. A job's evaluations, where nobody asked, are none.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::recording::{Recording, all, recording};

/// What makes two requests the same: method (POST and PUT are one), path with
/// query whichever way it is encoded, and the task that a signal is for.
type Key = (String, String, String);

#[derive(Clone)]
struct Said {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A request that changes something.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Method and path.
    pub request: String,
    /// The body.
    pub body: Value,
}

#[derive(Default)]
struct Heard {
    unknown: Vec<String>,
    writes: Vec<Sent>,
}

struct Story {
    answers: BTreeMap<Key, Said>,
    heard: Mutex<Heard>,
}

/// A replayed moment, listening.
pub struct Replay {
    address: SocketAddr,
    story: Arc<Story>,
    task: JoinHandle<()>,
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Replay {
    /// The moment at which these were the answers; of two answers to the same
    /// request the later counts.
    ///
    /// # Panics
    /// When a recording does not exist.
    pub async fn of(system: &str, names: &[&str]) -> Self {
        let moment: Vec<Recording> = names.iter().map(|name| recording(system, name)).collect();
        let mut answers = BTreeMap::new();
        for said in moment.iter().filter(|said| is_list_of_jobs(said)) {
            from_list(system, said, &mut answers);
        }
        for list in moment.iter().filter(|said| is_list_of_allocations(said)) {
            for stub in list.json().as_array().unwrap() {
                let id = stub["ID"].as_str().unwrap();
                let mut one = said(list);
                one.body = json!([stub]).to_string().into_bytes();
                answers.insert(read_of(&format!("/v1/allocations?prefix={id}")), one);
            }
        }
        for recording in &moment {
            answers.insert(key_of(recording), said(recording));
        }
        Self::listen(answers).await
    }

    async fn listen(answers: BTreeMap<Key, Said>) -> Self {
        let story = Arc::new(Story {
            answers,
            heard: Mutex::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&story));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            address,
            story,
            task,
        }
    }

    /// Its address, as NOMAD_ADDR wants it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked and is not in the recordings.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn unknown(&self) -> Vec<String> {
        self.story.heard.lock().unwrap().unknown.clone()
    }

    /// Requests other than GET.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn writes(&self) -> Vec<Sent> {
        self.story.heard.lock().unwrap().writes.clone()
    }
}

/// A prefix that no ID has.
const NOTHING: &str = "ffffffff-ffff-ffff-ffff-ffffffffffff";

fn is_list_of_jobs(recording: &Recording) -> bool {
    recording.method == "GET"
        && (recording.target == "/v1/jobs" || recording.target.starts_with("/v1/jobs?"))
        && recording.json.is_some()
}

fn is_list_of_allocations(recording: &Recording) -> bool {
    let path = recording.target.split('?').next().unwrap_or_default();
    recording.method == "GET"
        && path.ends_with("/allocations")
        && !path.starts_with("/v1/node/")
        && recording.json.is_some()
}

fn from_list(system: &str, list: &Recording, answers: &mut BTreeMap<Key, Said>) {
    let recordings = all(system);
    let registered: Vec<&Recording> = recordings
        .iter()
        .filter(|one| one.method != "GET" && one.target == "/v1/jobs" && one.status == 200)
        .collect();
    let stubs = list.json().as_array().unwrap();
    // With a prefix that nothing has: the index all the same (seen on Nomad 1.1.2).
    for table in ["jobs", "allocations", "evaluations"] {
        let mut nothing = said(list);
        nothing.body = b"[]".to_vec();
        let target = format!("/v1/{table}?prefix={NOTHING}");
        answers.insert(read_of(&target), nothing);
    }
    for stub in stubs {
        let id = stub["ID"].as_str().unwrap();
        // The same list, asked for by the ID as a prefix.
        let with_prefix: Vec<&Value> = stubs
            .iter()
            .filter(|stub| stub["ID"].as_str().unwrap().starts_with(id))
            .collect();
        let mut some = said(list);
        some.body = json!(with_prefix).to_string().into_bytes();
        answers.insert(read_of(&format!("/v1/jobs?prefix={id}")), some);
        let mut summary = said(list);
        summary.body = stub["JobSummary"].to_string().into_bytes();
        answers.insert(read_of(&format!("/v1/job/{id}/summary")), summary);
        let mut evaluations = said(list);
        evaluations.body = b"[]".to_vec();
        answers.insert(read_of(&format!("/v1/job/{id}/evaluations")), evaluations);
        // The registration that the stub's index names.
        let request = registered.iter().find(|one| {
            one.json()["JobModifyIndex"] == stub["JobModifyIndex"]
                && one.request_json()["Job"]["ID"] == stub["ID"]
        });
        if let Some(request) = request {
            let mut job = request.request_json()["Job"].clone();
            for key in [
                "CreateIndex",
                "JobModifyIndex",
                "ModifyIndex",
                "Status",
                "StatusDescription",
                "Stop",
            ] {
                job[key] = stub[key].clone();
            }
            if job["Region"].is_null() {
                job["Region"] = json!("global");
            }
            let mut whole = said(list);
            whole.body = job.to_string().into_bytes();
            answers.insert(read_of(&format!("/v1/job/{id}")), whole);
        }
    }
}

fn said(recording: &Recording) -> Said {
    Said {
        status: recording.status,
        headers: recording.headers.clone(),
        body: recording.body(),
    }
}

fn read_of(target: &str) -> Key {
    key("GET", target, b"")
}

fn key_of(recording: &Recording) -> Key {
    key(
        &recording.method,
        &recording.target,
        &recording.request_body,
    )
}

fn key(method: &str, target: &str, body: &[u8]) -> Key {
    let method = if method == "POST" { "PUT" } else { method };
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let task = body["Task"].as_str().unwrap_or_default();
    (method.to_owned(), plain(target), task.to_owned())
}

/// The path, and the query decoded and in order; `?stale` is `?stale=true`.
fn plain(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let decode = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .map(|(key, value)| match key.as_str() {
            "stale" => (key, "true".to_owned()),
            _ => (key, value),
        })
        .collect();
    pairs.sort();
    format!("{path} {pairs:?}")
}

async fn answer(
    State(story): State<Arc<Story>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response<axum::body::Body> {
    let target = uri.path_and_query().unwrap().as_str();
    if method != Method::GET {
        story.heard.lock().unwrap().writes.push(Sent {
            request: format!("{method} {target}"),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        });
    }
    let Some(said) = story.answers.get(&key(method.as_str(), target, &body)) else {
        let asked = format!("{method} {target}");
        story.heard.lock().unwrap().unknown.push(asked.clone());
        let mut response = Response::new(format!("not in the recordings: {asked}").into());
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        return response;
    };
    let mut response = Response::new(said.body.clone().into());
    *response.status_mut() = StatusCode::from_u16(said.status).unwrap();
    for (name, value) in &said.headers {
        // The connection's own are this server's business.
        if !matches!(
            name.as_str(),
            "content-length" | "transfer-encoding" | "connection" | "date" | "content-encoding"
        ) {
            response.headers_mut().insert(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use crate::Generation;
    use crate::stage::{JOB, find};

    use super::*;

    /// The replayed Nomad may take a job's summary from a list.
    #[test]
    fn a_recorded_list_holds_the_summaries_that_were_recorded_alone() {
        for generation in Generation::BOTH {
            let list = recording(generation.recordings(), "020-jobs-running");
            let alone = recording(generation.recordings(), "026-job-summary");
            assert_eq!(&find(list.json(), JOB)["JobSummary"], alone.json());
        }
    }
}
