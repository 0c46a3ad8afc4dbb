//! Everything about one job, and registering it.

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::call::{Answer, Call, Gate, Outcome};
use crate::json::{extend, find, text};
use crate::objects::JobKey;
use crate::options::Era;
use crate::registry::Written;
use crate::state::State;
use crate::{canonical, documents, go, validation};

/// The body of a write, decoded.
pub(crate) fn decoded(call: &Call<'_>) -> Result<Map<String, Value>, Answer> {
    if call.body.is_empty() {
        return Err(Answer::text(400, "Request body is empty"));
    }
    // Go's decoder reads one value and leaves the rest alone.
    let mut values = serde_json::Deserializer::from_slice(&call.body).into_iter::<Value>();
    let fault = match values.next() {
        Some(Ok(Value::Object(map))) => return Ok(map),
        Some(Ok(Value::Null)) => return Ok(Map::new()),
        Some(Ok(other)) => format!(
            "json: cannot unmarshal {} into Go value of type api.JobRegisterRequest",
            go::kind(&other)
        ),
        Some(Err(error)) => go::syntax_error(&call.body, &error),
        None => "EOF".to_owned(),
    };
    Err(Answer::text(400, fault))
}

/// The job of a write's body, in its full form, and the body.
pub(crate) fn sent(
    call: &Call<'_>,
    path_id: Option<&str>,
) -> Result<(Value, Map<String, Value>), Answer> {
    let (job, body) = any_job(call)?;
    let sent = find(&body, "Job").and_then(Value::as_object);
    let id = sent.and_then(|job| find(job, "ID")).and_then(Value::as_str);
    match (id, path_id) {
        (None, _) => Err(Answer::text(400, "Job ID hasn't been provided")),
        (Some(id), Some(path_id)) if id != path_id => {
            Err(Answer::text(400, "Job ID does not match name"))
        }
        _ => Ok((job, body)),
    }
}

/// The same, with or without an ID.
fn any_job(call: &Call<'_>) -> Result<(Value, Map<String, Value>), Answer> {
    let body = decoded(call)?;
    let Some(sent) = find(&body, "Job").filter(|job| !job.is_null()) else {
        return Err(Answer::text(400, "Job must be specified"));
    };
    let job =
        canonical::job(sent, call.shared.rules.era).map_err(|fault| Answer::text(400, fault))?;
    Ok((job, body))
}

fn wrote(written: &Written, more: Value, era: Era) -> Answer {
    let mut reply = json!({
        "EvalCreateIndex": written.index,
        "EvalID": written.eval,
        "Index": written.index,
        "JobModifyIndex": written.job_modify_index,
        "KnownLeader": false,
        "LastContact": 0,
    });
    extend(&mut reply, more);
    era.add("reply", &mut reply);
    Answer::json(&reply).written(written.index)
}

pub(crate) async fn register(call: &Call<'_>, path_id: Option<&str>) -> Outcome {
    let (mut job, body) = sent(call, path_id)?;
    call.gate(Gate::Servers)?;
    let (shared, region) = (call.shared, text(&job, "Region"));
    if call.query.given("region").is_none() && region != "global" && region != shared.region {
        return Err(Answer::text(500, "No path to region"));
    }
    extend(&mut job, json!({"Region": shared.region}));
    let namespace = call.query.given("namespace");
    if let Some(namespace) = namespace.filter(|_| shared.rules.query_names_namespace) {
        extend(&mut job, json!({ "Namespace": namespace }));
    }
    let faults = validation::faults(&job);
    if !faults.is_empty() {
        return Err(Answer::text(500, go::multierror(&faults)));
    }
    let warnings = validation::warnings(&job, shared.rules.era);
    let enforces = find(&body, "EnforceIndex") == Some(&Value::Bool(true));
    let index = find(&body, "JobModifyIndex").and_then(Value::as_u64);
    let wanted = enforces.then(|| index.unwrap_or(0));
    let key = JobKey::of(&job);
    let enforce = |state: &State| wanted.map_or(Ok(()), |index| state.enforce(&key, index));
    let conflict = |text: String| Answer::text(500, text);
    if enforces && !shared.rules.atomic_enforce_index {
        call.locked(|state| enforce(state)).map_err(conflict)?;
        tokio::time::sleep(shared.write_window).await;
    }
    let written = call.locked(|state| {
        if shared.rules.atomic_enforce_index {
            enforce(state)?;
        }
        // The last check of all, when the write is applied.
        if !state.namespaces.contains(key.namespace()) {
            let (id, namespace) = (key.id(), key.namespace());
            let text = format!("job {id:?} is in nonexistent namespace {namespace:?}");
            return Err(match shared.rules.era {
                Era::First => text,
                _ => go::multierror(&[text]),
            });
        }
        Ok(state.register(job))
    });
    let written = written.map_err(conflict)?;
    Ok(wrote(
        &written,
        json!({ "Warnings": warnings }),
        shared.rules.era,
    ))
}

pub(crate) fn validate(call: &Call<'_>) -> Outcome {
    call.only(call.writes())?;
    let (job, _) = any_job(call)?;
    call.gate(Gate::Servers)?;
    let faults = validation::faults(&job);
    let (error, errors) = match faults.is_empty() {
        true => (String::new(), Value::Null),
        false => (go::multierror(&faults), json!(faults)),
    };
    Ok(Answer::json(&json!({
        "DriverConfigValidated": true,
        "Error": error,
        "ValidationErrors": errors,
        "Warnings": validation::warnings(&job, call.shared.rules.era),
    })))
}

/// Everything under `/v1/job/`. An ID may hold slashes: only known endings
/// are cut off.
pub(crate) async fn job(call: &Call<'_>, rest: &str) -> Outcome {
    if let Some((id, part)) = rest.rsplit_once('/') {
        match part {
            "allocations" | "evaluations" | "summary" | "versions" | "deployments"
            | "deployment" => return read_part(call, &call.job(id), part).await,
            "evaluate" => return evaluate(call, &call.job(id)),
            "plan" | "force" | "dispatch" | "revert" | "stable" | "scale" => {
                return Err(Answer::text(501, format!("/{part} is not simulated")));
            }
            _ => {}
        }
    }
    if call.writes() {
        return register(call, Some(rest)).await;
    }
    let key = call.job(rest);
    if call.method == Method::DELETE {
        return deregister(call, &key);
    }
    let blocking = call.blocking(Gate::Servers)?;
    let look = |state: &mut State| match state.jobs.get_mut(&key) {
        None => Answer::text(404, "job not found").read(state.tables.jobs),
        Some(job) => Answer::encoded(documents::job_body(job)).read(job.modify_index),
    };
    Ok(call.look(blocking, look).await)
}

fn deregister(call: &Call<'_>, key: &JobKey) -> Outcome {
    call.gate(Gate::Servers)?;
    let purge = call.query.flag("purge");
    let written = call.locked(|state| state.deregister(key, purge));
    let more = json!({"VolumeEvalID": "", "VolumeEvalIndex": 0});
    Ok(wrote(&written, more, call.shared.rules.era))
}

async fn read_part(call: &Call<'_>, key: &JobKey, part: &str) -> Outcome {
    let blocking = call.blocking(Gate::Servers)?;
    let all = call.query.flag("all");
    let look = |state: &mut State| match (part, state.jobs.get(key)) {
        ("allocations", _) => allocations(state, key, all),
        ("evaluations", _) => {
            let mut evals: Vec<_> = state.evals_of(key).collect();
            evals.sort_by(|a, b| a.id.cmp(&b.id));
            let items = evals
                .into_iter()
                .map(|eval| go::encode(&documents::eval(eval)));
            Answer::list(items).read(state.tables.evals)
        }
        ("summary", None) => Answer::text(404, "job not found").read(state.tables.summaries),
        ("summary", Some(job)) => {
            let era = state.agent.rules.era;
            Answer::json(&documents::summary(key, job, era)).read(job.summary_index)
        }
        ("versions", None) => Answer::text(404, "job versions not found").read(state.tables.jobs),
        ("versions", Some(job)) => {
            let versions = std::iter::once(&job.doc).chain(&job.earlier);
            let mut body = json!({
                "Diffs": null,
                "Index": job.modify_index,
                "KnownLeader": true,
                "LastContact": 0,
                "Versions": versions.map(|doc| &**doc).collect::<Vec<_>>(),
            });
            state.agent.rules.era.add("reply", &mut body);
            Answer::json(&body).read(job.modify_index)
        }
        // There are no deployments.
        ("deployments", _) => Answer::list([]).read(0),
        _ => Answer::json(&Value::Null).read(0),
    };
    Ok(call.look(blocking, look).await)
}

/// Without `all`, allocations of an earlier job under the same ID are left
/// out.
fn allocations(state: &mut State, key: &JobKey, all: bool) -> Answer {
    let created = state.jobs.get(key).map(|job| job.create_index);
    let mut ids: Vec<String> = state
        .allocs_of(key)
        .filter(|alloc| all || created.is_none() || alloc.job_create_index() == created)
        .map(|alloc| alloc.id.clone())
        .collect();
    ids.sort();
    let items = ids.iter().filter_map(|id| {
        let alloc = state.allocs.get_mut(id)?;
        Some(documents::alloc_stub(alloc, &state.agent))
    });
    Answer::list(items).read(state.tables.allocs)
}

fn evaluate(call: &Call<'_>, key: &JobKey) -> Outcome {
    call.only(call.writes())?;
    let body = match call.body.is_empty() {
        true => Map::new(),
        false => decoded(call)?,
    };
    call.gate(Gate::Servers)?;
    let options = find(&body, "EvalOptions").and_then(Value::as_object);
    let force = options.and_then(|options| find(options, "ForceReschedule"));
    let force = force == Some(&Value::Bool(true));
    match call.locked(|state| state.evaluate_job(key, force)) {
        None => Err(Answer::text(500, "job not found")),
        Some(written) => Ok(wrote(
            &written,
            json!({"Warnings": ""}),
            call.shared.rules.era,
        )),
    }
}
