//! The way back, after the first start.
//!
//! The new jobs are paused and stand still; what each has applied by then is its own
//! Gtid and what the destination's table says. That table is dropped, because 2.x
//! starts no job beside it; only when it was asked for, and only when no other job
//! of the plugin has rows there. Then each old job that ran gets the set that the
//! new one reached, and goes on. The first on a destination is waited for: 2.x makes
//! its table there, and two that do so at once can fail.

use std::collections::BTreeSet;
use std::time::Instant;

use futures_util::future::try_join_all;

use super::applied::set_of;
use super::executed::whole;
use super::job::{Connection, OldJob};
use super::journal::Step;
use super::sides::Stop;
use super::steps::{Outcome, mysql};
use super::table::{applied_by_new, drop_table, jobs_of_the_plugin};
use super::{Connector, Migration};
use crate::forget::{SCHEMA, TABLE};
use crate::gtid::GtidSet;

impl<C: Connector> Migration<'_, C> {
    /// What `--back` would do, as lines.
    #[must_use]
    pub fn plan_back(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for unit in &self.journal.entries.units {
            let name = unit.destinations.join(" and ");
            let what = match unit.step {
                Step::Returned => "is on the old side".to_owned(),
                Step::Pausing | Step::Making | Step::Undoing => {
                    "no new job was started: they are removed, and the old ones go on".to_owned()
                }
                _ if self.options.drop_new_table => format!(
                    "the new jobs are stopped, {SCHEMA}.{TABLE} is dropped there, the old ones go on from where the new ones were"
                ),
                _ => format!(
                    "NOT without --drop-new-table: 2.x starts no job beside {SCHEMA}.{TABLE}, so it has to be dropped there"
                ),
            };
            lines.push(format!("{name}: {what}"));
            for job in &unit.jobs {
                let state = if job.ran {
                    "runs again"
                } else {
                    "does not start"
                };
                lines.push(format!("   {}  {state}", job.id));
            }
        }
        if lines.is_empty() {
            lines.push(format!(
                "nothing was moved by {}",
                self.journal.path().display()
            ));
        }
        lines
    }

    /// Takes a unit back to the old side.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) async fn backward(&mut self, unit: usize) -> Result<Outcome, Stop> {
        let step = self.unit(unit).step;
        let done = match step {
            Step::Returned => Ok(()),
            Step::Pausing | Step::Making | Step::Undoing => {
                self.set_step(unit, Step::Undoing)?;
                self.undo(unit).await
            }
            Step::Starting | Step::Moved | Step::Stopping | Step::Returning => {
                if !self.options.drop_new_table {
                    return Ok(Outcome::Stuck(format!(
                        "{SCHEMA}.{TABLE} has to be dropped there, which needs --drop-new-table"
                    )));
                }
                if step < Step::Stopping {
                    self.set_step(unit, Step::Stopping)?;
                }
                let stopped = match self.unit(unit).step {
                    Step::Stopping => self.stopping(unit).await,
                    _ => Ok(()),
                };
                match stopped {
                    Ok(()) => self.returning(unit).await,
                    Err(stop) => Err(stop),
                }
            }
        };
        Ok(match done {
            Ok(()) => Outcome::Undone("asked for".to_owned()),
            Err(Stop(why)) => Outcome::Stuck(why),
        })
    }

    /// All new jobs stand still, and what each applied is known.
    async fn stopping(&mut self, unit: usize) -> Result<(), Stop> {
        let jobs = self.unit(unit).jobs.clone();
        self.nobody_else_writes(unit).await?;
        let mut there = Vec::new();
        for job in &jobs {
            if let Some(found) = self.new.new_job(&job.id).await? {
                if found.status == "running" {
                    // Perhaps it was paused when it was moved, and resumed since.
                    self.set_job(unit, &job.id, |entry| entry.ran = true);
                    self.save()?;
                }
                self.new.pause(&job.id).await?;
                there.push(job.id.clone());
            } else if job.started {
                self.output.line(&format!(
                    "{}  is not on the new side any more: what it noted on the destination counts",
                    job.id
                ));
            }
        }
        let still = try_join_all(there.iter().map(|id| self.new.stands_still(id))).await?;
        for job in &jobs {
            let now = still.iter().find(|now| now.id == job.id);
            let reported = now.and_then(|now| now.gtid().ok()).unwrap_or_default();
            let mut reached = set_of(job)?.union(&reported);
            if let Some(dest) = self.destination(&job.id).await? {
                let mut database = self.connector.open(&dest).await.map_err(mysql)?;
                let noted = applied_by_new(&mut database, &job.id)
                    .await
                    .map_err(mysql)?;
                reached = reached.union(&noted);
            }
            if let Some(now) = now {
                reached = self.without_gaps(now, reached).await?;
            }
            self.output
                .line(&format!("{}  stands at {reached}", job.id));
            self.set_job(unit, &job.id, |entry| {
                entry.gtid = Some(reached.to_string());
                entry.started = false;
            });
        }
        self.set_step(unit, Step::Returning)
    }

    /// What a new job has applied, by its source: the plugin's table, too, can lack
    /// some. A set without gaps lacks none.
    async fn without_gaps(&self, now: &OldJob, reached: GtidSet) -> Result<GtidSet, Stop> {
        if reached.gaps().is_empty() {
            return Ok(reached);
        }
        let Some((executed, _)) = self.executed(now, &reached, &reached).await? else {
            return Err(Stop(format!(
                "{} has no place in a binlog, and of {} it cannot be told whether they are applied",
                now.id,
                reached.gaps()
            )));
        };
        let in_order = self.in_order(now).await?;
        whole(&reached, &executed, in_order).map_err(|open| {
            Stop(format!(
                "{} has several workers, and of {open} it cannot be told whether they are applied. Let it run on the new side for a moment and repeat",
                now.id
            ))
        })
    }

    /// The destinations of a unit.
    async fn written(&self, unit: usize) -> Result<Vec<Connection>, Stop> {
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for job in &self.unit(unit).jobs {
            if let Some(dest) = self.destination(&job.id).await?
                && seen.insert(dest.address.to_string())
            {
                all.push(dest);
            }
        }
        Ok(all)
    }

    async fn nobody_else_writes(&self, unit: usize) -> Result<(), Stop> {
        for dest in self.written(unit).await? {
            let mut database = self.connector.open(&dest).await.map_err(mysql)?;
            let names = jobs_of_the_plugin(&mut database).await.map_err(mysql)?;
            let ours = |name: &String| self.unit(unit).jobs.iter().any(|job| &job.id == name);
            let others: Vec<String> = names.into_iter().filter(|name| !ours(name)).collect();
            if !others.is_empty() {
                return Err(Stop(format!(
                    "{} has rows of other jobs in {SCHEMA}.{TABLE} ({}): 2.x cannot run there beside them",
                    dest.address,
                    others.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// The table goes, the old jobs go on, the new ones are removed.
    async fn returning(&mut self, unit: usize) -> Result<(), Stop> {
        let jobs = self.unit(unit).jobs.clone();
        for job in &jobs {
            let there = self.new.new_job(&job.id).await?.is_some();
            if there && !self.new.is_still(&job.id).await? {
                return Err(Stop(format!(
                    "{} runs on the new side: pause it there, then repeat",
                    job.id
                )));
            }
        }
        let mut begun = BTreeSet::new();
        let any_started = jobs.iter().any(|job| job.started);
        if !any_started {
            self.nobody_else_writes(unit).await?;
        }
        for dest in self.written(unit).await? {
            if self.tables(&dest).await?.new {
                let mut database = self.connector.open(&dest).await.map_err(mysql)?;
                drop_table(&mut database, SCHEMA, TABLE)
                    .await
                    .map_err(mysql)?;
                self.output
                    .line(&format!("{}: dropped {SCHEMA}.{TABLE}", dest.address));
            }
        }
        for job in &jobs {
            let old = self.read_old(&job.id).await?;
            let set = set_of(job)?;
            if !job.ran {
                let seen = old.report();
                self.set_job(unit, &job.id, |entry| entry.seen = Some(seen));
                let state = match old.status.as_str() {
                    "pause" => "paused",
                    other => other,
                };
                self.output.line(&format!(
                    "{}  is {state} on the old side as before. Do not resume it plainly: its Gtid there may lack the beginning. Give it this one by an update, which starts it: {set}",
                    job.id
                ));
                continue;
            }
            self.set_job(unit, &job.id, |entry| entry.started = true);
            self.save()?;
            self.go_on(&old, &set).await?;
            self.old_runs(&job.id, &set).await?;
            if let Some(dest) = self.destination(&job.id).await?
                && begun.insert(dest.address.to_string())
            {
                self.old_table_is_there(&dest).await?;
            }
            self.output
                .line(&format!("{}  runs on the old side again", job.id));
        }
        for job in &jobs {
            if self.new.new_job(&job.id).await?.is_some() {
                self.new.remove(&job.id).await?;
            }
            self.set_job(unit, &job.id, |entry| {
                entry.made = false;
                entry.started = false;
            });
        }
        self.set_step(unit, Step::Returned)
    }

    async fn old_table_is_there(&self, dest: &Connection) -> Result<(), Stop> {
        let until = Instant::now() + self.options.patience.total;
        while !self.tables(dest).await?.old {
            if Instant::now() >= until {
                return Err(Stop(format!("{} has no table of 2.x's", dest.address)));
            }
            tokio::time::sleep(self.options.patience.look).await;
        }
        Ok(())
    }
}
