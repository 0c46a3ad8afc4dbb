//! What each path of Nomad's API does here.
//!
//! One `match` on the path, one function a family. The checks come in Nomad's
//! order: path, method, query, region, leader, token, and only then the
//! objects.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use axum::http::Method;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::canonical::{self, find};
use super::documents;
use super::http::{Answer, Asked, Blocking, Content, Meta, read};
use super::scheduler::Written;
use super::state::{Alloc, JobKey, State};
use super::{Shared, go};

/// How far a request gets before the objects are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// Needs the servers and, with ACLs, a token.
    Servers,
    /// Needs the servers, no token (leader, peers).
    Open,
    /// Answered by the agent itself, with a token.
    Agent,
    /// Answered by the agent itself, for everyone (regions).
    Everyone,
}

/// Answers a request.
pub(crate) async fn answer(shared: &Shared, asked: &Asked) -> Answer {
    let Some(path) = asked.path.strip_prefix("/v1/") else {
        return Answer::empty(404);
    };
    if let Some(other) = other_region(shared, asked, path) {
        let query = asked.query.with("region", &other.region);
        other
            .faults
            .record(&asked.method, &asked.path, Some("forwarded"));
        let asked = Asked {
            query,
            ..asked.clone()
        };
        return Box::pin(answer(&other, &asked)).await;
    }
    match dispatch(shared, asked, path).await {
        Ok(answer) | Err(answer) => answer,
    }
}

/// The other region that a request is for, if its servers are known: the query's,
/// or for a register without one the job's. `global` in a job means the agent's
/// own region.
fn other_region(shared: &Shared, asked: &Asked, path: &str) -> Option<Arc<Shared>> {
    // What the agent answers by itself.
    if path == "regions" || path.starts_with("agent/") {
        return None;
    }
    let named = asked.query.get("region").filter(|name| !name.is_empty());
    let registers = asked.writes() && (path == "jobs" || path.starts_with("job/"));
    let region = match named {
        Some(region) => region.to_owned(),
        None if registers => {
            let (job, _) = sent_job(asked, None).ok()?;
            let region = job.get("Region").and_then(Value::as_str)?;
            (region != "global").then(|| region.to_owned())?
        }
        None => return None,
    };
    let others = shared.others();
    others.into_iter().find(|other| other.region == region)
}

async fn dispatch(shared: &Shared, asked: &Asked, path: &str) -> Result<Answer, Answer> {
    if let Some(rest) = path.strip_prefix("job/") {
        return job(shared, asked, rest).await;
    }
    if let Some(rest) = path.strip_prefix("client/allocation/") {
        return client_allocation(shared, asked, rest);
    }
    if let Some(id) = path.strip_prefix("allocation/") {
        return allocation(shared, asked, id).await;
    }
    if let Some(rest) = path.strip_prefix("evaluation/") {
        return evaluation(shared, asked, rest).await;
    }
    if let Some(rest) = path.strip_prefix("node/") {
        return node(shared, asked, rest).await;
    }
    if let Some(id) = path.strip_prefix("deployment/") {
        return deployment(shared, asked, id).await;
    }
    match path {
        "jobs" if asked.writes() => register(shared, asked, None).await,
        "jobs" => jobs(shared, asked).await,
        "validate/job" => validate(shared, asked),
        "allocations" => {
            list(shared, asked, "alloc", |state, prefix| {
                let (node_name, node) = (state.agent.name.clone(), state.agent.node.clone());
                let items = beginning_with(&mut state.allocs, prefix)
                    .filter(|(_, alloc)| asked.lists(alloc.job_id.namespace()))
                    .map(|(_, alloc)| documents::alloc_stub(alloc, &node_name, &node))
                    .collect();
                (items, state.tables.allocs)
            })
            .await
        }
        "evaluations" => {
            list(shared, asked, "eval", |state, prefix| {
                let items = beginning_with(&mut state.evals, prefix)
                    .filter(|(_, eval)| asked.lists(eval.job_id.namespace()))
                    .map(|(_, eval)| go::encode(&documents::eval(eval)))
                    .collect();
                (items, state.tables.evals)
            })
            .await
        }
        "deployments" => {
            list(shared, asked, "deployment", |state, prefix| {
                let items = beginning_with(&mut state.deployments, prefix)
                    .filter(|(_, found)| asked.lists(found.job_id.namespace()))
                    .map(|(_, found)| go::encode(&documents::deployment(found)))
                    .collect();
                (items, state.tables.deployments)
            })
            .await
        }
        "nodes" => {
            list(shared, asked, "node", |state, prefix| {
                let mut items = Vec::new();
                if state.agent.node.starts_with(prefix) {
                    items.push(go::encode(&documents::node_stub(state)));
                }
                (items, state.tables.nodes)
            })
            .await
        }
        "status/leader" => status(shared, asked, |state| json!(state.agent.rpc)),
        "status/peers" => status(shared, asked, |state| json!([state.agent.rpc])),
        "regions" => {
            only(asked, &[Method::GET])?;
            gate(shared, asked, Gate::Everyone)?;
            let mut names: Vec<String> = shared.others().iter().map(|o| o.region.clone()).collect();
            names.push(shared.region.clone());
            names.sort();
            Ok(Answer::json(&json!(names)))
        }
        "namespaces" => {
            only(asked, &[Method::GET])?;
            gate(shared, asked, Gate::Servers)?;
            Ok(locked(shared, |state| {
                let each = |name| json!({"Name": name, "Description": ""});
                Answer::json(&state.namespaces.iter().map(each).collect())
            }))
        }
        other if other.starts_with("namespace/") => {
            only(asked, &[Method::PUT, Method::POST])?;
            gate(shared, asked, Gate::Servers)?;
            let name = other.trim_start_matches("namespace/").to_owned();
            locked(shared, |state| state.namespaces.insert(name));
            Ok(Answer::empty(200))
        }
        "system/gc" => {
            only(asked, &[Method::PUT, Method::POST])?;
            gate(shared, asked, Gate::Servers)?;
            locked(shared, State::collect_garbage);
            Ok(Answer::empty(200))
        }
        "operator/raft/configuration" => {
            only(asked, &[Method::GET])?;
            gate(shared, asked, Gate::Servers)?;
            Ok(locked(shared, |state| {
                Answer::json(&documents::raft_configuration(state))
            }))
        }
        "operator/raft/peer" => raft_peer(shared, asked),
        other => match other.strip_prefix("agent/") {
            Some(rest) => agent(shared, asked, rest),
            None => Err(Answer::empty(404)),
        },
    }
}

fn locked<T>(shared: &Shared, act: impl FnOnce(&mut State) -> T) -> T {
    act(&mut shared.state.lock().unwrap_or_else(PoisonError::into_inner))
}

fn only(asked: &Asked, methods: &[Method]) -> Result<(), Answer> {
    if methods.contains(&asked.method) {
        Ok(())
    } else {
        Err(Answer::text(405, "Invalid method"))
    }
}

/// The checks between the query and the objects.
fn gate(shared: &Shared, asked: &Asked, gate: Gate) -> Result<(), Answer> {
    let faults = &shared.faults;
    if matches!(gate, Gate::Servers | Gate::Open) {
        let region = asked.query.get("region").unwrap_or_default();
        if !region.is_empty() && region != shared.region {
            return Err(Answer::text(500, "No path to region"));
        }
        let stale = asked.method == Method::GET && asked.query.has("stale");
        if faults.no_leader() && !stale {
            return Err(Answer::text(500, "No cluster leader"));
        }
    }
    if matches!(gate, Gate::Servers | Gate::Agent) {
        if faults.forbidden() {
            return Err(Answer::text(403, "Permission denied"));
        }
        if let Some(wanted) = &shared.token {
            match &asked.token {
                None => return Err(Answer::text(403, "Permission denied")),
                Some(token) if token != wanted => {
                    return Err(Answer::text(403, "ACL token not found"));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// go-memdb's check of a whole UUID.
fn check_id(id: &str, what: &str) -> Result<String, Answer> {
    if id.len() != 36 {
        return Err(Answer::text(
            500,
            format!("{what} lookup failed: index error: UUID must be 36 characters"),
        ));
    }
    check_hex(id, what)?;
    Ok(id.to_ascii_lowercase())
}

/// go-memdb's check of a UUID's beginning.
fn check_prefix(prefix: &str, what: &str) -> Result<(), Answer> {
    let length = prefix.len();
    if length > 36 {
        return Err(Answer::text(
            500,
            format!(
                "{what} lookup failed: index error: Invalid UUID length. UUID have 36 characters; got {length}"
            ),
        ));
    }
    check_hex(prefix, what)
}

fn check_hex(id: &str, what: &str) -> Result<(), Answer> {
    let fail = |why: String| {
        Err(Answer::text(
            500,
            format!("{what} lookup failed: index error: {why}"),
        ))
    };
    let hyphens = id.matches('-').count();
    if hyphens > 4 {
        return fail(format!(
            "UUID should have maximum of 4 \"-\"; got {hyphens}"
        ));
    }
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    if !digits.len().is_multiple_of(2) {
        return fail("Input (without hyphens) must be even length".to_owned());
    }
    match digits.chars().find(|c| !c.is_ascii_hexdigit()) {
        Some(odd) => {
            let code = u32::from(odd);
            fail(format!(
                "Invalid UUID: encoding/hex: invalid byte: U+{code:04X} {odd:?}"
            ))
        }
        None => Ok(()),
    }
}

/// What is named so, without a look at everything else.
fn beginning_with<'a, K: Ord + Borrow<str>, T>(
    map: &'a mut BTreeMap<K, T>,
    prefix: &'a str,
) -> impl Iterator<Item = (&'a K, &'a mut T)> {
    let from = (
        std::ops::Bound::Included(prefix),
        std::ops::Bound::Unbounded,
    );
    map.range_mut::<str, _>(from)
        .take_while(move |(id, _)| (*id).borrow().starts_with(prefix))
}

/// Lists of objects that a UUID names, with `?prefix`.
async fn list(
    shared: &Shared,
    asked: &Asked,
    what: &str,
    collect: impl Fn(&mut State, &str) -> (Vec<Bytes>, u64),
) -> Result<Answer, Answer> {
    only(asked, &[Method::GET])?;
    let blocking = Blocking::of(&asked.query)?;
    gate(shared, asked, Gate::Servers)?;
    let prefix = asked
        .query
        .get("prefix")
        .unwrap_or_default()
        .to_ascii_lowercase();
    check_prefix(&prefix, what)?;
    Ok(read(shared, blocking, |state| {
        let (items, index) = collect(state, &prefix);
        Answer {
            status: 200,
            content: Content::List(items),
            meta: Meta::Read(index),
        }
    })
    .await)
}

fn status(
    shared: &Shared,
    asked: &Asked,
    what: impl Fn(&State) -> Value,
) -> Result<Answer, Answer> {
    only(asked, &[Method::GET])?;
    Blocking::of(&asked.query)?;
    gate(shared, asked, Gate::Open)?;
    Ok(locked(shared, |state| Answer::json(&what(state))))
}

async fn jobs(shared: &Shared, asked: &Asked) -> Result<Answer, Answer> {
    only(asked, &[Method::GET])?;
    let blocking = Blocking::of(&asked.query)?;
    gate(shared, asked, Gate::Servers)?;
    let prefix = asked.query.get("prefix").unwrap_or_default();
    Ok(read(shared, blocking, |state| {
        let items = if asked.namespace() == "*" {
            let found = state.jobs.iter_mut();
            found
                .filter(|(key, _)| key.id().starts_with(prefix))
                .map(|(key, job)| documents::job_stub(key, job))
                .collect()
        } else {
            let beginning = format!("{}\0{prefix}", asked.namespace());
            let found = beginning_with(&mut state.jobs, &beginning);
            found
                .map(|(key, job)| documents::job_stub(key, job))
                .collect()
        };
        let index = state.tables.jobs.max(state.tables.summaries);
        Answer {
            status: 200,
            content: Content::List(items),
            meta: Meta::Read(index),
        }
    })
    .await)
}

/// The body of a write, decoded.
fn decoded(asked: &Asked) -> Result<Map<String, Value>, Answer> {
    if asked.body.is_empty() {
        return Err(Answer::text(400, "Request body is empty"));
    }
    // Go's decoder reads one value and leaves the rest alone.
    let mut values = serde_json::Deserializer::from_slice(&asked.body).into_iter::<Value>();
    match values.next() {
        Some(Ok(Value::Object(map))) => Ok(map),
        Some(Ok(Value::Null)) => Ok(Map::new()),
        Some(Ok(other)) => Err(Answer::text(
            400,
            format!(
                "json: cannot unmarshal {} into Go value of type api.JobRegisterRequest",
                go::kind(&other)
            ),
        )),
        Some(Err(error)) => Err(Answer::text(400, go::syntax_error(&asked.body, &error))),
        None => Err(Answer::text(400, "EOF")),
    }
}

/// The job of a write's body, in its full form, and the body.
fn sent_job(asked: &Asked, path_id: Option<&str>) -> Result<(Value, Map<String, Value>), Answer> {
    let body = decoded(asked)?;
    let Some(sent) = find(&body, "Job").filter(|job| !job.is_null()) else {
        return Err(Answer::text(400, "Job must be specified"));
    };
    let id = sent
        .as_object()
        .and_then(|job| find(job, "ID"))
        .filter(|id| !id.is_null());
    let job = canonical::job(sent).map_err(|fault| Answer::text(400, fault))?;
    let Some(id) = id.and_then(Value::as_str) else {
        return Err(Answer::text(400, "Job ID hasn't been provided"));
    };
    if path_id.is_some_and(|path_id| path_id != id) {
        return Err(Answer::text(400, "Job ID does not match name"));
    }
    Ok((job, body))
}

fn wrote(written: &Written, more: &[(&str, Value)]) -> Answer {
    let mut reply = json!({
        "EvalCreateIndex": written.index,
        "EvalID": written.eval,
        "Index": written.index,
        "JobModifyIndex": written.job_modify_index,
        "KnownLeader": false,
        "LastContact": 0,
    });
    if let Some(map) = reply.as_object_mut() {
        for (field, value) in more {
            map.insert((*field).to_owned(), value.clone());
        }
    }
    Answer::json(&reply).written(written.index)
}

async fn register(shared: &Shared, asked: &Asked, path_id: Option<&str>) -> Result<Answer, Answer> {
    let (mut job, body) = sent_job(asked, path_id)?;
    gate(shared, asked, Gate::Servers)?;
    let queried = |key| asked.query.get(key).filter(|value| !value.is_empty());
    let region = job
        .get("Region")
        .and_then(Value::as_str)
        .unwrap_or("global");
    if queried("region").is_none() && region != "global" && region != shared.region {
        return Err(Answer::text(500, "No path to region"));
    }
    if let Some(fields) = job.as_object_mut() {
        fields.insert("Region".to_owned(), shared.region.as_str().into());
        let namespace = queried("namespace").filter(|_| shared.query_names_namespace);
        if let Some(namespace) = namespace {
            fields.insert("Namespace".to_owned(), namespace.into());
        }
    }
    let faults = canonical::faults(&job);
    if !faults.is_empty() {
        return Err(Answer::text(500, go::multierror(&faults)));
    }
    let warnings = canonical::warnings(&job);
    let enforce = find(&body, "EnforceIndex")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let wanted = find(&body, "JobModifyIndex")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    let id = JobKey::of(&job);
    let conflict = |text: String| Answer::text(500, text);
    if enforce && !shared.atomic_enforce_index {
        // Before 2.0.1: the check sees a snapshot, the write comes later, and
        // another writer may come between.
        locked(shared, |state| state.enforce(&id, wanted)).map_err(conflict)?;
        tokio::time::sleep(shared.write_window).await;
    }
    let written = locked(shared, |state| {
        if enforce && shared.atomic_enforce_index {
            state.enforce(&id, wanted)?;
        }
        // The last check of all, when the write is applied.
        if !state.namespaces.contains(id.namespace()) {
            let (id, namespace) = (id.id(), id.namespace());
            return Err(format!(
                "job {id:?} is in nonexistent namespace {namespace:?}"
            ));
        }
        Ok(state.register(job))
    })
    .map_err(conflict)?;
    Ok(wrote(&written, &[("Warnings", Value::from(warnings))]))
}

fn validate(shared: &Shared, asked: &Asked) -> Result<Answer, Answer> {
    only(asked, &[Method::PUT, Method::POST])?;
    let body = decoded(asked)?;
    let Some(sent) = find(&body, "Job").filter(|job| !job.is_null()) else {
        return Err(Answer::text(400, "Job must be specified"));
    };
    let job = canonical::job(sent).map_err(|fault| Answer::text(400, fault))?;
    gate(shared, asked, Gate::Servers)?;
    let faults = canonical::faults(&job);
    let (error, errors) = if faults.is_empty() {
        (String::new(), Value::Null)
    } else {
        (go::multierror(&faults), json!(faults))
    };
    Ok(Answer::json(&json!({
        "DriverConfigValidated": true,
        "Error": error,
        "ValidationErrors": errors,
        "Warnings": canonical::warnings(&job),
    })))
}

/// Everything under `/v1/job/`. An ID may hold slashes: only known endings
/// are cut off.
async fn job(shared: &Shared, asked: &Asked, rest: &str) -> Result<Answer, Answer> {
    for (ending, part) in [
        ("/allocations", JobPart::Allocations),
        ("/evaluations", JobPart::Evaluations),
        ("/summary", JobPart::Summary),
        ("/versions", JobPart::Versions),
        ("/deployments", JobPart::Deployments),
        ("/deployment", JobPart::Deployment),
        ("/evaluate", JobPart::Evaluate),
    ] {
        if let Some(id) = rest.strip_suffix(ending) {
            return match part {
                JobPart::Evaluate => evaluate_job(shared, asked, id),
                part => job_part(shared, asked, id, part).await,
            };
        }
    }
    for ending in [
        "/plan",
        "/periodic/force",
        "/dispatch",
        "/revert",
        "/stable",
        "/scale",
    ] {
        if rest.ends_with(ending) {
            return Err(Answer::text(501, format!("{ending} is not simulated")));
        }
    }
    if asked.writes() {
        return register(shared, asked, Some(rest)).await;
    }
    only(asked, &[Method::GET, Method::DELETE])?;
    if asked.method == Method::DELETE {
        gate(shared, asked, Gate::Servers)?;
        let purge = asked.query.get("purge").unwrap_or_default();
        if !matches!(
            purge,
            "" | "0"
                | "f"
                | "F"
                | "false"
                | "FALSE"
                | "False"
                | "1"
                | "t"
                | "T"
                | "true"
                | "TRUE"
                | "True"
        ) {
            return Err(Answer::text(
                500,
                format!(
                    "Failed to parse value of \"purge\" ({purge:?}) as a bool: \
                     strconv.ParseBool: parsing {purge:?}: invalid syntax"
                ),
            ));
        }
        let purge = asked.query.flag("purge");
        let written = locked(shared, |state| state.deregister(&asked.job(rest), purge));
        let more = [
            ("VolumeEvalID", Value::from("")),
            ("VolumeEvalIndex", Value::from(0)),
        ];
        return Ok(wrote(&written, &more));
    }
    let blocking = Blocking::of(&asked.query)?;
    gate(shared, asked, Gate::Servers)?;
    let key = asked.job(rest);
    Ok(read(shared, blocking, |state| {
        let table = state.tables.jobs;
        match state.jobs.get_mut(&key) {
            None => Answer::text(404, "job not found").read(table),
            Some(job) => Answer {
                status: 200,
                content: Content::Json(documents::job_body(job)),
                meta: Meta::Read(job.modify_index),
            },
        }
    })
    .await)
}

#[derive(Clone, Copy)]
enum JobPart {
    Allocations,
    Evaluations,
    Summary,
    Versions,
    Deployments,
    Deployment,
    Evaluate,
}

async fn job_part(
    shared: &Shared,
    asked: &Asked,
    id: &str,
    part: JobPart,
) -> Result<Answer, Answer> {
    only(asked, &[Method::GET])?;
    let blocking = Blocking::of(&asked.query)?;
    let all = asked.query.flag("all");
    gate(shared, asked, Gate::Servers)?;
    let id = &asked.job(id);
    Ok(read(shared, blocking, |state| match part {
        JobPart::Allocations => job_allocations(state, id, all),
        JobPart::Evaluations => {
            let mut evals: Vec<_> = state.evals_of(id).collect();
            evals.sort_by(|a, b| a.id.cmp(&b.id));
            let items = evals
                .into_iter()
                .map(|eval| go::encode(&documents::eval(eval)))
                .collect();
            Answer {
                status: 200,
                content: Content::List(items),
                meta: Meta::Read(state.tables.evals),
            }
        }
        JobPart::Summary => match state.jobs.get(id) {
            None => Answer::text(404, "job not found").read(state.tables.summaries),
            Some(job) => Answer::json(&documents::summary(id, job)).read(job.summary_index),
        },
        JobPart::Versions => match state.jobs.get(id) {
            None => Answer::text(404, "job versions not found").read(state.tables.jobs),
            Some(job) => {
                let versions: Vec<&Value> = std::iter::once(&*job.doc)
                    .chain(job.earlier.iter().map(|doc| &**doc))
                    .collect();
                let body = json!({
                    "Diffs": null,
                    "Index": job.modify_index,
                    "KnownLeader": true,
                    "LastContact": 0,
                    "Versions": versions,
                });
                Answer::json(&body).read(job.modify_index)
            }
        },
        JobPart::Deployments => {
            let found = state.deployments_of(id).map(documents::deployment);
            let items = found.map(|found| go::encode(&found)).collect();
            let index = state.tables.deployments;
            Answer {
                status: 200,
                content: Content::List(items),
                meta: Meta::Read(index),
            }
        }
        JobPart::Deployment | JobPart::Evaluate => {
            let newest = state
                .deployments_of(id)
                .next_back()
                .map(documents::deployment);
            Answer::json(&newest.unwrap_or(Value::Null)).read(state.tables.deployments)
        }
    })
    .await)
}

/// Without `all`, allocations of an earlier job under the same ID are left
/// out.
fn job_allocations(state: &mut State, id: &JobKey, all: bool) -> Answer {
    let created = state.jobs.get(id).map(|job| job.create_index);
    let mut ids: Vec<String> = state
        .allocs_of(id)
        .filter(|alloc| {
            let of = alloc.job.get("CreateIndex").and_then(Value::as_u64);
            all || created.is_none() || of == created
        })
        .map(|alloc| alloc.id.clone())
        .collect();
    ids.sort();
    let items = stubs(state, &ids);
    Answer {
        status: 200,
        content: Content::List(items),
        meta: Meta::Read(state.tables.allocs),
    }
}

fn stubs(state: &mut State, ids: &[String]) -> Vec<Bytes> {
    let (name, node) = (state.agent.name.clone(), state.agent.node.clone());
    ids.iter()
        .filter_map(|id| {
            let alloc = state.allocs.get_mut(id)?;
            Some(documents::alloc_stub(alloc, &name, &node))
        })
        .collect()
}

fn evaluate_job(shared: &Shared, asked: &Asked, id: &str) -> Result<Answer, Answer> {
    only(asked, &[Method::PUT, Method::POST])?;
    let body = if asked.body.is_empty() {
        Map::new()
    } else {
        decoded(asked)?
    };
    gate(shared, asked, Gate::Servers)?;
    let force = find(&body, "EvalOptions")
        .and_then(Value::as_object)
        .and_then(|options| find(options, "ForceReschedule"))
        .and_then(Value::as_bool)
        .unwrap_or(false);
    match locked(shared, |state| state.evaluate_job(&asked.job(id), force)) {
        None => Err(Answer::text(500, "job not found")),
        Some(written) => Ok(wrote(&written, &[("Warnings", Value::from(""))])),
    }
}

async fn allocation(shared: &Shared, asked: &Asked, id: &str) -> Result<Answer, Answer> {
    if id.contains('/') {
        return Err(Answer::text(404, "resource not found"));
    }
    only(asked, &[Method::GET])?;
    let blocking = Blocking::of(&asked.query)?;
    gate(shared, asked, Gate::Servers)?;
    let id = check_id(id, "alloc")?;
    Ok(read(shared, blocking, |state| match state.allocs.get(&id) {
        None => Answer::text(404, "alloc not found").read(state.tables.allocs),
        Some(alloc) => Answer::json(&documents::alloc(state, alloc)).read(alloc.modify_index),
    })
    .await)
}

async fn evaluation(shared: &Shared, asked: &Asked, rest: &str) -> Result<Answer, Answer> {
    only(asked, &[Method::GET])?;
    let blocking = Blocking::of(&asked.query)?;
    gate(shared, asked, Gate::Servers)?;
    if let Some(id) = rest.strip_suffix("/allocations") {
        let id = check_id(id, "alloc")?;
        return Ok(read(shared, blocking, |state| {
            let ids: Vec<String> = state
                .allocs
                .values()
                .filter(|a| a.eval == id)
                .map(|a| a.id.clone())
                .collect();
            let items = stubs(state, &ids);
            Answer {
                status: 200,
                content: Content::List(items),
                meta: Meta::Read(state.tables.allocs),
            }
        })
        .await);
    }
    let id = check_id(rest, "eval")?;
    Ok(read(shared, blocking, |state| match state.evals.get(&id) {
        None => Answer::text(404, "eval not found").read(state.tables.evals),
        Some(eval) => Answer::json(&documents::eval(eval)).read(eval.modify_index),
    })
    .await)
}

async fn deployment(shared: &Shared, asked: &Asked, id: &str) -> Result<Answer, Answer> {
    only(asked, &[Method::GET])?;
    let blocking = Blocking::of(&asked.query)?;
    gate(shared, asked, Gate::Servers)?;
    let id = check_id(id, "deployment")?;
    Ok(
        read(shared, blocking, |state| match state.deployments.get(&id) {
            None => Answer::text(404, "deployment not found").read(state.tables.deployments),
            Some(found) => Answer::json(&documents::deployment(found)).read(found.modify_index),
        })
        .await,
    )
}

async fn node(shared: &Shared, asked: &Asked, rest: &str) -> Result<Answer, Answer> {
    if let Some(id) = rest.strip_suffix("/evaluate") {
        only(asked, &[Method::PUT, Method::POST])?;
        gate(shared, asked, Gate::Servers)?;
        let id = check_id(id, "node")?;
        return locked(shared, |state| {
            if id != state.agent.node {
                return Err(Answer::text(500, "node not found"));
            }
            let (evals, index) = state.evaluate_node();
            let reply = json!({
                "EvalCreateIndex": index,
                "EvalIDs": if evals.is_empty() { Value::Null } else { json!(evals) },
                "Features": 0,
                "HeartbeatTTL": 0,
                "Index": index,
                "KnownLeader": false,
                "LastContact": 0,
                "LeaderRPCAddr": state.agent.rpc,
                "NodeModifyIndex": 0,
                "NumNodes": 1,
                "Servers": [{
                    "Datacenter": state.agent.datacenter,
                    "RPCAdvertiseAddr": state.agent.rpc,
                    "RPCMajorVersion": 1,
                    "RPCMinorVersion": 1,
                }],
            });
            Ok(Answer::json(&reply).written(index))
        });
    }
    only(asked, &[Method::GET])?;
    let blocking = Blocking::of(&asked.query)?;
    gate(shared, asked, Gate::Servers)?;
    if let Some(id) = rest.strip_suffix("/allocations") {
        return Ok(read(shared, blocking, |state| {
            let own: Vec<&Alloc> = if id == state.agent.node {
                state.allocs.values().collect()
            } else {
                Vec::new()
            };
            let index = own
                .iter()
                .map(|alloc| alloc.modify_index)
                .max()
                .unwrap_or(state.tables.allocs);
            let items = own
                .into_iter()
                .map(|alloc| go::encode(&documents::alloc(state, alloc)))
                .collect();
            Answer {
                status: 200,
                content: Content::List(items),
                meta: Meta::Read(index),
            }
        })
        .await);
    }
    let id = check_id(rest, "node")?;
    Ok(read(shared, blocking, |state| {
        if id == state.agent.node {
            Answer::json(&documents::node(state)).read(state.node_modify_index)
        } else {
            Answer::text(404, "node not found").read(state.tables.nodes)
        }
    })
    .await)
}

/// Signals and resource use: what a client does, not the servers.
fn client_allocation(shared: &Shared, asked: &Asked, rest: &str) -> Result<Answer, Answer> {
    let Some((id, action)) = rest.split_once('/') else {
        return Err(Answer::text(404, "resource not found"));
    };
    match action {
        "signal" => {
            only(asked, &[Method::PUT, Method::POST])?;
            let body = decoded(asked)?;
            gate(shared, asked, Gate::Servers)?;
            let id = check_id(id, "alloc")?;
            let text = |field: &str| {
                find(&body, field)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let signal = match text("Signal") {
                "" => "SIGINT",
                given => given,
            };
            locked(shared, |state| {
                signal_allocation(state, &id, text("Task"), signal)
            })
        }
        "stats" => {
            only(asked, &[Method::GET])?;
            gate(shared, asked, Gate::Servers)?;
            let id = check_id(id, "alloc")?;
            locked(shared, |state| match state.allocs.get(&id) {
                None => Err(Answer::text(404, format!("Unknown allocation {id:?}"))),
                Some(alloc) => Ok(Answer::json(&documents::resource_use(alloc))),
            })
        }
        _ => Err(Answer::text(404, "resource not found")),
    }
}

/// One task answers as it is; all tasks of an allocation are reported as a
/// list of errors, even when there is one (recordings 034 and 035).
fn signal_allocation(
    state: &mut State,
    id: &str,
    task: &str,
    signal: &str,
) -> Result<Answer, Answer> {
    let Some(alloc) = state.allocs.get(id) else {
        return Err(Answer::text(404, format!("Unknown allocation {id:?}")));
    };
    if !task.is_empty() {
        return match state.signal_task(id, task, signal) {
            Ok(()) => Ok(Answer::json(&json!({"Index": 0}))),
            Err(error) => Err(Answer::text(500, error)),
        };
    }
    let names: Vec<String> = alloc.tasks.iter().map(|task| task.name.clone()).collect();
    let errors: Vec<String> = names
        .into_iter()
        .filter_map(|name| {
            let error = state.signal_task(id, &name, signal).err()?;
            Some(format!("Failed to signal task: {name}, err: {error}"))
        })
        .collect();
    if errors.is_empty() {
        Ok(Answer::json(&json!({"Index": 0})))
    } else {
        Err(Answer::text(500, go::multierror(&errors)))
    }
}

fn agent(shared: &Shared, asked: &Asked, rest: &str) -> Result<Answer, Answer> {
    let writes = [Method::PUT, Method::POST];
    match rest {
        "members" => {
            only(asked, &[Method::GET])?;
            gate(shared, asked, Gate::Agent)?;
            let others = shared.others();
            let others = others
                .iter()
                .map(|other| locked(other, |s| documents::member(s)));
            let others = others.collect();
            Ok(locked(shared, |state| {
                Answer::json(&documents::members(state, others))
            }))
        }
        "self" => {
            only(asked, &[Method::GET])?;
            gate(shared, asked, Gate::Agent)?;
            Ok(locked(shared, |state| {
                Answer::json(&documents::agent_self(state))
            }))
        }
        "health" => {
            only(asked, &[Method::GET])?;
            if shared.faults.no_leader() {
                // An error, though it looks like JSON (recording 010 of the
                // set without a leader).
                return Err(Answer::text(
                    500,
                    r#"{"server":{"ok":false,"message":"No cluster leader"}}"#,
                ));
            }
            let well = json!({"message": "ok", "ok": true});
            Ok(Answer::json(&json!({"client": well, "server": well})))
        }
        "servers" => {
            only(asked, &[Method::GET, Method::PUT, Method::POST])?;
            gate(shared, asked, Gate::Agent)?;
            if asked.writes() {
                let addresses: Vec<String> = asked
                    .query
                    .all("address")
                    .into_iter()
                    .map(str::to_owned)
                    .collect();
                if addresses.is_empty() || addresses.iter().all(String::is_empty) {
                    return Err(Answer::text(400, "missing server address"));
                }
                locked(shared, |state| state.servers = addresses);
                return Ok(Answer::empty(200));
            }
            Ok(locked(shared, |state| Answer::json(&json!(state.servers))))
        }
        "join" => {
            only(asked, &writes)?;
            gate(shared, asked, Gate::Agent)?;
            let addresses = asked.query.all("address");
            if addresses.is_empty() || addresses.iter().all(|address| address.is_empty()) {
                return Err(Answer::text(400, "missing address to join"));
            }
            // As with databases: port 1 is where nobody listens.
            let refused: Vec<String> = addresses
                .iter()
                .filter(|address| address.ends_with(":1"))
                .map(|address| {
                    let host = address.trim_end_matches(":1");
                    format!(
                        "Failed to join {host}: dial tcp {address}: connect: connection refused"
                    )
                })
                .collect();
            let joined = addresses.len() - refused.len();
            let error = if joined == 0 {
                go::multierror(&refused)
            } else {
                String::new()
            };
            Ok(Answer::json(&json!({"error": error, "num_joined": joined})))
        }
        "force-leave" => {
            only(asked, &writes)?;
            gate(shared, asked, Gate::Agent)?;
            match asked.query.get("node") {
                None | Some("") => Err(Answer::text(400, "missing node to force leave")),
                Some(_) => Ok(Answer::empty(200)),
            }
        }
        _ => Err(Answer::empty(404)),
    }
}

fn raft_peer(shared: &Shared, asked: &Asked) -> Result<Answer, Answer> {
    only(asked, &[Method::DELETE])?;
    let given = |key: &str| asked.query.get(key).filter(|value| !value.is_empty());
    let (id, address) = (given("id"), given("address"));
    let (what, value) = match (id, address) {
        (None, None) => {
            return Err(Answer::text(
                400,
                "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(Answer::text(
                400,
                "Must specify only one of ?id or ?address",
            ));
        }
        (Some(id), None) => ("id", id),
        (None, Some(address)) => ("address", address),
    };
    gate(shared, asked, Gate::Servers)?;
    locked(shared, |state| {
        if value == state.agent.rpc {
            Ok(Answer::empty(200))
        } else {
            Err(Answer::text(
                500,
                format!("{what} {value:?} was not found in the Raft configuration"),
            ))
        }
    })
}
