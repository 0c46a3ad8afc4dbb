//! Changing a job without losing anybody's change.
//!
//! Every write carries the index it is based on. When somebody else came
//! between, the change is made again on what they left, a bounded number of
//! times, unless the caller set the index. An answer that got lost is settled by
//! reading the job back, so that no retry makes a change twice or undoes one.
//! After every write the job's versions are looked at: where Nomad's check let
//! two writes on one version pass, the first is put back in place, by whoever
//! sees it, and the author of the other is told. See [`history`].

use std::time::Duration;

use dtle_nomad::{self as nomad, Session};
use dtle_translate::register::Existing;
use dtle_translate::wire::{Job, JobVersion};
use dtle_translate::{MetaRecord, numbers};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::MutexGuard;
use uuid::Uuid;

use super::history::{Fate, history};
use crate::context::Context;
use crate::reply::Error;

/// How often a change is made anew because somebody else came between.
const ATTEMPTS: u32 = 8;
/// How often a job's versions are looked at until they are settled.
const LOOKS: u32 = 8;

/// How often the author of the newest version is left the time to give back what
/// it pushed aside.
const WAITS: u32 = 2;

fn random() -> u8 {
    let [random, ..] = Uuid::new_v4().into_bytes();
    random
}

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
        // Word for word, and header for header, what an unknown job gets.
        return Err(Error::job_not_found());
    }
    Ok(Some(Existing {
        document: document.value,
        job,
    }))
}

/// What 2.x says when the index of a job is not the expected one [072, 074].
#[must_use]
pub(super) fn conflict(expected: u64, found: Option<u64>) -> String {
    match (expected, found) {
        (0, Some(_)) => "Enforcing job modify index 0: job already exists".to_owned(),
        (_, Some(found)) => format!(
            "Enforcing job modify index {expected}: job exists with conflicting job modify index: {found}"
        ),
        (_, None) => format!("Enforcing job modify index {expected}: job does not exist"),
    }
}

/// A change of what is registered under an ID: read, decide, write; again from
/// the start when somebody else came between.
pub struct Update<'a> {
    context: &'a Context<'a>,
    id: &'a str,
    once: bool,
    attempts: u32,
    expected: u64,
    /// What was kept in Meta before.
    text: Option<String>,
    turn: Option<MutexGuard<'a, ()>>,
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
            text: None,
            turn: None,
        }
    }

    /// What is registered now.
    ///
    /// # Errors
    /// 404 `job not found` for another tenant's job.
    pub async fn read(&mut self) -> Result<Option<Existing>, Error> {
        if self.turn.is_none() {
            self.turn = self.context.app.turns.take(self.id).await;
        }
        let before = registered(&self.context.nomad, self.id).await?;
        self.expected = before
            .as_ref()
            .map_or(0, |before| before.job.job_modify_index);
        self.text = before
            .as_ref()
            .and_then(|before| MetaRecord::text_of_document(&before.document))
            .map(str::to_owned);
        Ok(before)
    }

    /// Registers a document instead of what was read. Returns the Raft index of
    /// the write, or `None` when somebody came between: read and decide again.
    ///
    /// # Errors
    /// 500 `Enforcing job modify index …` when that may not be tried again; 502
    /// when it cannot be told whether the write was made.
    pub async fn write(&mut self, mut document: Map<String, Value>) -> Result<Option<u64>, Error> {
        self.attempts += 1;
        let signature = self.sign(&mut document);
        match self.context.nomad.register(&document, self.expected).await {
            // It changed nothing, so Nomad made no version of it.
            Ok(answer) if answer.job_modify_index == self.expected => Ok(Some(answer.index)),
            Ok(answer) => self.settle(answer.job_modify_index, answer.index).await,
            Err(nomad::Error::Conflict { in_doubt, text }) => {
                // Perhaps the conflict is with our own first attempt.
                if in_doubt && let Some(index) = self.landed(&document, signature).await? {
                    return self.settle(index, index).await;
                }
                self.again(text).await
            }
            Err(error @ (nomad::Error::InDoubt { .. } | nomad::Error::Unreadable { .. })) => {
                match self.landed(&document, signature).await {
                    Ok(Some(index)) => self.settle(index, index).await,
                    _ => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes in Meta what the document is based on, and gives the write a name.
    /// A text that is the registered one is left as it is: Nomad restarts tasks
    /// whose Meta changed, and what changes nothing must not.
    fn sign(&self, document: &mut Map<String, Value>) -> Option<String> {
        let text = MetaRecord::text_of_document(document)?;
        if self.text.as_deref() == Some(text) {
            return None;
        }
        let name = Uuid::new_v4().simple().to_string();
        let mut kept = MetaRecord::of_document(document);
        kept.base = self.expected;
        kept.write = Some(name.clone());
        kept.again = None;
        kept.put_into(document);
        Some(name)
    }

    /// What a writer is told whose change did not hold: it may be made again, or
    /// the caller, who set the index, has to know.
    async fn again(&mut self, text: String) -> Result<Option<u64>, Error> {
        if self.once || self.attempts >= ATTEMPTS {
            return Err(Error::refused(text));
        }
        // Apart from the others that met here, the further the more often.
        self.turn = None;
        let pause = u64::from(random()) * u64::from(self.attempts) / 8;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        Ok(None)
    }

    /// Whether the write that was given the index `ours` stands. What a write
    /// pushed aside unseen is put back, ours or others', until the newest version
    /// stands.
    async fn settle(&mut self, ours: u64, index: u64) -> Result<Option<u64>, Error> {
        let nomad = &self.context.nomad;
        let mut fate = None;
        // What is given back is judged as anybody's: only its name tells what it is.
        let mut written = ours;
        let mut found = 0;
        let mut waits = 0;
        for _ in 0..LOOKS {
            let versions: Vec<JobVersion> = match nomad.job_versions(self.id).await {
                Ok(versions) => versions,
                // Deleted already: nothing to hold.
                Err(nomad::Error::NotFound { .. }) => break,
                // The write was confirmed; that it cannot be looked at is no
                // reason to call it a failure.
                Err(error) => {
                    tracing::warn!(cause = error.to_string(), "a write is not read back");
                    break;
                }
            };
            let Some(history) = history(&versions, written, self.expected) else {
                break;
            };
            found = history.standing;
            if history.fate == Fate::Revived {
                if history.newest == written {
                    nomad.deregister(self.id).await?;
                }
                fate = fate.or(Some(Fate::Revived));
                break;
            }
            let fate = fate.get_or_insert(history.fate);
            if history.standing == history.newest {
                break;
            }
            if history.newest != ours && waits < WAITS {
                // Its author gives back first: whoever does so makes a version, and
                // the first versions are forgotten.
                waits += 1;
                tokio::time::sleep(Duration::from_millis(50 + u64::from(random()) / 2)).await;
                continue;
            }
            match self.give_back(history.standing, history.newest).await {
                Ok(()) => written = 0,
                Err(error) if *fate == Fate::Stands => {
                    tracing::warn!(cause = error.to_string(), "a lost change is not given back");
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let expected = self.expected;
        match fate {
            None | Some(Fate::Stands) => Ok(Some(index)),
            Some(Fate::Lost) => self.again(conflict(expected, Some(found))).await,
            Some(Fate::Revived) => self.again(conflict(expected, None)).await,
        }
    }

    /// Registers an earlier version again in place of the newest, unless there is
    /// a newer one by then, or the earlier is gone.
    async fn give_back(&self, version: u64, newest: u64) -> Result<(), nomad::Error> {
        let nomad = &self.context.nomad;
        let versions: Vec<Map<String, Value>> = nomad.job_versions(self.id).await?;
        let Some(mut document) = versions.into_iter().find(|document| {
            document.get("JobModifyIndex").and_then(Value::as_u64) == Some(version)
        }) else {
            return Ok(());
        };
        let mut kept = MetaRecord::of_document(&document);
        if kept.write.is_some() {
            kept.base = newest;
            kept.again = Some(Uuid::new_v4().simple().to_string());
            kept.put_into(&mut document);
        }
        match nomad.register(&document, newest).await {
            Ok(_) | Err(nomad::Error::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The index that a write got whose answer was lost, if it was made.
    async fn landed(
        &self,
        written: &Map<String, Value>,
        signature: Option<String>,
    ) -> Result<Option<u64>, Error> {
        if signature.is_some() {
            let versions: Vec<JobVersion> = match self.context.nomad.job_versions(self.id).await {
                Ok(versions) => versions,
                Err(nomad::Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            return Ok(versions
                .iter()
                .filter(|version| MetaRecord::of_meta(&version.meta).write == signature)
                .map(|version| version.job_modify_index)
                .min());
        }
        // It changed nothing of what was kept: what is there tells.
        let Some(now) = registered(&self.context.nomad, self.id).await? else {
            return Ok(None);
        };
        let wanted: Job = serde_json::from_value(numbers::tidy(Value::Object(written.clone())))
            .unwrap_or_default();
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
