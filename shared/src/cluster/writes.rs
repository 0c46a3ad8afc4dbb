//! Changing a job without losing anybody's change.
//!
//! Every write carries the index it is based on. When somebody else came
//! between, the change is made again on what they left, a bounded number of
//! times, unless the caller set the index. An answer that got lost is settled by
//! reading the job back, so that no retry makes a change twice or undoes one.

use serde_json::{Map, Value};

use crate::edge::Context;
use crate::error::Error;
use crate::nomad::wire::Job;
use crate::nomad::{self, Session};
use crate::translate::register::Existing;
use crate::translate::{Kept, numbers};

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
    let job: Job =
        serde_json::from_value(Value::Object(document.value.clone())).map_err(|error| {
            Error::bad_gateway("Nomad sent an answer that cannot be read")
                .because(format!("{:?} in a job", error.classify()))
        })?;
    if !job.is_dtle() {
        // Word for word, and header for header, what an unknown job gets.
        return Err(Error::job_not_found());
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
            Ok(answer) => match self.verdict(answer.job_modify_index).await? {
                Verdict::Stands => Ok(Some(answer.index)),
                Verdict::Overwritten(by) => self.conflict(by),
                Verdict::Overwrote(them) => {
                    let by = number(&them, "JobModifyIndex");
                    self.give_back(them, answer.job_modify_index).await?;
                    self.conflict(by)
                }
            },
            Err(nomad::Error::Conflict { in_doubt, text }) => {
                // Perhaps the conflict is with our own first attempt.
                if in_doubt && let Some(index) = self.landed(&document).await? {
                    return Ok(Some(index));
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

    /// What a writer is told whose change did not hold: it may be made again, or
    /// the caller, who set the index, has to know.
    fn conflict(&self, found: u64) -> Result<Option<u64>, Error> {
        if self.once || self.attempts == ATTEMPTS {
            let expected = self.expected;
            return Err(Error::refused(format!(
                "Enforcing job modify index {expected}: job exists with conflicting job modify index: {found}"
            )));
        }
        Ok(None)
    }

    /// Nomad before 2.0.1 checks the index against a snapshot before it applies
    /// the write, so two writers at the same instant both pass. What came before
    /// and after our write tells whether that happened.
    async fn verdict(&self, ours: u64) -> Result<Verdict, Error> {
        let versions = match self.context.nomad.job_versions(self.id).await {
            Ok(versions) => versions,
            // Deleted already: nothing to hold.
            Err(nomad::Error::NotFound { .. }) => return Ok(Verdict::Stands),
            // The write was confirmed; that it cannot be looked at is no reason
            // to call it a failure.
            Err(error) => {
                tracing::warn!("a write is not read back: {error}");
                return Ok(Verdict::Stands);
            }
        };
        let index = |version: &Map<String, Value>| number(version, "JobModifyIndex");
        let next = versions
            .iter()
            .filter(|version| index(version) > ours)
            .min_by_key(|version| index(version));
        if let Some(next) = next
            && Kept::is_in_document(next)
            && Kept::of_document(next).base < ours
        {
            return Ok(Verdict::Overwritten(index(next)));
        }
        let between = versions
            .into_iter()
            .filter(|version| index(version) > self.expected && index(version) < ours)
            .max_by_key(index);
        Ok(between.map_or(Verdict::Stands, Verdict::Overwrote))
    }

    /// Puts back what our write pushed aside unseen. Somebody who has written
    /// since has seen ours and decides for himself.
    async fn give_back(&self, mut document: Map<String, Value>, ours: u64) -> Result<(), Error> {
        let mut kept = Kept::of_document(&document);
        kept.base = ours;
        if Kept::is_in_document(&document) {
            kept.put_into(&mut document);
        }
        match self
            .context
            .nomad
            .register(&Value::Object(document), ours)
            .await
        {
            Ok(_) | Err(nomad::Error::Conflict { .. }) => Ok(()),
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

/// What became of a write that Nomad confirmed.
enum Verdict {
    /// It holds, or was followed by changes that had seen it.
    Stands,
    /// A write that had not seen it came after it, at that index.
    Overwritten(u64),
    /// It came after a write that it had not seen: this one.
    Overwrote(Map<String, Value>),
}

fn number(document: &Map<String, Value>, key: &str) -> u64 {
    document.get(key).and_then(Value::as_u64).unwrap_or(0)
}
