//! Jobs with their status, a single job or all of them, with as few calls to Nomad
//! as a correct answer allows.

mod cache;

use std::collections::BTreeMap;
use std::sync::Arc;

use dtle_nomad::{self as nomad, QueryMeta, Read, ReadOptions, Session};
use dtle_translate::progress::Progress;
use dtle_translate::register::Existing;
use dtle_translate::status::{Look, Status, first_look, needs_evaluations, recorded, settle};
use dtle_translate::v2;
use dtle_translate::wire::{AllocationStub, Evaluation, Job, JobStub, JobSummary};
use dtle_translate::{JobView, job, password};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use self::cache::{EntrySources, ListSources};
use super::lists::Question;
use crate::outbound::consul::Consul;
use crate::reply::{Error, text};

pub use self::cache::Cache;

/// How many jobs are read at the same time for a list.
const AT_ONCE: usize = 8;

/// When more jobs than this have an ID that begins with the ID of a job, that job is
/// read by itself: the list of all of them would cost more than it saves.
const CROWD: usize = 16;

/// What is needed to read jobs.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The cluster, for this request.
    pub nomad: &'a Session<'a>,
    /// What is remembered of jobs.
    pub cache: &'a Cache,
    /// The Consul in which the plugin keeps its progress, if an address was given.
    pub consul: Option<&'a Consul>,
    /// Whether passwords are masked in single jobs too.
    pub mask_passwords: bool,
}

/// A dtle job with its status.
pub struct KnownJob {
    /// The job as Nomad has it now.
    pub job: Arc<Job>,
    /// Its 2.x status.
    pub status: Status,
    /// Whether the job and its counts decided the status, without a further call.
    told: bool,
    /// The progress of the replication, as far as it is known.
    pub progress: Progress,
}

impl KnownJob {
    /// The job in 2.x's shape, with its passwords unless they are to be masked
    /// everywhere.
    #[must_use]
    pub fn to_v2(&self, mask_passwords: bool) -> v2::Job {
        let mut job = job::to_v2(&JobView::new(&self.job), &self.status);
        self.progress.show_in(&mut job);
        if mask_passwords {
            password::mask(&mut job);
        }
        job
    }

    /// The job's entry in a list, as JSON, with its passwords masked. The entry is
    /// written again only when something in it changes.
    ///
    /// # Errors
    /// As [`Reply::json`](crate::reply::Reply::json).
    pub async fn to_entry(
        &self,
        reader: Reader<'_>,
        region: Option<&str>,
    ) -> Result<Arc<str>, Error> {
        let cache = reader.cache;
        let sources = EntrySources {
            job_modify_index: self.job.job_modify_index,
            modify_index: self.job.modify_index,
            status: self.status.clone(),
            progress: self.progress.clone(),
        };
        if let Some(entry) = cache.entry(region, &self.job.id, &sources).await {
            return Ok(entry);
        }
        let entry: Arc<str> = text(&job::to_stub(self.to_v2(reader.mask_passwords)))?.into();
        let id = &self.job.id;
        cache.insert_entry(region, id, sources, &entry).await;
        Ok(entry)
    }
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
    let plain = options.plain();
    let known = match options.index {
        None => remembered(reader, id, &plain).await?,
        Some(_) => None,
    };
    let Read {
        value: (job, summary),
        meta,
    } = match known {
        Some(known) => known,
        None => asked(reader, id, options).await?,
    };
    let (status, progress) = tokio::join!(
        status(reader, &job, &summary, &plain),
        progress(reader, &job)
    );
    let (status, told) = status?;
    Ok(Read {
        value: KnownJob {
            job,
            status,
            told,
            progress,
        },
        meta,
    })
}

/// A remembered job, if Nomad still has it unchanged. Nomad's list entry for the job
/// says so and has the counts too, in an answer smaller than the job.
async fn remembered(
    reader: Reader<'_>,
    id: &str,
    plain: &ReadOptions,
) -> Result<Option<Read<(Arc<Job>, JobSummary)>>, Error> {
    let cache = reader.cache;
    let region = reader.nomad.region().await?;
    let known = cache.last_job(region, id).await;
    // The cache holds other tenants' jobs too, so that they are not read again, and
    // jobs with a slash in their ID, which no path leads to.
    let Some(known) = known.filter(|job| job.is_dtle() && !id.contains('/')) else {
        return Ok(None);
    };
    if cache.is_crowded(region, id).await {
        return Ok(None);
    }
    let options = ReadOptions {
        prefix: Some(id.to_owned()),
        ..plain.clone()
    };
    let stubs = match reader.nomad.jobs(&options).await {
        Ok(stubs) => stubs,
        // Nomad's token may be allowed to read jobs and not to list them.
        Err(nomad::Error::Forbidden { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if stubs.value.len() > CROWD {
        cache.insert_crowd(region, id).await;
    }
    let stub = stubs.value.into_iter().find(|stub| stub.id == id);
    // A job that was changed or deleted has to be read.
    Ok(stub
        .filter(|stub| stub.job_modify_index == known.job_modify_index)
        .map(|mut stub| Read {
            meta: stubs.meta.map(|meta| QueryMeta {
                // A list carries the index of all jobs, a job its own.
                index: stub.modify_index,
                ..meta
            }),
            value: (
                as_of(known, &stub),
                stub.job_summary.take().unwrap_or_default(),
            ),
        }))
}

/// A job and its counts, read from Nomad.
async fn asked(
    reader: Reader<'_>,
    id: &str,
    options: &ReadOptions,
) -> Result<Read<(Arc<Job>, JobSummary)>, Error> {
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
    let job = job.map(Arc::new);
    let cache = reader.cache;
    cache.insert_job(nomad.region().await?, &job.value).await;
    Ok(job.map(|job| (job, summary)))
}

/// The Consul that has the progress of this request's jobs. The gateway knows the
/// Consul of its own region only: a job of another region may have the same Name,
/// and has its progress in another Consul.
pub async fn consul(reader: Reader<'_>) -> Option<&Consul> {
    let consul = reader.consul?;
    let is_own = matches!(reader.nomad.region().await, Ok(None));
    is_own.then_some(consul)
}

/// The Consul for a request that is pointless without it; `what` names what needs
/// it.
///
/// # Errors
/// 400 when no address is set, or the request is for another region.
pub async fn needed_consul<'a>(reader: Reader<'a>, what: &str) -> Result<&'a Consul, Error> {
    if reader.consul.is_none() {
        return Err(Error::bad_request(format!(
            "{what} needs the gateway to know Consul: CONSUL_HTTP_ADDR is not set"
        )));
    }
    // A region that may not be named is refused as such.
    reader.nomad.region().await?;
    consul(reader).await.ok_or_else(|| {
        Error::bad_request(format!(
            "{what} needs the Consul of the job's region; the gateway knows that of its own region"
        ))
    })
}

/// The progress of a job. When Consul fails, the job is shown as it was registered.
async fn progress(reader: Reader<'_>, job: &Job) -> Progress {
    let Some(consul) = consul(reader).await else {
        return Progress::default();
    };
    consul.progress(&job.name).await.unwrap_or_else(|error| {
        tracing::warn!(cause = error.to_string(), "progress is not shown");
        Progress::default()
    })
}

async fn all_progress(reader: Reader<'_>) -> BTreeMap<String, Progress> {
    let Some(consul) = consul(reader).await else {
        return BTreeMap::new();
    };
    consul.all_progress().await.unwrap_or_else(|error| {
        tracing::warn!(cause = error.to_string(), "progress is not shown");
        BTreeMap::new()
    })
}

/// A dtle job without its status, remembered if Nomad's index allows.
///
/// # Errors
/// 404 `job not found`.
pub async fn without_status(
    reader: Reader<'_>,
    id: &str,
    options: &ReadOptions,
) -> Result<Arc<Job>, Error> {
    if let Some(known) = remembered(reader, id, options).await? {
        return Ok(known.value.0);
    }
    let job = reader
        .nomad
        .job(id, options)
        .await
        .map_err(|error| Error::or_not_found(error, "job not found"))?;
    if !job.value.is_dtle() {
        return Err(Error::job_not_found().with_meta(job.meta));
    }
    let job = Arc::new(job.value);
    let region = reader.nomad.region().await?;
    reader.cache.insert_job(region, &job).await;
    Ok(job)
}

/// The job that is registered under an ID, for changing it and writing it back;
/// `None` when there is none. Its Version is left out, because Nomad numbers
/// versions itself and from 2.0 on would take the one in the document.
///
/// # Errors
/// 404 `job not found` for another tenant's job.
pub async fn registered(nomad: &Session<'_>, id: &str) -> Result<Option<Existing>, Error> {
    let mut document = match nomad.job_document(id).await {
        Ok(answer) => answer.value,
        Err(nomad::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    document.remove("Version");
    let job = Job::deserialize(&document).map_err(|error| {
        Error::bad_gateway("Nomad sent an answer that cannot be read")
            .because(format!("{:?} in a job", error.classify()))
    })?;
    if !job.is_dtle() {
        // The answer must not differ from that for an unknown job.
        return Err(Error::job_not_found());
    }
    Ok(Some(Existing { document, job }))
}

/// All dtle jobs, sorted by ID.
///
/// # Errors
/// As Nomad's.
pub async fn all(reader: Reader<'_>, options: &ReadOptions) -> Result<Read<Vec<KnownJob>>, Error> {
    let stubs = reader.nomad.jobs(options).await?;
    // After the wait of a blocking query, not before.
    let progress = all_progress(reader).await;
    Ok(Read {
        value: known(reader, stubs.value, progress, &options.plain()).await?,
        meta: stubs.meta,
    })
}

/// The list of all dtle jobs, sorted by ID, as JSON. While Nomad's answer is the
/// same as before, byte by byte, the list that was written from it is used again.
///
/// # Errors
/// As Nomad's.
pub async fn list(reader: Reader<'_>, options: &ReadOptions) -> Result<Read<Arc<str>>, Error> {
    let cache = reader.cache;
    let region = reader.nomad.region().await?;
    let question = Question {
        region: region.map(str::to_owned),
        id: options.prefix.clone().unwrap_or_default(),
        all: false,
    };
    let answer = reader.nomad.jobs_text(options).await?;
    let progress = all_progress(reader).await;
    let sources = ListSources {
        nomad: answer.value.clone(),
        progress: progress.clone(),
    };
    if let Some(list) = cache.lists.get(&question, &sources).await {
        return Ok(answer.map(|_| list));
    }
    let stubs = nomad::stubs(&answer.value)?;
    let jobs = known(reader, stubs, progress, &options.plain()).await?;
    let mut entries = Vec::with_capacity(jobs.len());
    for job in &jobs {
        entries.push(job.to_entry(reader, region).await?);
    }
    let list: Arc<str> = format!("[{}]", entries.join(",")).into();
    // A status that took further calls may change while Nomad's list stays the same,
    // and a stale list and its jobs may come from two servers.
    if !options.stale && jobs.iter().all(|job| job.told) {
        cache.lists.insert(question, sources, &list).await;
    }
    Ok(answer.map(|_| list))
}

async fn known(
    reader: Reader<'_>,
    stubs: Vec<JobStub>,
    mut progress: BTreeMap<String, Progress>,
    plain: &ReadOptions,
) -> Result<Vec<KnownJob>, Error> {
    let mut jobs: Vec<KnownJob> = stream::iter(stubs)
        .map(|stub| with_status(reader, stub, plain))
        .buffer_unordered(AT_ONCE)
        .try_filter_map(|job| std::future::ready(Ok(job)))
        .try_collect()
        .await?;
    for job in &mut jobs {
        job.progress = progress.remove(&job.job.name).unwrap_or_default();
    }
    jobs.sort_by(|a, b| a.job.id.cmp(&b.job.id));
    Ok(jobs)
}

async fn with_status(
    reader: Reader<'_>,
    stub: JobStub,
    options: &ReadOptions,
) -> Result<Option<KnownJob>, Error> {
    let Some(job) = of_stub(reader, &stub, options).await? else {
        return Ok(None);
    };
    let summary = stub.job_summary.unwrap_or_default();
    let (status, told) = status(reader, &job, &summary, options).await?;
    Ok(Some(KnownJob {
        job,
        status,
        told,
        progress: Progress::default(),
    }))
}

/// The jobs that a caller may see.
pub struct VisibleJobs(BTreeMap<String, Arc<Job>>);

impl VisibleJobs {
    /// The job that an object belongs to which was made at `create_index`. A job
    /// that was created later under the same ID is another job.
    #[must_use]
    pub fn of(&self, id: &str, create_index: u64) -> Option<(&str, &Arc<Job>)> {
        let (id, job) = self.0.get_key_value(id)?;
        (create_index >= job.create_index).then_some((id.as_str(), job))
    }
}

/// The jobs that a caller may see, without their status.
///
/// # Errors
/// As Nomad's.
pub async fn visible(reader: Reader<'_>, options: &ReadOptions) -> Result<VisibleJobs, Error> {
    let plain = &options.plain();
    let stubs = reader.nomad.jobs(plain).await?;
    let jobs = stream::iter(stubs.value)
        .map(async |stub| of_stub(reader, &stub, plain).await)
        .buffer_unordered(AT_ONCE)
        .try_filter_map(|job| std::future::ready(Ok(job.map(|job| (job.id.clone(), job)))))
        .try_collect()
        .await?;
    Ok(VisibleJobs(jobs))
}

/// The job of a list entry; `None` for another tenant's job, and for a job that was
/// deleted while the list was read.
async fn of_stub(
    reader: Reader<'_>,
    stub: &JobStub,
    options: &ReadOptions,
) -> Result<Option<Arc<Job>>, Error> {
    let cache = reader.cache;
    let region = reader.nomad.region().await?;
    let known = match cache.job(region, &stub.id, stub.job_modify_index).await {
        Some(job) => job,
        None => match reader.nomad.listed_job(&stub.id, options).await {
            Ok(job) => {
                let job = Arc::new(job.value);
                cache.insert_job(region, &job).await;
                job
            }
            Err(nomad::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        },
    };
    if !known.is_dtle() {
        return Ok(None);
    }
    let now = as_of(Arc::clone(&known), stub);
    if !Arc::ptr_eq(&known, &now) {
        cache.insert_job(region, &now).await;
    }
    Ok(Some(now))
}

/// A remembered job with the index and the status of its list entry, which change
/// without a change of the job.
fn as_of(known: Arc<Job>, stub: &JobStub) -> Arc<Job> {
    if known.modify_index == stub.modify_index && known.status == stub.status {
        return known;
    }
    let mut job = Job::clone(&known);
    job.modify_index = stub.modify_index;
    job.status.clone_from(&stub.status);
    Arc::new(job)
}

/// The status, and whether the job and its counts decided it without a further call.
async fn status(
    reader: Reader<'_>,
    job: &Job,
    summary: &JobSummary,
    options: &ReadOptions,
) -> Result<(Status, bool), Error> {
    let look = first_look(job, summary);
    let (mut allocations, mut evaluations): (Vec<AllocationStub>, Vec<Evaluation>) =
        Default::default();
    match look {
        Look::Known(status) => return Ok((status, true)),
        // No path leads to its allocations, so Nomad's own status has to do.
        _ if job.id.contains('/') => return Ok((recorded(job), true)),
        Look::Failed => {
            allocations = reader.nomad.job_allocations(&job.id, options).await?.value;
            if needs_evaluations(&JobView::new(job), &allocations) {
                evaluations = reader.nomad.job_evaluations(&job.id, options).await?.value;
                // The evaluations may have placed allocations since the first read.
                allocations = reader.nomad.job_allocations(&job.id, options).await?.value;
            }
        }
        Look::Waiting => {
            evaluations = reader.nomad.job_evaluations(&job.id, options).await?.value;
        }
    }
    Ok((
        settle(&JobView::new(job), &look, &allocations, &evaluations),
        false,
    ))
}
