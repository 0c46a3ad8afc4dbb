//! Changing a job without losing anybody's change.
//!
//! Every write carries the index it is based on. When somebody else came
//! between, the change is made again on what they left, a bounded number of
//! times, unless the caller set the index. An answer that got lost is settled by
//! reading the job back, so that no retry makes a change twice or undoes one.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::edge::Context;
use crate::error::Error;
use crate::nomad::wire::Job;
use crate::nomad::{self, Session};
use crate::translate::numbers;
use crate::translate::register::Existing;

/// How often a change is made anew because somebody else came between.
const ATTEMPTS: u32 = 5;

/// What is registered under an ID; `None` for nothing.
///
/// # Errors
/// 404 `job not found` for another tenant's job.
pub async fn registered(nomad: &Session<'_>, id: &str) -> Result<Option<Existing>, Error> {
    let document = match nomad.job_document(id).await {
        Ok(answer) => answer,
        Err(nomad::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let job = Job::deserialize(&document.value).map_err(|error| {
        Error::bad_gateway("Nomad sent an answer that cannot be read")
            .because(format!("{:?} in a job", error.classify()))
    })?;
    if !job.is_dtle() {
        return Err(Error::job_not_found().with_meta(document.meta));
    }
    Ok(Some(Existing {
        document: document.value,
        job,
    }))
}

/// A change of what is registered under an ID: read, decide, write; again from
/// the start when somebody else came between.
pub struct Update<'a> {
    context: &'a Context<'a>,
    id: &'a str,
    once: bool,
    attempts: u32,
    expected: u64,
}

impl<'a> Update<'a> {
    /// A change of the job of that ID. `once`: the caller set the index, so that
    /// a change by somebody else is the caller's to handle.
    #[must_use]
    pub fn new(context: &'a Context<'a>, id: &'a str, once: bool) -> Self {
        Self {
            context,
            id,
            once,
            attempts: 0,
            expected: 0,
        }
    }

    /// What is registered now.
    ///
    /// # Errors
    /// 404 `job not found` for another tenant's job.
    pub async fn read(&mut self) -> Result<Option<Existing>, Error> {
        let before = registered(&self.context.nomad, self.id).await?;
        self.expected = before
            .as_ref()
            .map_or(0, |before| before.job.job_modify_index);
        Ok(before)
    }

    /// Registers a document instead of what was read. Returns the Raft index of
    /// the write, or `None` when somebody came between: read and decide again.
    ///
    /// # Errors
    /// 500 `Enforcing job modify index …` when that may not be tried again; 502
    /// when it cannot be told whether the write was made.
    pub async fn write(&mut self, document: Map<String, Value>) -> Result<Option<u64>, Error> {
        self.attempts += 1;
        let last = self.once || self.attempts == ATTEMPTS;
        let document = Value::Object(document);
        match self.context.nomad.register(&document, self.expected).await {
            Ok(answer) => Ok(Some(answer.index)),
            Err(nomad::Error::Conflict { in_doubt, text }) => {
                // Perhaps the conflict is with our own first attempt.
                if in_doubt {
                    if let Some(index) = self.landed(&document).await? {
                        return Ok(Some(index));
                    }
                }
                if last {
                    Err(Error::refused(text))
                } else {
                    Ok(None)
                }
            }
            Err(error @ nomad::Error::InDoubt { .. }) => match self.landed(&document).await {
                Ok(Some(index)) => Ok(Some(index)),
                _ => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// The index of what is registered now, if it is what was to be written.
    async fn landed(&self, written: &Value) -> Result<Option<u64>, Error> {
        let Some(now) = registered(&self.context.nomad, self.id).await? else {
            return Ok(None);
        };
        let wanted: Job =
            serde_json::from_value(numbers::tidy(written.clone())).unwrap_or_default();
        let document = numbers::tidy(Value::Object(now.document));
        let found: Job = serde_json::from_value(document).unwrap_or_default();
        let same = wanted.meta == found.meta
            && wanted.task_groups.len() == found.task_groups.len()
            && wanted
                .task_groups
                .iter()
                .zip(&found.task_groups)
                .all(|(a, b)| a.count == b.count && a.tasks == b.tasks);
        Ok(same.then_some(found.job_modify_index))
    }
}
