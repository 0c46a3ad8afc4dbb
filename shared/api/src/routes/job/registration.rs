//! Creating and updating a job, by any route that can.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use dtle_translate::body::{Body, BodyError, parse};
use dtle_translate::check;
use dtle_translate::register::{Existing, REGION, Registration, document};
use dtle_translate::spec::{JobSpec, LONGEST_ID, fault_of_id};
use dtle_translate::status::recorded;
use dtle_translate::v2::{Validation, WriteReply};
use dtle_translate::wire::{Job, Validated};
use dtle_translate::{JobView, Layout, job, nomad_job, password, validation};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::warnings::of_the_cluster;
use crate::cluster::jobs::{needed_consul, registered};
use crate::cluster::layout::layout;
use crate::cluster::writes::{Decision, change, conflict};
use crate::context::Context;
use crate::observe::Kind;
use crate::reply::{Error, Reply};

/// Registers the job in the body. `path_id` is the ID that the path names.
///
/// # Errors
/// 400 with every fault of the body; 404 for Orders, and for a job of another
/// tenant; 500 when the index is not the one that the caller expects.
pub(super) async fn register(context: &Context<'_>, path_id: Option<&str>) -> Result<Reply, Error> {
    let body = parse(&context.call.body).map_err(|error| Error::bad_request(error.to_string()))?;
    let written = match body {
        Body::Job(spec) => register_2x(context, path_id, spec).await?,
        Body::NomadJob {
            job,
            enforce_index,
            job_modify_index,
        } => {
            let index = enforce_index.then_some(job_modify_index);
            register_nomad(context, path_id, job, index).await?
        }
    };
    let index = written.index;
    let mut reply = Reply::write(context.call.style(), index, &WriteReply::written(index))?;
    if written.is_new {
        reply = reply.with_location(&format!("/v1/job/{}", written.id));
    }
    for warning in &written.warnings {
        reply = reply.with_warning(warning);
    }
    Ok(reply)
}

/// A job that was registered.
struct Written {
    /// The Raft index of the write.
    index: u64,
    /// The job's ID.
    id: String,
    /// Whether there was no such job before.
    is_new: bool,
    /// What the caller should know.
    warnings: Vec<String>,
}

async fn register_2x(
    context: &Context<'_>,
    path_id: Option<&str>,
    spec: JobSpec,
) -> Result<Written, Error> {
    if spec
        .orders
        .as_ref()
        .is_some_and(|orders| !orders.is_empty())
    {
        return Err(Error::order_not_found());
    }
    let id = id_of(path_id, spec.id.as_deref())?;
    let id_is_new = path_id.is_none() && spec.id.is_none();
    context.acts_on(Kind::Job, &id);
    let settings = &context.app.settings;
    let region = region_of(context, spec.region.as_deref()).await?;
    refuse_stored_progress(context, &id).await?;
    let layout = layout(
        context.app.settings.layout,
        &context.app.layouts,
        &context.nomad,
    )
    .await?;
    check_layout(&spec, layout)?;
    let expected = spec.enforce_index.then_some(spec.job_modify_index);
    let paused = context.call.query.flag("paused");
    let replaced = Mutex::new(None);
    let (spec, id, replaced) = (&spec, &id, &replaced);
    let index = change(
        context.writer(),
        id,
        spec.enforce_index,
        |mut before| async move {
            check_index(expected, before.as_ref())?;
            let spec = with_passwords(spec, before.as_ref())?;
            let document = document(Registration {
                spec: &spec,
                id,
                region,
                layout,
                policy: &settings.policy,
                existing: before.as_mut(),
                paused,
            });
            let is_new = before.is_none();
            *replaced.lock().unwrap_or_else(PoisonError::into_inner) = before.map(|b| b.job);
            Ok(match is_new {
                true => Decision::Replace(document),
                false => Decision::Change(document),
            })
        },
    );
    let index = index.await?.unwrap_or_default();
    let replaced = replaced
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let mut warnings = spec.warnings.clone();
    if id_is_new {
        warnings.push(format!(
            "the body has no ID, so the job got a new one, {id}: sent again it makes a second job"
        ));
    }
    warnings.extend(of_the_cluster(context, spec, id, replaced.as_ref(), false).await);
    Ok(Written {
        index,
        id: id.clone(),
        is_new: replaced.is_none(),
        warnings,
    })
}

/// What the cluster's generation of the plugin would refuse.
fn check_layout(spec: &JobSpec, layout: Layout) -> Result<(), Error> {
    if spec.tasks.iter().any(|task| !layout.has(task.driver)) {
        return Err(Error::bad_request(
            "Driver Oracle needs the dtle plugin 4.22.11 or later; the cluster's is older",
        ));
    }
    match check::of_layout(spec, layout) {
        faults if faults.is_empty() => Ok(()),
        faults => Err(Error::bad_request(faults.join("; "))),
    }
}

/// The ID of the path, of the body, or a new one.
fn id_of(path_id: Option<&str>, body_id: Option<&str>) -> Result<String, Error> {
    match (path_id, body_id) {
        (Some(path), Some(body)) if path != body => Err(Error::bad_request(format!(
            "the body's ID {body:?} is not the path's {path:?}"
        ))),
        (Some(id), _) => match fault_of_id(id) {
            Some(fault) => Err(Error::bad_request(fault)),
            None => Ok(id.to_owned()),
        },
        (None, Some(id)) => Ok(id.to_owned()),
        (None, None) => Ok(Uuid::new_v4().to_string()),
    }
}

/// With `?fresh=true`: progress that is stored under the ID would override the
/// Gtid of the job, so a job that must start where it says is refused instead.
async fn refuse_stored_progress(context: &Context<'_>, id: &str) -> Result<(), Error> {
    if !context.call.query.flag("fresh") {
        return Ok(());
    }
    let consul = needed_consul(context.reader(), "fresh=true").await?;
    let progress = consul.progress(id).await.map_err(|error| {
        Error::bad_gateway("Consul does not say whether progress is stored").because(error)
    })?;
    if progress.overrides() {
        return Err(Error::bad_request(format!(
            "progress is stored under the ID {id} and would override the job's own Gtid: DELETE /v1/job/{id}?forget=true removes it"
        )));
    }
    Ok(())
}

/// Forwards a job that is a Nomad job already, if it is dtle's.
async fn register_nomad(
    context: &Context<'_>,
    path_id: Option<&str>,
    document: Map<String, Value>,
    expected: Option<u64>,
) -> Result<Written, Error> {
    let mut faults: Vec<String> = Vec::new();
    let mut document = nomad_job::canonical(document, &mut faults);
    let job = Job::deserialize(&document).map_err(|error| {
        Error::bad_request(format!(
            "Job is no Nomad job ({:?} error in its fields)",
            error.classify()
        ))
    })?;
    let body_id = (!job.id.is_empty()).then_some(job.id.as_str());
    faults.extend(body_id.and_then(fault_of_id));
    if job.name.len() > LONGEST_ID {
        faults.push(format!("Name is longer than {LONGEST_ID} bytes"));
    }
    let namespace = context.app.nomad.namespace();
    if document
        .get("Namespace")
        .is_some_and(|named| !matches!(named.as_str(), Some("") | None) && named != namespace)
    {
        // Nomad would write there, and everything else here reads elsewhere.
        faults.push(format!(
            "Namespace is not {namespace:?}, the one that this API serves"
        ));
    }
    if document.get("Multiregion").is_some_and(|m| !m.is_null()) {
        // Nomad would send the job to the first region of the list.
        faults.push("Multiregion is not taken: a job is in one region".to_owned());
    }
    if !job.is_dtle() {
        faults.push("every task of the job must have the driver `dtle`".to_owned());
    }
    if !faults.is_empty() {
        return Err(Error::bad_request(faults.join("; ")));
    }
    let id = id_of(path_id, body_id)?;
    context.acts_on(Kind::Job, &id);
    document.insert("ID".to_owned(), json!(id));
    if job.name.is_empty() {
        document.insert("Name".to_owned(), json!(id));
    }
    let named = Some(job.region.as_str()).filter(|region| !region.is_empty());
    let region = region_of(context, named).await?.unwrap_or(REGION);
    document.insert("Region".to_owned(), json!(region));
    if job.datacenters.is_empty() {
        let datacenters = &context.app.settings.policy.datacenters;
        document.insert("Datacenters".to_owned(), json!(datacenters));
    }
    // Numbers and tags are a version's own, which this will not be.
    document.retain(|key, _| !matches!(key.as_str(), "Version" | "VersionTag"));
    if context.call.query.flag("paused") {
        stand_still(&mut document);
    }
    let is_new = AtomicBool::new(false);
    let (id, job, document, is_new) = (&id, &job, &document, &is_new);
    let index = change(
        context.writer(),
        id,
        expected.is_some(),
        |before| async move {
            check_index(expected, before.as_ref())?;
            check_name(&job.name, id, before.as_ref())?;
            is_new.store(before.is_none(), Ordering::Relaxed);
            Ok(Decision::Replace(document.clone()))
        },
    );
    Ok(Written {
        index: index.await?.unwrap_or_default(),
        id: id.clone(),
        is_new: is_new.load(Ordering::Relaxed),
        warnings: Vec::new(),
    })
}

/// With `?paused=true`: no group of the job runs until it is resumed.
fn stand_still(document: &mut Map<String, Value>) {
    let groups = document.get_mut("TaskGroups").and_then(Value::as_array_mut);
    for group in groups
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        group.insert("Count".to_owned(), json!(0));
    }
}

/// The plugin keeps progress under the Name, and `?forget=true` removes it: under
/// another job's Name it would be that job's. One that others gave stays.
fn check_name(name: &str, id: &str, before: Option<&Existing>) -> Result<(), Error> {
    let known = before.is_some_and(|before| before.job.name == name);
    if name.is_empty() || name == id || known {
        return Ok(());
    }
    Err(Error::bad_request(
        "Name is not the ID: the dtle plugin keeps a job's progress under its Name, so that two jobs of one Name would corrupt each other",
    ))
}

/// The name of the region that a job is written to, which its calls then go to;
/// `None` when it is the agent's own and has no name here.
async fn region_of<'a>(
    context: &'a Context<'_>,
    named: Option<&str>,
) -> Result<Option<&'a str>, Error> {
    let region = context.nomad.region_of_job(named).await?;
    Ok(region.or(context.app.settings.nomad.region.as_deref()))
}

/// 2.x's compare-and-set. Without an index everything
/// is as expected.
fn check_index(expected: Option<u64>, before: Option<&Existing>) -> Result<(), Error> {
    let found = before.map(|before| before.job.job_modify_index);
    match expected {
        Some(expected) if expected != found.unwrap_or(0) => {
            Err(Error::refused(conflict(expected, found)))
        }
        _ => Ok(()),
    }
}

/// The job with the registered passwords where it has masked ones.
fn with_passwords<'a>(
    spec: &'a JobSpec,
    before: Option<&Existing>,
) -> Result<Cow<'a, JobSpec>, Error> {
    if password::masked(spec).is_empty() {
        return Ok(Cow::Borrowed(spec));
    }
    let mut spec = spec.clone();
    if let Some(before) = before {
        let view = JobView::new(&before.job);
        password::unmask(&mut spec, &job::to_v2(&view, &recorded(&before.job)));
    }
    let masked = password::masked(&spec);
    if masked.is_empty() {
        return Ok(Cow::Owned(spec));
    }
    Err(Error::bad_request(format!(
        "{}: `{}` stands for a password that is not shown, and none is registered here; send the password itself",
        masked.join(", "),
        password::MASK
    )))
}

/// Checks the job in the body as far as that goes without its databases.
///
/// # Errors
/// 400 for a body that is no JSON object.
pub(super) async fn validate(context: &Context<'_>) -> Result<Validation, Error> {
    let failed = |error: String| Validation {
        driver_config_validated: false,
        error,
        validation_tasks: Vec::new(),
        warnings: Vec::new(),
    };
    let spec = match parse(&context.call.body) {
        Ok(Body::Job(spec)) => spec,
        Ok(Body::NomadJob { .. }) => {
            return Err(Error::bad_request(
                "the body is a Nomad job; a bare dtle 2.x job is expected",
            ));
        }
        Err(BodyError::Syntax(fault)) => return Err(Error::bad_request(fault)),
        Err(BodyError::Faults(faults)) => return Ok(failed(faults)),
    };
    let id = spec
        .id
        .clone()
        .unwrap_or_else(|| Uuid::new_v4().to_string());
    if let Some(id) = &spec.id {
        context.acts_on(Kind::Job, id);
    }
    let region = region_of(context, spec.region.as_deref()).await?;
    if let Err(error) = refuse_stored_progress(context, &id).await {
        return Ok(failed(error.message().to_owned()));
    }
    let layout = layout(
        context.app.settings.layout,
        &context.app.layouts,
        &context.nomad,
    )
    .await?;
    if let Err(error) = check_layout(&spec, layout) {
        return Ok(failed(error.message().to_owned()));
    }
    let document = document(Registration {
        spec: &spec,
        id: &id,
        region,
        layout,
        policy: &context.app.settings.policy,
        existing: None,
        paused: false,
    });
    let answer = context.nomad.validate(&document).await?;
    let mut warnings = spec.warnings.clone();
    let registered = match &spec.id {
        Some(id) => registered(&context.nomad, id).await.ok().flatten(),
        None => {
            warnings.push("the body has no ID: each time it is sent it makes a new job".to_owned());
            None
        }
    };
    let before = registered.as_ref().map(|registered| &registered.job);
    warnings.extend(of_the_cluster(context, &spec, &id, before, true).await);
    Ok(Validation {
        driver_config_validated: answer.driver_config_validated,
        error: one_line(&answer),
        validation_tasks: spec.tasks.iter().map(validation::of_task).collect(),
        warnings,
    })
}

fn one_line(answer: &Validated) -> String {
    if answer.validation_errors.is_empty() {
        answer.error.trim().to_owned()
    } else {
        answer.validation_errors.join("; ")
    }
}
