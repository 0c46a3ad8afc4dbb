//! One job with its status.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use dtle_nomad::{self as nomad, QueryMeta, Read, ReadOptions, Table};
use dtle_translate::progress::Progress;
use dtle_translate::wire::{Job, JobStub, JobSummary, JobVersionKey};

use super::cache::Remembered;
use super::{CROWD, Heard, KnownJob, Reader, progress, status};
use crate::cluster::lists::{Kept, Question, Tables};
use crate::reply::{Error, Rendered, text};

/// A job and its counts.
type Counted = (Job, JobSummary);

/// What a cheap question to Nomad says of a job that is remembered.
struct Look {
    known: Remembered,
    seen: Seen,
    progress: Heard<Progress>,
}

/// Nomad's answer to a cheap question about a remembered job.
enum Seen {
    /// Its list of the jobs whose ID begins with the job's: the entry says whether the
    /// job has changed and has its counts, and is smaller than the job.
    Stubs(Read<Bytes>),
    /// The index of its lists of jobs, where many IDs begin with the job's.
    Index(Option<QueryMeta>),
}

/// A dtle job. The job of another tenant is answered like an unknown job.
///
/// # Errors
/// 404 `job not found`.
pub async fn one(
    reader: Reader<'_>,
    id: &str,
    options: &ReadOptions,
) -> Result<Read<KnownJob>, Error> {
    let plain = &options.plain();
    if let Some(look) = look(reader, id, options).await?
        && let Some(found) = counted(reader, &look, id).await?
    {
        return with_status(reader, found, look.progress, plain).await;
    }
    let found = asked(reader, id, options).await?;
    let progress = progress(reader, &found.value.0.name).await;
    with_status(reader, found, progress, plain).await
}

/// A job as JSON, and whether Consul was heard about it.
type Answered = (Read<Arc<Rendered>>, Heard<()>);

/// The same as JSON on one line, which is not written again while Nomad's answer to
/// the cheap question is the same.
///
/// # Errors
/// 404 `job not found`.
pub async fn written(
    reader: Reader<'_>,
    id: &str,
    options: &ReadOptions,
) -> Result<Answered, Error> {
    let render = |job: &KnownJob| -> Result<Arc<Rendered>, Error> {
        let job = text(&job.to_v2(reader.mask_passwords))?;
        Ok(Arc::new(Rendered::new(job)))
    };
    let plain = &options.plain();
    let question = Question {
        route: "job-get",
        region: reader.nomad.region().await?.map(str::to_owned),
        id: id.to_owned(),
        all: false,
    };
    if options.may_be_kept()
        && let Some(answer) = unchanged(reader, &question).await?
    {
        return Ok(answer);
    }
    let Some(look) = look(reader, id, options).await? else {
        let found = asked(reader, id, options).await?;
        let progress = progress(reader, &found.value.0.name).await;
        let job = with_status(reader, found, progress, plain).await?;
        let text = render(&job.value)?;
        let heard = job.value.heard();
        return Ok((job.map(|_| text), heard));
    };
    let singles = &reader.cache.singles;
    let (seen, meta) = match &look.seen {
        Seen::Stubs(stubs) => (Some(&stubs.value), stubs.meta),
        Seen::Index(meta) => (None, *meta),
    };
    if options.may_be_kept() {
        reader.cache.tell(&question, meta);
    }
    let tables: Option<Tables> = meta.map(|meta| vec![(Table::Jobs, meta.index)]);
    let beside = singles.hash(&look.progress);
    let made_of = singles.hash(&(seen, &look.progress));
    if let Some(last) = singles.made_of(&question, made_of)
        && (seen.is_some() || tables.is_some() && last.tables() == tables.as_ref())
    {
        if last.tables() != tables.as_ref() && options.may_be_kept() {
            let again = Kept::clone(&last).read_from(tables);
            singles.insert(&question, Arc::new(again));
        }
        let meta = meta.map(|meta| QueryMeta {
            // A list carries the index of all jobs, a job its own.
            index: last.index,
            ..meta
        });
        let value = Arc::clone(&last.text);
        return Ok((Read { value, meta }, look.progress.map(|_| ())));
    }
    let found = match counted(reader, &look, id).await? {
        Some(found) => found,
        None => asked(reader, id, plain).await?,
    };
    let job = with_status(reader, found, look.progress, plain).await?;
    let text = render(&job.value)?;
    let heard = job.value.heard();
    // A status that took further calls may change while what was seen stays the same.
    // What was seen by a stale read and the job may be of two servers.
    if job.value.told && options.may_be_kept() {
        let kept = Kept {
            index: job.value.job.modify_index,
            beside,
            ..Kept::new(Arc::clone(&text), made_of)
        };
        singles.insert(&question, Arc::new(kept.read_from(tables)));
    }
    Ok((job.map(|_| text), heard))
}

/// The answer that was written last, if Nomad's index of the jobs is what it was then.
/// It is asked for only while no other answer has shown a newer one: where jobs change
/// all the time, one call more for each change would be wasted, and no more than that.
async fn unchanged(reader: Reader<'_>, question: &Question) -> Result<Option<Answered>, Error> {
    let singles = &reader.cache.singles;
    let Some(last) = singles.last(question) else {
        return Ok(None);
    };
    let newest = reader.cache.jobs_index(question);
    let is_newest = |tables: &Tables| tables.first() == Some(&(Table::Jobs, newest));
    let name = reader
        .cache
        .last_job(question.region.as_deref(), &question.id);
    let Some(known) = name.filter(|_| last.tables().is_some_and(is_newest)) else {
        return Ok(None);
    };
    let (meta, progress) = tokio::join!(last.holds(reader.nomad), progress(reader, &known.name));
    let Some(meta) = meta?.filter(|_| singles.hash(&progress) == last.beside) else {
        return Ok(None);
    };
    let read = Read {
        value: Arc::clone(&last.text),
        meta: Some(QueryMeta {
            index: last.index,
            ..meta
        }),
    };
    Ok(Some((read, progress.map(|_| ()))))
}

/// A dtle job as it is now, without its status. One that is remembered is only read where
/// somebody needs more than its version.
pub struct Unread(Remembered);

impl Unread {
    /// Its version.
    #[must_use]
    pub const fn version(&self) -> JobVersionKey {
        self.0.version
    }

    /// The job. Its ModifyIndex and its Status are those of the time when it was
    /// remembered.
    ///
    /// # Errors
    /// 502 when it is not what was remembered, which cannot be.
    pub fn read(&self) -> Result<Job, Error> {
        let job = self.0.job();
        job.ok_or_else(|| Error::bad_gateway("a remembered job cannot be read"))
    }
}

/// A dtle job without its status, remembered if Nomad's index allows.
///
/// # Errors
/// 404 `job not found`.
pub async fn without_status(
    reader: Reader<'_>,
    id: &str,
    options: &ReadOptions,
) -> Result<Unread, Error> {
    // Its progress is not asked for.
    let alone = Reader {
        consul: None,
        ..reader
    };
    if let Some(look) = look(alone, id, options).await?
        && entry(reader, &look, id).await?.is_some()
    {
        return Ok(Unread(look.known));
    }
    let job = reader.nomad.job(id, options).await;
    let job = job.map_err(|error| Error::or_not_found(error, "job not found"))?;
    if !job.value.is_dtle() {
        return Err(Error::job_not_found().with_meta(job.meta));
    }
    let region = reader.nomad.region().await?;
    Ok(Unread(reader.cache.insert_job(region, &job.value)))
}

/// Asks the cheap question about a job, if the job is remembered and the caller does
/// not wait for something new.
async fn look(reader: Reader<'_>, id: &str, options: &ReadOptions) -> Result<Option<Look>, Error> {
    let cache = reader.cache;
    let region = reader.nomad.region().await?;
    if options.index.is_some() {
        return Ok(None);
    }
    let known = cache.last_job(region, id);
    // The cache holds other tenants' jobs too, so that they are not read again, and
    // jobs with a slash in their ID, which no path leads to.
    let Some(known) = known.filter(|job| job.is_dtle() && !id.contains('/')) else {
        return Ok(None);
    };
    let progress = progress(reader, &known.name);
    if cache.is_crowded(region, id) {
        if options.stale {
            return Ok(None);
        }
        let (meta, progress) = tokio::join!(reader.nomad.index(Table::Jobs), progress);
        let seen = match meta {
            Ok(meta) => Seen::Index(meta),
            // Nomad's token may be allowed to read jobs and not to list them.
            Err(nomad::Error::Forbidden { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        return Ok(Some(Look {
            known,
            seen,
            progress,
        }));
    }
    let prefix = ReadOptions {
        prefix: Some(id.to_owned()),
        ..options.plain()
    };
    let (stubs, progress) = tokio::join!(reader.nomad.jobs_text(&prefix), progress);
    let seen = match stubs {
        Ok(stubs) => Seen::Stubs(stubs),
        Err(nomad::Error::Forbidden { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Look {
        known,
        seen,
        progress,
    }))
}

/// The list entry of the remembered job, if there is one and it says that the job has
/// not changed and was not deleted.
async fn entry(reader: Reader<'_>, look: &Look, id: &str) -> Result<Option<Read<JobStub>>, Error> {
    let Seen::Stubs(list) = &look.seen else {
        return Ok(None);
    };
    let stubs = nomad::stubs(&list.value)?;
    if stubs.len() > CROWD {
        let region = reader.nomad.region().await?;
        reader.cache.insert_crowd(region, id);
    }
    let stub = stubs.into_iter().find(|stub| stub.id == id);
    let stub = stub.filter(|stub| stub.version() == look.known.version);
    let meta = list.meta;
    Ok(stub.map(|value| Read { value, meta }))
}

/// The remembered job with its counts, if its list entry says that it has not changed.
async fn counted(
    reader: Reader<'_>,
    look: &Look,
    id: &str,
) -> Result<Option<Read<Counted>>, Error> {
    let stub = entry(reader, look, id).await?;
    let Some((Read { value: stub, meta }, mut job)) = stub.zip(look.known.job()) else {
        return Ok(None);
    };
    job.modify_index = stub.modify_index;
    job.status = stub.status;
    Ok(Some(Read {
        meta: meta.map(|meta| QueryMeta {
            index: stub.modify_index,
            ..meta
        }),
        value: (job, stub.job_summary.unwrap_or_default()),
    }))
}

/// A job and its counts, read from Nomad.
async fn asked(
    reader: Reader<'_>,
    id: &str,
    options: &ReadOptions,
) -> Result<Read<Counted>, Error> {
    let plain = options.plain();
    let nomad = reader.nomad;
    let (job, summary) = if options.index.is_some() {
        // The counts must not be older than what the caller waited for.
        let job = nomad.job(id, options).await;
        (job, nomad.job_summary(id, &plain).await)
    } else {
        tokio::join!(nomad.job(id, &plain), nomad.job_summary(id, &plain))
    };
    let job = job.map_err(|error| Error::or_not_found(error, "job not found"))?;
    if !job.value.is_dtle() {
        return Err(Error::job_not_found().with_meta(job.meta));
    }
    let summary = match summary {
        Ok(summary) => summary.value,
        // The job was deleted between the two calls: it is shown as it was.
        Err(nomad::Error::NotFound { .. }) => JobSummary::default(),
        Err(error) => return Err(error.into()),
    };
    let cache = reader.cache;
    cache.insert_job(nomad.region().await?, &job.value);
    Ok(job.map(|job| (job, summary)))
}

async fn with_status(
    reader: Reader<'_>,
    found: Read<Counted>,
    progress: Heard<Progress>,
    plain: &ReadOptions,
) -> Result<Read<KnownJob>, Error> {
    let Read {
        value: (job, summary),
        meta,
    } = found;
    let looks = AtomicUsize::new(1);
    let (status, told) = status(reader, &job, &summary, plain, &looks).await?;
    Ok(Read {
        value: KnownJob {
            job: Arc::new(job),
            status,
            told,
            progress,
        },
        meta,
    })
}
