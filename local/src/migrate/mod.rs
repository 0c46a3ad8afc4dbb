//! Moving jobs from a running dtle 2.x cluster, so that nothing is lost.
//!
//! Two goals pull against each other: a job must never run on both sides, and it
//! must not stand still for long. So the slow questions are asked before anything is
//! paused (`plan`), what goes together is moved together and quickly (`units`,
//! `steps`), and whatever fails before the first start is undone at once. What makes
//! it right is the set of transactions that a job goes on from, which neither side
//! tells by itself (`executed`). What makes it safe to kill is the `journal`.
//!
//! - `applied`: what a job of the old side has applied.
//! - `job`: a job of the old side, and what of it goes to the new one.
//! - `sides`: the two APIs, asked until they answer.
//! - `table`: what both generations note on a destination.
//! - `back`: the way back after the first start.
//! - `verify`: both databases compared, table by table.
//! - `output`: what the operator sees.

mod applied;
mod back;
mod binlog;
mod command;
mod executed;
mod executed_error;
mod follow;
mod job;
mod journal;
mod output;
mod plan;
mod sides;
mod steps;
mod table;
mod units;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::gtid::GtidSet;
use crate::mysql::{Database, MySqlError, Session, Tls};

pub use command::{Arguments, run};
pub use executed::{Executed, Source, executed_at, source, whole};
pub use executed_error::ExecutedError;
pub use job::{Connection, Endpoint, OldJob, Position};
pub use journal::{Entries, JobEntry, Journal, JournalError, Step, UnitEntry};
pub use output::Output;
pub use plan::{Action, Plan, PlannedJob, PlannedUnit};
pub use sides::{Patience, Side, Stop};
pub use steps::Outcome;
pub use table::{OLD_TABLE, Tables};
pub use verify::{Compared, Pair, compare, pairs};

/// How long a database may take for one statement.
const STATEMENT: Duration = Duration::from_secs(120);

/// What an operator chose.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only these jobs; all when empty.
    pub only: Vec<String>,
    /// Move dead jobs too; they do not start.
    pub with_dead: bool,
    /// Take the beginning that a set lacks for applied, where no source tells.
    pub complete_gtid: bool,
    /// Sets that are given by hand.
    pub gtid: BTreeMap<String, GtidSet>,
    /// Remove progress that is stored under a job's ID on the new side.
    pub forget: bool,
    /// Drop 2.x's table on a destination before the first start there.
    pub drop_old_table: bool,
    /// Drop the plugin's table on a destination on the way back.
    pub drop_new_table: bool,
    /// The schema in which the 2.x servers keep their table.
    pub old_schema: String,
    /// How long to wait for things.
    pub patience: Patience,
}

/// Opens databases.
pub trait Connector {
    /// An open one.
    type Database: Database;

    /// Opens the one that a job has access to.
    fn open(
        &self,
        connection: &Connection,
    ) -> impl Future<Output = Result<Self::Database, MySqlError>> + Send;
}

/// Opens real ones.
#[derive(Clone, Debug, Default)]
pub struct Real {
    /// How connections are encrypted.
    pub tls: Tls,
}

impl Connector for Real {
    type Database = Session;

    async fn open(&self, connection: &Connection) -> Result<Session, MySqlError> {
        Session::open(
            &connection.address,
            &connection.password,
            &self.tls,
            STATEMENT,
        )
        .await
    }
}

/// A migration: the two sides, what was chosen, what was done.
#[derive(Debug)]
pub struct Migration<'a, C> {
    old: Side,
    new: Side,
    connector: C,
    options: Options,
    journal: Journal,
    output: &'a Output,
    /// The nodes of the new side.
    nodes: BTreeSet<String>,
}

impl<'a, C: Connector> Migration<'a, C> {
    /// Looks at the new side's nodes; changes nothing.
    ///
    /// # Errors
    /// When the new side does not answer.
    pub async fn new(
        (old, new): (Side, Side),
        connector: C,
        options: Options,
        journal: Journal,
        output: &'a Output,
    ) -> Result<Self, Stop> {
        let nodes = new.nodes().await?;
        Ok(Self {
            old,
            new,
            connector,
            options,
            journal,
            output,
            nodes,
        })
    }

    /// What would be done.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub async fn planned(&self) -> Result<Plan, Stop> {
        self.plan(&self.journal).await
    }

    /// Moves all that the plan does not call unsafe, until it is told to stop: then
    /// the unit that was begun is finished. Returns whether nothing was left.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn run(&mut self, plan: &Plan, stop: &AtomicBool) -> Result<bool, Stop> {
        let mut complete = true;
        let mut moved = Vec::new();
        for planned in &plan.units {
            let name = planned.destinations.join(" and ");
            if stop.load(Ordering::Relaxed) {
                self.output.line(&format!("{name}: not begun"));
                complete = false;
                continue;
            }
            if !planned.refused.is_empty() && planned.step.is_none() {
                self.output
                    .line(&format!("{name}: left where it is, as the plan says"));
                complete = false;
                continue;
            }
            complete &= planned.jobs.iter().all(|job| job.action != Action::Leave);
            let unit = self.enter(planned)?;
            let is_new = self.unit(unit).step != Step::Moved;
            let outcome = self.forward(unit).await?;
            if outcome == Outcome::Moved && is_new {
                moved.push(unit);
            }
            complete &= outcome == Outcome::Moved;
            self.output.line(&match outcome {
                Outcome::Moved => format!("{name}: moved"),
                Outcome::Undone(why) => {
                    format!("{name}: NOT moved, on the old side as before: {why}")
                }
                Outcome::Stuck(why) => format!(
                    "{name}: STUCK at {:?}: {why}. Repeat the command to go on, or --back",
                    self.unit(unit).step
                ),
            });
        }
        self.follow(&moved).await;
        Ok(complete)
    }

    /// Takes everything back that the journal knows of. Returns whether all is on
    /// the old side.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn run_back(&mut self) -> Result<bool, Stop> {
        let mut complete = true;
        for unit in 0..self.journal.entries.units.len() {
            let name = self.unit(unit).destinations.join(" and ");
            let outcome = self.backward(unit).await?;
            self.output.line(&match outcome {
                Outcome::Undone(_) | Outcome::Moved => format!("{name}: on the old side"),
                Outcome::Stuck(why) => {
                    complete = false;
                    let step = self.unit(unit).step;
                    format!("{name}: STUCK at {step:?}: {why}. Repeat the command to go on")
                }
            });
        }
        Ok(complete)
    }

    #[expect(clippy::indexing_slicing, reason = "units are only ever added")]
    fn unit(&self, unit: usize) -> &UnitEntry {
        &self.journal.entries.units[unit]
    }

    /// Writes a step down; it is taken when this has returned.
    fn set_step(&mut self, unit: usize, step: Step) -> Result<(), Stop> {
        if let Some(entry) = self.journal.entries.units.get_mut(unit) {
            entry.step = step;
        }
        self.save()
    }

    /// Changes a job's entry; written with the next step.
    fn set_job(&mut self, unit: usize, id: &str, change: impl FnOnce(&mut JobEntry)) {
        let unit = self.journal.entries.units.get_mut(unit);
        let jobs = unit.map(|unit| unit.jobs.iter_mut());
        if let Some(entry) = jobs.into_iter().flatten().find(|job| job.id == id) {
            change(entry);
        }
    }

    fn save(&self) -> Result<(), Stop> {
        self.journal.save().map_err(|error| Stop(error.to_string()))
    }
}
