//! Changing a job without losing anybody's change.
//!
//! A change is made on the version that was read, and Nomad refuses it when the job
//! has another version by then. In that case the change is made again on the new
//! version, a bounded number of times; a caller who sent an index gets the conflict
//! instead. When the answer to a write was lost, the write is looked up in Nomad, so
//! that no change is made twice. Where Nomad's check is not atomic,
//! [`history`](super::history) does the rest.

use std::time::Duration;

use dtle_nomad::{self as nomad, Session};
use dtle_translate::register::Existing;
use dtle_translate::wire::JobVersion;
use dtle_translate::{Mark, MetaRecord};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::history::{Base, Standing};
use super::jobs::registered;
use super::locks::Locks;
use super::servers::Servers;
use crate::reply::Error;

/// How often a change is made when other writers change the job in between.
const ATTEMPTS: u64 = 8;

/// What is needed to change jobs.
#[derive(Clone, Copy)]
pub struct Writer<'a> {
    /// The cluster, for this request.
    pub nomad: &'a Session<'a>,
    /// One writer of a job at a time.
    pub locks: &'a Locks,
    /// The versions of jobs that are known to stand.
    pub standing: &'a Standing,
    /// What is remembered of the servers.
    pub servers: &'a Servers,
}

/// What is to become of a job.
pub enum Decision {
    /// It stays as it is.
    Keep,
    /// Nomad's own document, with some of its fields changed.
    Change(Map<String, Value>),
    /// Another document: that of a new job, or one that a caller has sent.
    Replace(Map<String, Value>),
}

/// Makes of the job that is registered under an ID, if any, what `decide` says. `once`:
/// the caller set the index, so that a change by somebody else is the caller's to handle.
/// Returns the Raft index of the write; `None` if the job stays as it is.
///
/// # Errors
/// Those of `decide`; 404 `job not found` for another tenant's job; 500 `Enforcing job
/// modify index …` when somebody else came between; 502 when it cannot be told whether
/// the write was made.
pub async fn change<F>(
    writer: Writer<'_>,
    id: &str,
    once: bool,
    decide: impl Fn(Option<Existing>) -> F,
) -> Result<Option<u64>, Error>
where
    F: Future<Output = Result<Decision, Error>>,
{
    let mut attempt = 1;
    let mut may_be_remembered = true;
    loop {
        let lock = writer.locks.lock(id).await;
        // What this process wrote last is mostly what is there. Nomad refuses the write
        // if it is not, and anything but a write is decided on what Nomad says now.
        let remembered = match std::mem::take(&mut may_be_remembered) {
            true => writer.standing.job(writer.nomad, id).await,
            false => None,
        };
        let is_remembered = remembered.is_some();
        let before = match remembered {
            Some(job) => Some(job),
            None => registered(writer.nomad, id).await?,
        };
        let base = before.as_ref().map(Base::of);
        let expected = base.map_or(0, |base| base.key.job_modify_index);
        let text = before
            .as_ref()
            .and_then(|b| MetaRecord::text(&b.document))
            .map(str::to_owned);
        let (mut document, is_nomads) = match decide(before).await {
            Ok(Decision::Change(document)) => (document, true),
            Ok(Decision::Replace(document)) => (document, false),
            _ if is_remembered => continue,
            Ok(Decision::Keep) => return Ok(None),
            Err(error) => return Err(error),
        };
        let decided = MetaRecord::text(&document);
        // Nomad restarts tasks whose Meta changed, and what changes nothing must not.
        let is_new = decided.is_some() && decided != text.as_deref();
        if is_remembered && !is_new {
            continue;
        }
        let name = is_new.then(|| mark(&mut document, expected));
        let mut write = Write {
            writer,
            id,
            base,
            expected,
            document,
            is_nomads,
            name,
        };
        match write.make().await? {
            Ok(index) => return Ok(Some(index)),
            Err(_) if is_remembered => continue,
            Err(text) if once || attempt == ATTEMPTS => return Err(Error::refused(text)),
            Err(_) => drop(lock),
        }
        // A random pause keeps writers that met here apart; it grows with each
        // attempt.
        let [random, ..] = Uuid::new_v4().into_bytes();
        tokio::time::sleep(Duration::from_millis(u64::from(random) * attempt / 8)).await;
        attempt += 1;
    }
}

/// Gives a document a mark that names the version it changes. Returns the mark's
/// name.
pub(super) fn mark(document: &mut Map<String, Value>, base: u64) -> String {
    let name = Uuid::new_v4().simple().to_string();
    let mut kept = MetaRecord::of_document(document);
    kept.mark = Some(Mark {
        base,
        name: name.clone(),
    });
    kept.put_into(document);
    // A tag stays with the version that an operator gave it to.
    document.remove("VersionTag");
    name
}

/// What 2.x says when the index of a job is not the expected one [072, 074].
#[must_use]
pub fn conflict(expected: u64, found: Option<u64>) -> String {
    match (expected, found) {
        (0, Some(_)) => "Enforcing job modify index 0: job already exists".to_owned(),
        (_, Some(found)) => format!(
            "Enforcing job modify index {expected}: job exists with conflicting job modify index: {found}"
        ),
        (_, None) => format!("Enforcing job modify index {expected}: job does not exist"),
    }
}

/// A document on its way to Nomad.
pub(super) struct Write<'a> {
    pub(super) writer: Writer<'a>,
    pub(super) id: &'a str,
    /// The version that it changes; `None` for a new job.
    pub(super) base: Option<Base>,
    /// The JobModifyIndex of that version, 0 for a new job.
    pub(super) expected: u64,
    pub(super) document: Map<String, Value>,
    /// Whether that is Nomad's own with some of its fields changed.
    pub(super) is_nomads: bool,
    /// The name of the document's mark; `None` where its Meta stays as it is.
    name: Option<String>,
}

impl Write<'_> {
    /// Makes the write. Returns its Raft index, or Nomad's text when there is a
    /// conflict.
    async fn make(&mut self) -> Result<Result<u64, String>, Error> {
        let nomad = self.writer.nomad;
        let (ours, index) = match nomad.register(&self.document, self.expected).await {
            Ok(answer) => (answer.job_modify_index, answer.index),
            Err(error) => match (self.landed(&error).await, error) {
                (Ok(Some(index)), _) => (index, index),
                (Ok(None), nomad::Error::Conflict { text, .. }) => return Ok(Err(text)),
                (Err(cause), nomad::Error::Conflict { .. }) => return Err(cause),
                (_, error) => return Err(error.into()),
            },
        };
        // A write that changed nothing has made no version. Then Nomad answers with the
        // job's JobModifyIndex, from 1.11.2 on with its ModifyIndex; the index of the
        // write is that of an evaluation, or the same.
        let has_changed = ours == index && ours != self.expected;
        if !has_changed || self.writer.servers.check_atomically(nomad).await {
            return Ok(Ok(index));
        }
        if self.follows_what_stands(ours).await {
            return Ok(Ok(index));
        }
        Ok(self.settle(ours).await?.map_or(Ok(index), Err))
    }

    /// The index of this write if Nomad applied it although the call failed.
    async fn landed(&self, error: &nomad::Error) -> Result<Option<u64>, Error> {
        if !error.is_in_doubt() {
            return Ok(None);
        }
        let Some(name) = &self.name else {
            // Without a mark, the job that is registered now decides.
            let now = registered(self.writer.nomad, self.id).await?;
            let now = now.filter(|now| now.runs_as(&self.document));
            return Ok(now.map(|now| now.job.job_modify_index));
        };
        let versions: Vec<JobVersion> = self.writer.nomad.job_versions(self.id).await?;
        let is_ours = |version: &&JobVersion| {
            let mark = MetaRecord::of_meta(&version.meta).mark;
            mark.is_some_and(|mark| mark.name == *name)
        };
        Ok(versions.iter().find(is_ours).map(|v| v.job_modify_index))
    }
}
