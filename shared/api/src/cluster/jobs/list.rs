//! All jobs with their status.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use dtle_nomad::{Read, ReadOptions, Table, stubs};
use dtle_translate::job;
use dtle_translate::progress::Progress;
use dtle_translate::wire::JobStub;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::state::FIRST_LOOKS;
use super::{AT_ONCE, Heard, KnownJob, Reader, all_progress, known, stored};
use crate::cluster::lists::{Entry, Kept, Question, Tables};
use crate::reply::{Error, Rendered, text_of_job};

/// What decides a doubtful list besides the jobs and their counts.
const OTHERS: [Table; 2] = [Table::Allocations, Table::Evaluations];

/// All dtle jobs, sorted by ID, and whether Consul was heard about them.
///
/// # Errors
/// As Nomad's.
pub async fn all(
    reader: Reader<'_>,
    options: &ReadOptions,
) -> Result<(Read<Vec<KnownJob>>, Heard<()>), Error> {
    let looks = &AtomicUsize::new(FIRST_LOOKS);
    let stubs = reader.nomad.jobs(options).await?;
    // After the wait of a blocking query, not before.
    let mut progress = all_progress(&stored(reader).await);
    let plain = &options.plain();
    let mut jobs: Vec<KnownJob> = stream::iter(stubs.value)
        .map(async |stub| known(reader, &stub, plain, looks).await)
        .buffer_unordered(AT_ONCE)
        .try_filter_map(|job| std::future::ready(Ok(job)))
        .try_collect()
        .await?;
    for job in &mut jobs {
        job.progress = match &mut progress {
            Ok(all) => Ok(all.remove(&job.job.name).unwrap_or_default()),
            Err(silent) => Err(silent.clone()),
        };
    }
    jobs.sort_by(|a, b| a.job.id.cmp(&b.job.id));
    let jobs = Read {
        value: jobs,
        meta: stubs.meta,
    };
    Ok((jobs, progress.map(|_| ())))
}

/// A list as JSON, and whether Consul was heard about its jobs.
type Listed = (Read<Arc<Rendered>>, Heard<()>);

/// The list of all dtle jobs, sorted by ID, as JSON with its passwords masked. The list
/// that was written last is answered again while Nomad's indexes say that it holds, and
/// each of its entries while it would be written from the same.
///
/// # Errors
/// As Nomad's.
pub async fn list(reader: Reader<'_>, options: &ReadOptions) -> Result<Listed, Error> {
    let question = Question {
        route: "jobs-list",
        region: reader.nomad.region().await?.map(str::to_owned),
        id: options.prefix.clone().unwrap_or_default(),
        all: false,
    };
    let lists = &reader.cache.lists;
    if !options.may_be_kept() {
        return read(reader, &question, options, None).await;
    }
    if let Some(list) = held(reader, &question).await? {
        return Ok(list);
    }
    let turn = lists.turn(&question).await;
    if turn.has_waited
        && let Some(list) = held(reader, &question).await?
    {
        return Ok(list);
    }
    let last = lists.last(&question);
    // Before anything else is read: what changes later makes the list another one.
    let others = match last.is_some_and(|last| last.is_doubtful) {
        true => reader.nomad.indexes(OTHERS).await.unwrap_or_default(),
        false => None,
    };
    let others = others.map(|others| {
        let indexes = others.iter().map(|meta| meta.index);
        OTHERS.into_iter().zip(indexes).collect()
    });
    read(reader, &question, options, Some(others)).await
}

/// The list that was written last, if Nomad's indexes and Consul's answer say that it
/// still holds.
async fn held(reader: Reader<'_>, question: &Question) -> Result<Option<Listed>, Error> {
    let lists = &reader.cache.lists;
    let Some(last) = lists.last(question) else {
        return Ok(None);
    };
    let (meta, progress) = tokio::join!(last.holds(reader.nomad), stored(reader));
    let Some(meta) = meta? else {
        return Ok(None);
    };
    let list = || Read {
        value: Arc::clone(&last.text),
        meta: Some(meta),
    };
    let holds = lists.hash(&progress) == last.beside;
    Ok(holds.then(|| (list(), progress.map(|_| ()))))
}

/// The list, read in full. It is kept if `others` says so: the indexes of the other
/// tables as they were before, where somebody asked.
async fn read(
    reader: Reader<'_>,
    question: &Question,
    options: &ReadOptions,
    keep: Option<Option<Tables>>,
) -> Result<Listed, Error> {
    let lists = &reader.cache.lists;
    let Read { value: nomad, meta } = reader.nomad.jobs_text(options).await?;
    // After the wait of a blocking query, not before.
    let progress = stored(reader).await;
    let made_of = lists.hash(&(&nomad, &progress));
    let last = lists.last(question);
    let tables = |others: Option<Tables>| {
        let jobs = (Table::Jobs, meta?.index);
        Some(
            std::iter::once(jobs)
                .chain(others.into_iter().flatten())
                .collect(),
        )
    };
    if let Some(last) = &last
        && last.made_of == made_of
        && !last.is_doubtful
    {
        if keep.is_some() {
            let again = Kept::clone(last).read_from(tables(None));
            lists.insert(question, Arc::new(again));
        }
        let value = Arc::clone(&last.text);
        return Ok((Read { value, meta }, progress.map(|_| ())));
    }
    let progress_of_all = all_progress(&progress);
    let mut jobs = stubs(&nomad)?;
    jobs.sort_by(|a, b| a.id.cmp(&b.id));
    // 2.x's list is nearly twice as long as Nomad's.
    let text = String::with_capacity(2 * nomad.len());
    drop(nomad);
    let list = write(
        reader,
        jobs,
        &progress_of_all,
        last.as_deref(),
        options,
        text,
    )
    .await?;
    let list = Kept { made_of, ..list };
    if question.id.is_empty()
        && let Some(last) = &last
    {
        let gone = last.entries.iter().filter(|one| !list.has(&one.id));
        for one in gone {
            let region = question.region.as_deref();
            reader.cache.remove_job(region, &one.id);
        }
    }
    let value = Arc::clone(&list.text);
    let heard = progress_of_all.map(|_| ());
    if let Some(others) = keep {
        // What the jobs' own table does not tell needs the indexes of the others.
        let is_told = !list.is_doubtful || others.is_some();
        let others = others.filter(|_| list.is_doubtful);
        let list = Kept {
            beside: lists.hash(&progress),
            ..list
        }
        .read_from(tables(others).filter(|_| is_told));
        lists.insert(question, Arc::new(list));
    }
    Ok((Read { value, meta }, heard))
}

/// An entry of the list on its way.
struct Written {
    id: String,
    /// The hash of what it was made of; `None` where a further call decided.
    made_of: Option<u64>,
    text: String,
}

/// The list of all dtle jobs that Nomad's own list names, by ID. Entries of the last list
/// that would be made of the same are taken from there. Each is written to the end of
/// `list` when it is its turn, so that the whole is never there twice.
async fn write(
    reader: Reader<'_>,
    jobs: Vec<JobStub>,
    progress: &Heard<BTreeMap<String, Progress>>,
    last: Option<&Kept>,
    options: &ReadOptions,
    mut list: String,
) -> Result<Kept, Error> {
    let plain = &options.plain();
    let nothing = Progress::default();
    let looks = &AtomicUsize::new(FIRST_LOOKS);
    let write = async |stub: JobStub| -> Result<Option<Written>, Error> {
        let progress = progress
            .as_ref()
            .map(|all| all.get(&stub.name).unwrap_or(&nothing));
        let made_of = reader.cache.lists.hash(&(
            stub.version(),
            stub.modify_index,
            &stub.status,
            &stub.job_summary,
            progress,
        ));
        if let Some(text) = last.and_then(|last| last.entry(&stub.id, made_of)) {
            let (text, made_of) = (text.to_owned(), Some(made_of));
            return Ok(Some(Written {
                id: stub.id,
                made_of,
                text,
            }));
        }
        let Some(mut job) = known(reader, &stub, plain, looks).await? else {
            return Ok(None);
        };
        job.progress = progress.cloned().map_err(Clone::clone);
        let text = text_of_job(&job::to_stub(job.to_v2(reader.mask_passwords)))?;
        let made_of = job.told.then_some(made_of);
        Ok(Some(Written {
            id: stub.id,
            made_of,
            text,
        }))
    };
    let mut entries = Vec::with_capacity(jobs.len());
    let mut is_doubtful = false;
    list.push('[');
    let placed = async |(place, job)| (place, write(job).await);
    let written = stream::iter(jobs.into_iter().enumerate()).map(placed);
    let mut written = pin!(written.buffer_unordered(AT_ONCE));
    // Those that came before their turn. Whoever waits for a slow one keeps nobody.
    let mut early = BTreeMap::new();
    let mut turn = 0;
    while let Some((place, one)) = written.next().await {
        early.insert(place, one?);
        while let Some(one) = early.remove(&turn) {
            turn += 1;
            let Some(one) = one else { continue };
            if list.len() > 1 {
                list.push(',');
            }
            let from = list.len();
            list.push_str(&one.text);
            is_doubtful |= one.made_of.is_none();
            entries.push(Entry {
                id: one.id.into(),
                made_of: one.made_of,
                place: from..list.len(),
            });
        }
    }
    list.push(']');
    Ok(Kept {
        entries: entries.into(),
        is_doubtful,
        ..Kept::new(Arc::new(Rendered::new(list)), 0)
    })
}
