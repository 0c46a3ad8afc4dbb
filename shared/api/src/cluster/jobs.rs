//! Jobs with their status, a single job or all of them, with as few calls to Nomad
//! as a correct answer allows.

mod cache;
mod list;
mod single;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use dtle_nomad::{self as nomad, Read, ReadOptions, Session};
use dtle_translate::progress::Progress;
use dtle_translate::register::Existing;
use dtle_translate::status::Status;
use dtle_translate::v2;
use dtle_translate::wire::{Job, JobStub, JobSummary};
use dtle_translate::{JobView, job, password};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::state::status;
use super::events::Events;
use crate::outbound::consul::{Consul, ConsulError, Stored};
use crate::reply::{Error, Reply};

pub use self::cache::{Cache, key};
pub use self::list::{all, list};
pub use self::single::{Unread, one, without_status, written};

/// How many jobs are read at the same time for a list.
const AT_ONCE: usize = 16;

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
    /// The events of tasks that this process has seen.
    pub events: &'a Events,
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
    /// Whether the job and its counts decided the status, without a further call, and
    /// for as long as they stay the same.
    told: bool,
    /// The progress of the replication, as far as it is known.
    pub progress: Heard<Progress>,
}

impl KnownJob {
    /// The job in 2.x's shape, with its passwords unless they are to be masked
    /// everywhere.
    #[must_use]
    pub fn to_v2(&self, mask_passwords: bool) -> v2::Job {
        let mut job = job::to_v2(&JobView::new(&self.job), &self.status);
        match &self.progress {
            Ok(progress) => progress.show_in(&mut job),
            Err(Silent(_)) => Progress::hide_in(&mut job),
        }
        if mask_passwords {
            password::mask(&mut job);
        }
        job
    }

    /// Whether Consul was heard about it.
    pub fn heard(&self) -> Heard<()> {
        self.progress.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// The same with how far the job is.
    #[must_use]
    pub fn to_v2_with_progress(&self, mask_passwords: bool) -> v2::Job {
        let progress = self.progress.as_ref().map(Progress::copying);
        v2::Job {
            progress: Some(progress.unwrap_or_default()),
            ..self.to_v2(mask_passwords)
        }
    }
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

/// What Consul's silence means to the reader of an answer, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Silent(String);

/// What Consul said, or what its silence means.
pub type Heard<T> = Result<T, Silent>;

impl Silent {
    fn because(error: &ConsulError) -> Self {
        tracing::warn!(cause = error.to_string(), "progress is not shown");
        // Not the address, which a caller has no use for.
        let what = match error {
            ConsulError::Unreachable(_) | ConsulError::Resting => "Consul does not answer",
            ConsulError::Forbidden => "Consul refuses the gateway's token",
            _ => "Consul cannot be asked",
        };
        Self(format!(
            "{what}, so how far jobs are is not known: Gtid, BinlogFile, BinlogPos and NatsAddr are left out"
        ))
    }

    /// The reply with the warning that belongs to it.
    #[must_use]
    pub fn warn<T>(heard: &Heard<T>, reply: Reply) -> Reply {
        match heard {
            Err(Self(text)) => reply.with_warning(text),
            Ok(_) => reply,
        }
    }
}

/// The progress of the job of a Nomad Name.
async fn progress(reader: Reader<'_>, name: &str) -> Heard<Progress> {
    let Some(consul) = consul(reader).await else {
        return Ok(Progress::default());
    };
    let progress = consul.progress(name).await;
    progress.map_err(|error| Silent::because(&error))
}

/// What is stored of all jobs.
async fn stored(reader: Reader<'_>) -> Heard<Stored> {
    let Some(consul) = consul(reader).await else {
        return Ok(Stored::default());
    };
    let stored = consul.stored().await;
    stored.map_err(|error| Silent::because(&error))
}

/// The progress of each job, by Nomad Name.
fn all_progress(stored: &Heard<Stored>) -> Heard<BTreeMap<String, Progress>> {
    let all = stored.as_ref().map_err(Clone::clone)?.all();
    all.map_err(|error| Silent::because(&error))
}

/// The job that is registered under an ID, for changing it and writing it back;
/// `None` when there is none.
///
/// # Errors
/// 404 `job not found` for another tenant's job.
pub async fn registered(nomad: &Session<'_>, id: &str) -> Result<Option<Existing>, Error> {
    match nomad.job_text(id).await {
        Ok(text) => existing(nomad::job_document(&text.value)?).map(Some),
        Err(nomad::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The same of its whole document. Its Version is left out of that, because Nomad
/// numbers versions itself and from 2.0 on would take the one in the document.
///
/// # Errors
/// 404 `job not found` for another tenant's job.
pub fn existing(mut document: Map<String, Value>) -> Result<Existing, Error> {
    let version = document.remove("Version");
    let version = version.and_then(|v| v.as_u64()).unwrap_or_default();
    let job = Job::deserialize(&document).map_err(|error| {
        Error::bad_gateway("Nomad sent an answer that cannot be read")
            .because(format!("{:?} in a job", error.classify()))
    })?;
    if !job.is_dtle() {
        // The answer must not differ from that for an unknown job.
        return Err(Error::job_not_found());
    }
    Ok(Existing {
        document,
        version,
        job,
    })
}

/// The jobs that a caller may see.
pub struct VisibleJobs {
    jobs: BTreeMap<String, Arc<Job>>,
    /// The index of the jobs and their counts when they were listed.
    pub index: Option<u64>,
}

impl VisibleJobs {
    /// All of them, sorted by ID.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.jobs.values()
    }

    /// The job that an object belongs to which was made at `create_index`. A job
    /// that was created later under the same ID is another job.
    #[must_use]
    pub fn of(&self, id: &str, create_index: u64) -> Option<(&str, &Arc<Job>)> {
        let (id, job) = self.jobs.get_key_value(id)?;
        (create_index >= job.create_index).then_some((id.as_str(), job))
    }
}

/// The jobs that a caller may see, without their status.
///
/// # Errors
/// As Nomad's.
pub async fn visible(reader: Reader<'_>, options: &ReadOptions) -> Result<VisibleJobs, Error> {
    let stubs = reader.nomad.jobs(&options.plain()).await?;
    of_stubs(reader, stubs, options).await
}

/// The same, if no more than so many of them have to be read for it.
///
/// # Errors
/// As Nomad's.
pub async fn visible_cheaply(
    reader: Reader<'_>,
    options: &ReadOptions,
    most: usize,
) -> Result<Option<VisibleJobs>, Error> {
    let stubs = reader.nomad.jobs(&options.plain()).await?;
    let region = reader.nomad.region().await?;
    let mut unknown = 0;
    for stub in &stubs.value {
        let known = reader.cache.job(region, &stub.id, stub.version());
        unknown += usize::from(known.is_none());
        if unknown > most {
            return Ok(None);
        }
    }
    of_stubs(reader, stubs, options).await.map(Some)
}

async fn of_stubs(
    reader: Reader<'_>,
    stubs: Read<Vec<JobStub>>,
    options: &ReadOptions,
) -> Result<VisibleJobs, Error> {
    let plain = &options.plain();
    let index = stubs.meta.map(|meta| meta.index);
    let jobs = stream::iter(stubs.value)
        .map(async |stub| of_stub(reader, &stub, plain).await)
        .buffer_unordered(AT_ONCE)
        .try_filter_map(|job| {
            std::future::ready(Ok(job.map(|job| (job.id.clone(), Arc::new(job)))))
        })
        .try_collect()
        .await?;
    Ok(VisibleJobs { jobs, index })
}

/// The job of a list entry with its status; `None` as in [`of_stub`].
async fn known(
    reader: Reader<'_>,
    stub: &JobStub,
    options: &ReadOptions,
    looks: &AtomicUsize,
) -> Result<Option<KnownJob>, Error> {
    let Some(job) = of_stub(reader, stub, options).await? else {
        return Ok(None);
    };
    let nothing = JobSummary::default();
    let summary = stub.job_summary.as_ref().unwrap_or(&nothing);
    let (status, told) = status(reader, &job, summary, options, looks).await?;
    // A job older than its entry is what a server says that has not led for a moment.
    let is_older = job.job_modify_index < stub.job_modify_index;
    Ok(Some(KnownJob {
        job: Arc::new(job),
        status,
        told: told && !is_older,
        progress: Ok(Progress::default()),
    }))
}

/// The job of a list entry; `None` for another tenant's job, and for a job that was
/// deleted while the list was read.
async fn of_stub(
    reader: Reader<'_>,
    stub: &JobStub,
    options: &ReadOptions,
) -> Result<Option<Job>, Error> {
    let cache = reader.cache;
    let region = reader.nomad.region().await?;
    let known = cache.job(region, &stub.id, stub.version());
    if known.as_ref().is_some_and(|known| !known.is_dtle()) {
        return Ok(None);
    }
    let mut job = match known.and_then(|known| known.job()) {
        Some(job) => job,
        None => match reader.nomad.listed_job(&stub.id, options).await {
            Ok(job) => {
                cache.insert_job(region, &job.value);
                job.value
            }
            Err(nomad::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        },
    };
    // They change without a change of the job.
    job.modify_index = stub.modify_index;
    job.status.clone_from(&stub.status);
    Ok(job.is_dtle().then_some(job))
}
