//! The way there, step by step.
//!
//! What must never be: a job that runs on both sides; a job that goes on from a set
//! that is not whole. So the steps of a unit are these, each written down before it
//! is taken: all its old jobs are paused and stand still; what each has applied is
//! found out; all are made on the new side, paused; the old ones are looked at once
//! more; and only then the new ones are started, the first of a destination alone,
//! because it makes the plugin's table there. Before the first start everything can
//! be undone, and is when something fails; after it the way back is another one
//! (`back.rs`), and is only taken when it is asked for.

use std::time::Instant;

use futures_util::future::try_join_all;

use crate::gtid::GtidSet;
use crate::mysql::MySqlError;

use super::applied::set_of;
use super::job::{Connection, Endpoint, OldJob, Side};
use super::journal::{JobEntry, Step};
use super::output::Bar;
use super::plan::{Action, PlannedUnit};
use super::sides::Stop;
use super::table::{OLD_TABLE, applied_by_old, drop_table, tables_of};
use super::{Connector, Migration};

/// What came of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of its jobs that are to move are on the new side.
    Moved,
    /// It is on the old side, running as before.
    Undone(String),
    /// It stands somewhere in between; the text says where and why.
    Stuck(String),
}

impl<C: Connector> Migration<'_, C> {
    /// Begins a unit in the journal, or takes it up there; returns its place.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) fn enter(&mut self, planned: &PlannedUnit) -> Result<usize, Stop> {
        let has = |id: &str| planned.jobs.iter().any(|job| job.id == id);
        let units = &self.journal.entries.units;
        let known = units
            .iter()
            .position(|unit| unit.jobs.iter().any(|job| has(&job.id)));
        if let Some(position) = known
            && units
                .get(position)
                .is_some_and(|unit| unit.step != Step::Returned)
        {
            return Ok(position);
        }
        let entry = super::journal::UnitEntry {
            destinations: planned.destinations.clone(),
            step: Step::Pausing,
            jobs: planned
                .jobs
                .iter()
                .filter(|job| job.action != Action::Leave)
                .map(|job| {
                    let before = self.journal.job(&job.id).filter(|job| job.seen.is_some());
                    JobEntry {
                        id: job.id.clone(),
                        ran: job.action == Action::Move,
                        gtid: before.and_then(|before| before.gtid.clone()),
                        seen: before.and_then(|before| before.seen.clone()),
                        ..JobEntry::default()
                    }
                })
                .collect(),
        };
        let units = &mut self.journal.entries.units;
        let position = match known {
            Some(position) => {
                if let Some(unit) = units.get_mut(position) {
                    *unit = entry;
                }
                position
            }
            None => {
                units.push(entry);
                units.len() - 1
            }
        };
        self.save()?;
        Ok(position)
    }

    /// Takes a unit from where it is to the new side.
    ///
    /// # Errors
    /// When the journal cannot be written: nothing is done that it does not tell.
    pub(super) async fn forward(&mut self, unit: usize) -> Result<Outcome, Stop> {
        let name = self.unit(unit).destinations.join(" and ");
        let bar = self.output.bar(&name, 4 + self.unit(unit).jobs.len());
        loop {
            let failed = match self.unit(unit).step {
                Step::Pausing => self.pausing(unit, &bar).await,
                Step::Making => self.making(unit, &bar).await,
                Step::Starting => {
                    // From here on there is no undoing by itself.
                    return Ok(match self.starting(unit, &bar).await {
                        Ok(()) => Outcome::Moved,
                        Err(Stop(why)) => Outcome::Stuck(why),
                    });
                }
                Step::Moved => return Ok(Outcome::Moved),
                Step::Undoing => {
                    if let Err(Stop(why)) = self.undo(unit).await {
                        return Ok(Outcome::Stuck(why));
                    }
                    return Ok(Outcome::Undone("it was on its way back".to_owned()));
                }
                Step::Stopping | Step::Returning => {
                    return Ok(Outcome::Stuck(
                        "it is on its way back: --back goes on with that".to_owned(),
                    ));
                }
                Step::Returned => return Ok(Outcome::Undone("it is on the old side".to_owned())),
            };
            if let Err(Stop(why)) = failed {
                self.output.line(&format!("{name}: {why}; going back"));
                self.set_step(unit, Step::Undoing)?;
                return Ok(match self.undo(unit).await {
                    Ok(()) => Outcome::Undone(why),
                    Err(Stop(second)) => {
                        Outcome::Stuck(format!("{why}; and on the way back: {second}"))
                    }
                });
            }
        }
    }

    /// All old jobs stand still, and what each applied is known.
    async fn pausing(&mut self, unit: usize, bar: &Bar) -> Result<(), Stop> {
        bar.says("pausing".to_owned());
        for job in self.unit(unit).jobs.clone() {
            if job.ran {
                let now = self.old.old_job(&job.id).await?;
                let status = now.map(|now| now.status).unwrap_or_default();
                if matches!(status.as_str(), "dead" | "complete") {
                    return Err(Stop(format!("{} is {status} by now", job.id)));
                }
                self.old.pause(&job.id).await?;
            }
        }
        bar.step();
        bar.says("waiting until they stand still".to_owned());
        let ids: Vec<String> = self
            .unit(unit)
            .jobs
            .iter()
            .map(|job| job.id.clone())
            .collect();
        let still = try_join_all(ids.iter().map(|id| self.old.stands_still(id))).await?;
        bar.step();
        bar.says("finding out what was applied".to_owned());
        for job in &still {
            let (set, origin) = self
                .applied(job)
                .await
                .map_err(|Stop(why)| Stop(format!("{}: {why}", job.id)))?;
            let reported = job.gtid().map(|set| set.to_string()).unwrap_or_default();
            self.output.line(&format!(
                "{}  stands at {set}\n  2.x reports {reported}\n  from {origin}",
                job.id
            ));
            self.set_job(unit, &job.id, |entry| entry.gtid = Some(set.to_string()));
        }
        bar.step();
        self.set_step(unit, Step::Making)
    }

    /// All are on the new side, paused, and the old ones still stand still.
    async fn making(&mut self, unit: usize, bar: &Bar) -> Result<(), Stop> {
        bar.says("making them on the new side, paused".to_owned());
        for job in self.unit(unit).jobs.clone() {
            self.make(unit, &job).await?;
        }
        for job in self.unit(unit).jobs.clone() {
            self.nothing_old_writes(&job).await?;
        }
        bar.step();
        self.set_step(unit, Step::Starting)
    }

    /// Makes a job on the new side, unless this command has made it already.
    async fn make(&mut self, unit: usize, job: &JobEntry) -> Result<(), Stop> {
        let set = set_of(job)?;
        let old = self.old.known_job(&job.id).await?;
        let body = old.for_the_new_side(&set, &self.nodes);
        let mut made = job.made;
        let until = Instant::now() + self.options.patience.total;
        loop {
            match self.new.new_job(&job.id).await? {
                Some(found) if found.status != "pause" => {
                    return Err(Stop(format!(
                        "{} is {} on the new side",
                        job.id, found.status
                    )));
                }
                Some(found) if made && found.gtid.as_ref() == Some(&set) => return Ok(()),
                // Of an attempt that was undone before.
                Some(_) if made => self.new.remove(&job.id).await?,
                Some(_) => return Err(Stop(format!("{} is on the new side already", job.id))),
                None => {
                    if self.options.forget {
                        self.new.remove(&job.id).await?;
                    }
                }
            }
            self.set_job(unit, &job.id, |entry| entry.made = true);
            self.save()?;
            let before = std::mem::replace(&mut made, true);
            match self.new.make_paused(&body).await {
                Ok(()) => {}
                Err(error) if error.says_not_made() && !before => {
                    // What is there, if anything, is somebody else's.
                    made = false;
                    self.set_job(unit, &job.id, |entry| entry.made = false);
                    self.save()?;
                    if !error.is_passing() || error.is_conflict() || Instant::now() >= until {
                        return Err(error.into());
                    }
                    tokio::time::sleep(self.options.patience.look).await;
                }
                Err(error) if !error.is_passing() || Instant::now() >= until => {
                    return Err(error.into());
                }
                Err(_) => tokio::time::sleep(self.options.patience.look).await,
            }
        }
    }

    /// The new ones run that ran on the old side.
    async fn starting(&mut self, unit: usize, bar: &Bar) -> Result<(), Stop> {
        let mut begun: Vec<String> = Vec::new();
        let mut failed = Vec::new();
        for job in self.unit(unit).jobs.clone() {
            if !job.ran {
                self.output.line(&format!("{}  is there, paused", job.id));
                bar.step();
                continue;
            }
            bar.says(format!("starting {}", job.id));
            let dest = self.destination(&job.id).await?;
            let address = dest.as_ref().map(|dest| dest.address.to_string());
            let now = self.new.new_job(&job.id).await?;
            if !job.started || now.is_some_and(|now| now.status == "pause") {
                // Whatever happened in between, to this command too: once more,
                // before it can be too late.
                self.nothing_old_writes(&job).await?;
                if let Some(dest) = &dest {
                    self.clear_the_way(dest).await?;
                }
                self.set_job(unit, &job.id, |entry| entry.started = true);
                self.save()?;
            }
            if let Err(Stop(why)) = self
                .start(
                    &job.id,
                    dest.as_ref(),
                    address.as_ref().is_none_or(|a| !begun.contains(a)),
                )
                .await
            {
                failed.push(why);
                continue;
            }
            begun.extend(address);
            self.output
                .line(&format!("{}  runs on the new side", job.id));
            bar.step();
        }
        if failed.is_empty() {
            self.set_step(unit, Step::Moved)
        } else {
            Err(Stop(failed.join("; ")))
        }
    }

    /// Whether an old job is paused, none of its tasks runs, and none has noted more
    /// on the destination than what the new one goes on from: a task on a node that
    /// nobody hears of would.
    async fn nothing_old_writes(&self, job: &JobEntry) -> Result<(), Stop> {
        let id = &job.id;
        if !self.old.is_still(id).await? {
            return Err(Stop(format!(
                "{id} does not stand still on the old side: pause it there, then repeat"
            )));
        }
        // A set that was given by hand need not hold what was noted.
        if self.options.gtid.contains_key(id) {
            return Ok(());
        }
        let noted = self.noted_by_old(&self.read_old(id).await?).await?;
        let more = noted.subtract(&set_of(job)?);
        if more.is_empty() {
            return Ok(());
        }
        Err(Stop(format!(
            "a task of {id} still writes, and has applied {more} by now: the old side calls it stopped"
        )))
    }

    /// What an old job noted on its destination; nothing where that is no database.
    pub(super) async fn noted_by_old(&self, job: &OldJob) -> Result<GtidSet, Stop> {
        let Endpoint::MySql(dest) = job.endpoint(Side::Dest) else {
            return Ok(GtidSet::default());
        };
        let mut database = self.connector.open(&dest).await.map_err(mysql)?;
        applied_by_old(&mut database, &self.options.old_schema, &job.id)
            .await
            .map_err(mysql)
    }

    /// Starts one; the first on a destination is waited for until the plugin's table
    /// is there alone: others that start meanwhile can fail.
    async fn start(&self, id: &str, dest: Option<&Connection>, first: bool) -> Result<(), Stop> {
        let until = Instant::now() + self.options.patience.total;
        let now = self.new.new_job(id).await?;
        if now.is_some_and(|now| now.status == "pause") {
            self.new.resume(id).await?;
        }
        self.new.runs(id).await?;
        let Some(dest) = dest.filter(|_| first) else {
            return Ok(());
        };
        loop {
            let tables = self.tables(dest).await?;
            if tables.new && !(tables.old && self.options.old_schema == crate::forget::SCHEMA) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(Stop(format!(
                    "{id} runs, and {} has no table of the plugin's",
                    dest.address
                )));
            }
            tokio::time::sleep(self.options.patience.look).await;
        }
    }

    /// Drops 2.x's table, where that was asked for and the plugin would refuse it.
    async fn clear_the_way(&self, dest: &Connection) -> Result<(), Stop> {
        if !self.options.drop_old_table || !self.tables(dest).await?.old {
            return Ok(());
        }
        let schema = &self.options.old_schema;
        let mut database = self.connector.open(dest).await.map_err(mysql)?;
        drop_table(&mut database, schema, OLD_TABLE)
            .await
            .map_err(mysql)?;
        self.output
            .line(&format!("{}: dropped {schema}.{OLD_TABLE}", dest.address));
        Ok(())
    }

    pub(super) async fn tables(&self, dest: &Connection) -> Result<super::table::Tables, Stop> {
        let mut database = self.connector.open(dest).await.map_err(mysql)?;
        tables_of(&mut database, &self.options.old_schema)
            .await
            .map_err(mysql)
    }

    /// The MySQL server that a job writes; `None` for Kafka.
    pub(super) async fn destination(&self, id: &str) -> Result<Option<Connection>, Stop> {
        Ok(match self.read_old(id).await?.endpoint(Side::Dest) {
            Endpoint::MySql(connection) => Some(connection),
            _ => None,
        })
    }

    pub(super) async fn read_old(&self, id: &str) -> Result<OldJob, Stop> {
        self.old.known_job(id).await
    }

    /// Before the first start: the new ones go, the old ones go on, from the whole
    /// set where that is known. 2.x's own would be replayed from its gap on.
    pub(super) async fn undo(&mut self, unit: usize) -> Result<(), Stop> {
        for job in self.unit(unit).jobs.clone() {
            if !job.made {
                continue;
            }
            match self.new.new_job(&job.id).await? {
                Some(found) if found.status == "pause" => self.new.remove(&job.id).await?,
                None => {}
                Some(found) => {
                    return Err(Stop(format!(
                        "{} is {} on the new side: nothing is started on the old side",
                        job.id, found.status
                    )));
                }
            }
            self.set_job(unit, &job.id, |entry| entry.made = false);
            self.save()?;
        }
        let mut left = Vec::new();
        for job in self.unit(unit).jobs.clone() {
            if !job.ran {
                continue;
            }
            let old = self.read_old(&job.id).await?;
            if old.status != "pause" {
                if matches!(old.status.as_str(), "dead" | "complete") {
                    self.output.line(&format!(
                        "{}  is {} on the old side: {}",
                        job.id, old.status, old.description
                    ));
                }
                continue;
            }
            let set = match &job.gtid {
                Some(_) => Some(set_of(&job)?),
                None => None,
            };
            let begun = match &set {
                Some(set) => set.clone(),
                None => self.noted_by_old(&old).await?,
            };
            // A plain resume is right only for a set that begins at the beginning.
            let whole = old
                .gtid()
                .is_ok_and(|set| set.without_beginning().next().is_none());
            match &set {
                Some(set) => self.go_on(&old, set).await?,
                None if whole => self.old.resume(&job.id).await?,
                None => {
                    left.push(job.id.clone());
                    continue;
                }
            }
            self.old_runs(&job.id, &begun).await?;
            self.output
                .line(&format!("{}  runs on the old side again", job.id));
        }
        self.set_step(unit, Step::Returned)?;
        if left.is_empty() {
            return Ok(());
        }
        Err(Stop(format!(
            "{} stay paused on the old side: their Gtid lacks its beginning, and a plain resume there would replay old rows over newer ones. Repeat the command when the source can be asked, or give --gtid",
            left.join(", ")
        )))
    }

    /// Returns when an old job runs: when 2.x calls both of its tasks running, or when
    /// it applies transactions. 2.x can call a task pending for good that works, and
    /// the job pending or running.
    pub(super) async fn old_runs(&self, id: &str, begun: &GtidSet) -> Result<(), Stop> {
        tokio::select! {
            told = self.old.runs(id) => told,
            () = self.applies(id, begun) => {
                self.output.line(&format!(
                    "{id}  applies transactions on the old side; a task of it is not called running there"
                ));
                Ok(())
            }
        }
    }

    /// Returns when an old job that was started from a set has applied more, by its
    /// rows on the destination; never where there are none.
    async fn applies(&self, id: &str, begun: &GtidSet) {
        loop {
            tokio::time::sleep(self.options.patience.settle).await;
            let Ok(job) = self.read_old(id).await else {
                continue;
            };
            let noted = self.noted_by_old(&job).await.unwrap_or_default();
            if matches!(job.status.as_str(), "pending" | "running")
                && !noted.subtract(begun).is_empty()
            {
                return;
            }
        }
    }

    /// Gives a paused old job a set to go on from, which starts it.
    pub(super) async fn go_on(&self, old: &OldJob, set: &GtidSet) -> Result<(), Stop> {
        let until = Instant::now() + self.options.patience.total;
        let mut old = old.clone();
        loop {
            if old.status != "pause" {
                return Ok(());
            }
            let sent = self.old.update(&old.for_the_old_side(set)).await;
            old = self.read_old(&old.id).await?;
            if Instant::now() >= until {
                let why =
                    sent.map_or_else(|error| error.to_string(), |()| "it stays paused".to_owned());
                return Err(Stop(format!("{} on the old side: {why}", old.id)));
            }
            tokio::time::sleep(self.options.patience.look).await;
        }
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "for `map_err`, which gives it away"
)]
pub(super) fn mysql(error: MySqlError) -> Stop {
    Stop(error.to_string())
}
