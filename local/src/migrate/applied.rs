//! What a job of the old side has applied, whole, from what 2.x reports, what it noted
//! on the destination, and what its source can tell.

use crate::gtid::GtidSet;
use crate::mysql::Database;

use super::executed::{Executed, confirmed, executed_at, source, whole};
use super::executed_error::ExecutedError;
use super::job::{Endpoint, OldJob, Side};
use super::journal::JobEntry;
use super::sides::Stop;
use super::{Connector, Migration};

impl<C: Connector> Migration<'_, C> {
    /// The whole set that a job has applied, and where that comes from.
    ///
    /// # Errors
    /// When it cannot be told.
    pub(super) async fn applied(&self, job: &OldJob) -> Result<(GtidSet, String), Stop> {
        if let Some(set) = self.options.gtid.get(&job.id) {
            return Ok((set.clone(), "--gtid".to_owned()));
        }
        let known = self.journal.job(&job.id);
        if let Some(known) = known.filter(|known| known.seen.as_ref() == Some(&job.report())) {
            let origin = "the journal: where it stood on the new side";
            return Ok((set_of(known)?, origin.to_owned()));
        }
        let reported = job.gtid().map_err(|error| Stop(error.to_string()))?;
        let noted = self.noted_by_old(job).await?;
        let named = reported.clone().union(&noted);
        let why = match self.executed(job, &named, &noted).await {
            Ok(Some((executed, place))) => {
                let known = confirmed(&reported, &noted, &executed);
                let in_order = self.in_order(job).await?;
                let mut set = whole(&known, &executed, in_order).map_err(|open| {
                    Stop(format!(
                        "it has several workers, and of {open} it cannot be told whether they are applied. Let it run for a moment and repeat, or say it with --gtid ID=SET"
                    ))
                })?;
                if has_failed(job) {
                    set = without_the_last_failure(job, set, &noted)?;
                }
                return Ok((set.clone(), origin(&place, &set, &reported, &noted)));
            }
            Ok(None) if named.is_empty() => {
                return Err(Stop(
                    "it has no position: its copy was not finished. --gtid ID= begins anew, --gtid ID=SET goes on from there".to_owned(),
                ));
            }
            Ok(None) => "it has no place in a binlog".to_owned(),
            Err(Stop(why)) => why,
        };
        if named.without_beginning().next().is_none() && !named.is_empty() {
            let origin = format!("2.x's own, which begins with the first ({why})");
            return Ok((named, origin));
        }
        if self.options.complete_gtid && !named.is_empty() {
            let origin = format!("2.x's own, completed by --complete-gtid ({why})");
            return Ok((named.with_beginning(), origin));
        }
        Err(Stop(format!(
            "2.x reports {reported:?}, which does not begin with the first transaction, and the source cannot be asked for the rest ({why}). --complete-gtid takes what is missing at the beginning for applied; --gtid ID=SET says it by hand",
            reported = reported.to_string()
        )))
    }

    /// Whether a job applies transactions in their order: with one worker, and where
    /// one of the servers is MySQL 5.6, for which dtle uses one whatever is set.
    pub(super) async fn in_order(&self, job: &OldJob) -> Result<bool, Stop> {
        if job.workers() <= 1 {
            return Ok(true);
        }
        for side in [Side::Src, Side::Dest] {
            if let Endpoint::MySql(connection) = job.endpoint(side) {
                let stop = |error: crate::mysql::MySqlError| Stop(error.to_string());
                let mut database = self.connector.open(&connection).await.map_err(stop)?;
                let rows = database
                    .rows("SELECT @@GLOBAL.version")
                    .await
                    .map_err(stop)?;
                let version = rows
                    .into_iter()
                    .next()
                    .and_then(|row| row.into_iter().next()?);
                if version.is_some_and(|version| version.starts_with("5.6.")) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// What the source had executed at the job's place, which is returned in words,
    /// and where the last of `certain` ended; `None` without a place. A source that has
    /// not executed all that is `named` is another one.
    pub(super) async fn executed(
        &self,
        job: &OldJob,
        named: &GtidSet,
        certain: &GtidSet,
    ) -> Result<Option<(Executed, String)>, Stop> {
        let Endpoint::MySql(connection) = job.endpoint(Side::Src) else {
            return Err(Stop("its source is no MySQL server".to_owned()));
        };
        let Some(place) = job.position() else {
            return Ok(None);
        };
        let mut database = self
            .connector
            .open(&connection)
            .await
            .map_err(|error| Stop(error.to_string()))?;
        let stop = |error: ExecutedError| Stop(error.to_string());
        let now = source(&mut database).await.map_err(stop)?.executed;
        if !now.contains(named) {
            return Err(Stop(format!(
                "{} has not executed all that was applied ({}): it is not the server that the job read",
                connection.address,
                named.clone().subtract(&now)
            )));
        }
        let executed = executed_at(&mut database, &place, certain)
            .await
            .map_err(stop)?;
        Ok(Some((executed, place.to_string())))
    }
}

/// Whether a job has died, perhaps some time ago: 2.x keeps the reason.
fn has_failed(job: &OldJob) -> bool {
    job.status == "dead" || !job.description.is_empty()
}

/// A set without the transaction that the job died at. 2.x counts it as applied, in
/// its Gtid and its place, but does not note it on the destination; so nothing counts
/// that is later than the last one noted.
fn without_the_last_failure(job: &OldJob, set: GtidSet, noted: &GtidSet) -> Result<GtidSet, Stop> {
    if noted.is_empty() && job.status == "dead" {
        return Err(Stop(
            "it is dead and has noted nothing on its destination, so it cannot be told which transaction it died at. --gtid ID= begins anew, --gtid ID=SET goes on from there".to_owned(),
        ));
    }
    Ok(set.up_to_last_of(noted))
}

fn origin(place: &str, set: &GtidSet, reported: &GtidSet, noted: &GtidSet) -> String {
    let named = reported.clone().union(noted);
    let before = set.clone().subtract(&named).len();
    let beyond = noted.clone().subtract(reported).len();
    let less = match named.subtract(set).len() {
        0 => String::new(),
        number => format!("; less {number} that it names and did not apply"),
    };
    format!(
        "the source at {place}: {before} transactions that 2.x does not name; {beyond} more by the destination's table{less}"
    )
}

/// The set that the journal has for a job.
pub(super) fn set_of(job: &JobEntry) -> Result<GtidSet, Stop> {
    let text = job.gtid.as_deref().unwrap_or_default();
    text.parse()
        .map_err(|error| Stop(format!("the journal's set of {}: {error}", job.id)))
}
