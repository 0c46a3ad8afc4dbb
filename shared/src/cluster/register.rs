//! Creating and updating a job, by any route that can.

use uuid::Uuid;

use super::layout::layout;
use super::writes::{Registered, Update};
use crate::edge::Context;
use crate::error::Error;
use crate::http::Reply;
use crate::translate::body::{Body, parse};
use crate::translate::register::{Registration, document};
use crate::translate::spec::{JobSpec, fault_of_id};
use crate::translate::status::{Look, first_look};
use crate::translate::{JobView, job, password};
use crate::v2::WriteReply;

/// The region of jobs that name none, as in 2.x.
const REGION: &str = "global";

/// Registers the job in the body. `path_id` is the ID that the path names.
///
/// # Errors
/// 400 with every fault of the body; 404 for Orders, and for a job of another
/// tenant; 500 when the index is not the one that the caller expects.
pub async fn register(context: &Context<'_>, path_id: Option<&str>) -> Result<Reply, Error> {
    let body = parse(&context.call.body).map_err(Error::bad_request)?;
    let index = match body {
        Body::Job(spec) => register_2x(context, path_id, spec).await?,
        Body::NomadJob { .. } => {
            return Err(Error::bad_request(
                "the body is a Nomad job; a dtle 2.x job with Name and Tasks is expected",
            ));
        }
    };
    Reply::write(context.call, index, &WriteReply::written(index))
}

async fn register_2x(
    context: &Context<'_>,
    path_id: Option<&str>,
    spec: JobSpec,
) -> Result<u64, Error> {
    if spec
        .orders
        .as_ref()
        .is_some_and(|orders| !orders.is_empty())
    {
        return Err(Error::not_found("order not found"));
    }
    let id = id_of(path_id, spec.id.as_deref())?;
    let settings = &context.app.settings;
    let region = context
        .call
        .query
        .get("region")
        .or(spec.region.as_deref())
        .or(settings.nomad.region.as_deref())
        .unwrap_or(REGION)
        .to_owned();
    let layout = layout(context).await?;
    let mut update = Update::new(context, &id, spec.enforce_index);
    loop {
        let before = update.read().await?;
        check_index(&spec, before.as_ref())?;
        let spec = with_passwords(&spec, before.as_ref())?;
        let document = document(&Registration {
            spec: &spec,
            id: &id,
            region: &region,
            layout,
            policy: &settings.policy,
            existing: before.as_ref().map(|before| &before.document),
            base: before
                .as_ref()
                .map_or(0, |before| before.job.job_modify_index),
        });
        if let Some(index) = update.write(document).await? {
            return Ok(index);
        }
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

/// 2.x's compare-and-set, in its words [072, 074].
fn check_index(spec: &JobSpec, before: Option<&Registered>) -> Result<(), Error> {
    if !spec.enforce_index {
        return Ok(());
    }
    let expected = spec.job_modify_index;
    let found = before.map(|before| before.job.job_modify_index);
    match (expected, found) {
        (0, None) => Ok(()),
        (0, Some(_)) => Err(Error::refused(
            "Enforcing job modify index 0: job already exists",
        )),
        (_, None) => Err(Error::refused(format!(
            "Enforcing job modify index {expected}: job does not exist"
        ))),
        (_, Some(found)) if found != expected => Err(Error::refused(format!(
            "Enforcing job modify index {expected}: job exists with conflicting job modify index: {found}"
        ))),
        _ => Ok(()),
    }
}

/// The job with the registered passwords where it has masked ones.
fn with_passwords(spec: &JobSpec, before: Option<&Registered>) -> Result<JobSpec, Error> {
    let mut spec = spec.clone();
    if password::masked(&spec).is_empty() {
        return Ok(spec);
    }
    if let Some(before) = before {
        let view = JobView::new(&before.job);
        // The status does not matter for a Config.
        let status = match first_look(&before.job, &Default::default()) {
            Look::Known(status) => status,
            _ => return Err(Error::refused("internal error")),
        };
        password::unmask(&mut spec, &job::to_v2(&view, &status));
    }
    let masked = password::masked(&spec);
    if masked.is_empty() {
        return Ok(spec);
    }
    Err(Error::bad_request(format!(
        "{}: `{}` stands for a password that is not shown, and none is registered here; send the password itself",
        masked.join(", "),
        password::MASK
    )))
}
