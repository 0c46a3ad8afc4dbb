//! What would be done, and what stands against it.
//!
//! Made before anything is changed, from questions alone: to both sides, and with
//! the jobs' own access to the databases that they join.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::json;

use crate::gtid::GtidSet;
use crate::mysql::Database;

use super::executed::{Source, source};
use super::job::{Connection, Endpoint, OldJob, Side};
use super::journal::{Journal, Step, UnitEntry};
use super::sides::Stop;
use super::table::{Tables, tables_of};
use super::units::{Edge, units};
use super::{Connector, Migration};

/// All that would be done.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The old side.
    pub from: String,
    /// The new side.
    pub to: String,
    /// What is moved together, in this order.
    pub units: Vec<PlannedUnit>,
}

/// Jobs that are moved together.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedUnit {
    /// The servers that they write, each with its other names.
    pub destinations: Vec<String>,
    /// How far it is, by the journal.
    pub step: Option<Step>,
    /// Its jobs.
    pub jobs: Vec<PlannedJob>,
    /// Why it is not moved. Empty: it is.
    pub refused: Vec<String>,
    /// What to know.
    pub notes: Vec<String>,
}

/// A job in a plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedJob {
    /// Its ID.
    pub id: String,
    /// Its Status on the old side.
    pub status: String,
    /// What becomes of it.
    pub action: Action,
    /// The Gtid that 2.x reports, as far as it does.
    pub reported: String,
    /// The whole set, as of now; `None` where it cannot be told.
    pub whole: Option<String>,
    /// Where the whole set comes from.
    pub origin: String,
    /// What to know.
    pub notes: Vec<String>,
}

/// What becomes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It goes on on the new side.
    Move,
    /// It is made there and does not start.
    MovePaused,
    /// It stays on the old side, and can never run there again.
    Leave,
}

/// What a server answered.
#[derive(Clone, Debug, Default)]
struct Probe {
    uuid: Option<String>,
    source: Option<Source>,
    tables: Tables,
    /// Why it is of no use as a source; as a destination.
    source_fault: Option<String>,
    fault: Option<String>,
}

type Probes = BTreeMap<String, Probe>;

/// What becomes of a job of a unit that was begun. Its Status says nothing: the
/// command has paused it.
fn begun_as(unit: &UnitEntry, id: &str) -> Action {
    match unit.jobs.iter().find(|job| job.id == id) {
        Some(job) if job.ran => Action::Move,
        Some(_) => Action::MovePaused,
        None => Action::Leave,
    }
}

fn key(connection: &Connection) -> String {
    format!("{}@{}", connection.address.user, connection.address)
}

impl<C: Connector> Migration<'_, C> {
    /// Makes the plan.
    ///
    /// # Errors
    /// When a side does not answer, or `--only` names a part of what goes together.
    pub async fn plan(&self, journal: &Journal) -> Result<Plan, Stop> {
        let mut jobs = Vec::new();
        for id in self.old.ids().await? {
            jobs.extend(self.old.old_job(&id).await?);
        }
        for id in &self.options.only {
            if !jobs.iter().any(|job| &job.id == id) {
                return Err(Stop(format!(
                    "--only {id}: there is no such job on the old side"
                )));
            }
        }
        let probes = self.probe(&jobs).await;
        let split = self.is_split().await?;
        let mut planned = Vec::new();
        for unit in units(&edges(&jobs, &probes)) {
            let of_unit: Vec<&OldJob> = jobs
                .iter()
                .filter(|job| unit.jobs.contains(&job.id))
                .collect();
            if !self.selected(&of_unit)? {
                continue;
            }
            planned.push(self.planned_unit(&of_unit, &probes, split, journal).await?);
        }
        Ok(Plan {
            from: self.old.api.shown(),
            to: self.new.api.shown(),
            units: planned,
        })
    }

    /// Whether `--only` means these jobs.
    fn selected(&self, jobs: &[&OldJob]) -> Result<bool, Stop> {
        let only = &self.options.only;
        let (named, missing): (Vec<&str>, Vec<&str>) = jobs
            .iter()
            .map(|job| job.id.as_str())
            .partition(|id| only.iter().any(|known| known == id));
        if only.is_empty() || missing.is_empty() {
            return Ok(true);
        }
        if named.is_empty() {
            return Ok(false);
        }
        Err(Stop(format!(
            "--only {} would split what can only be moved together: name {} too",
            named.join(" "),
            missing.join(" ")
        )))
    }

    /// Asks every server once for each access that a job has to it.
    async fn probe(&self, jobs: &[OldJob]) -> Probes {
        let mut probes = Probes::new();
        for job in jobs {
            for side in [Side::Src, Side::Dest] {
                let Endpoint::MySql(connection) = job.endpoint(side) else {
                    continue;
                };
                if let Entry::Vacant(unasked) = probes.entry(key(&connection)) {
                    unasked.insert(self.probe_one(&connection).await);
                }
            }
        }
        probes
    }

    async fn probe_one(&self, connection: &Connection) -> Probe {
        let mut probe = Probe::default();
        let mut database = match self.connector.open(connection).await {
            Ok(database) => database,
            Err(error) => {
                probe.fault = Some(error.to_string());
                probe.source_fault = Some(error.to_string());
                return probe;
            }
        };
        match source(&mut database).await {
            Ok(found) => {
                probe.uuid = Some(found.uuid.clone());
                probe.source = Some(found);
                // The right to look into the binlogs is another one.
                if let Err(error) = database.rows("SHOW BINARY LOGS").await {
                    probe.source_fault = Some(error.to_string());
                }
            }
            Err(error) => {
                probe.source_fault = Some(error.to_string());
                // A destination need not have GTIDs.
                let uuid = database.rows("SELECT @@GLOBAL.server_uuid").await;
                probe.uuid = uuid
                    .ok()
                    .and_then(|rows| rows.into_iter().next()?.into_iter().next()?);
            }
        }
        match tables_of(&mut database, &self.options.old_schema).await {
            Ok(tables) => probe.tables = tables,
            Err(error) => probe.fault = Some(error.to_string()),
        }
        probe
    }

    /// Whether the new side's plugin is older than 4.22.11. The API says so to a job
    /// that only later ones can run; it is not made.
    async fn is_split(&self) -> Result<bool, Stop> {
        let connection = json!({"Host": "h", "Port": 1, "User": "u", "Password": "p"});
        let oracle = json!({
            "Host": "h", "Port": 1, "User": "u", "Password": "p", "ServiceName": "s", "Scn": 0,
        });
        let body = json!({"Name": "generation", "Tasks": [
            {"Type": "Src", "Driver": "Oracle", "Config": {"SrcOracleConfig": oracle}},
            {"Type": "Dest", "Config": {"ConnectionConfig": connection}},
        ]});
        let fault = self.new.fault_of(&body, false).await?;
        Ok(fault.contains("needs the dtle plugin 4.22.11"))
    }

    async fn planned_unit(
        &self,
        jobs: &[&OldJob],
        probes: &Probes,
        split: bool,
        journal: &Journal,
    ) -> Result<PlannedUnit, Stop> {
        let begun = jobs
            .iter()
            .find_map(|job| journal.unit_of(&job.id))
            .filter(|unit| unit.step != Step::Returned);
        let mut unit = PlannedUnit {
            destinations: destinations(jobs, probes),
            step: begun.map(|unit| unit.step),
            jobs: Vec::new(),
            refused: Vec::new(),
            notes: Vec::new(),
        };
        for job in jobs {
            let planned = self
                .planned_job(job, probes, begun, &mut unit.refused)
                .await?;
            unit.jobs.push(planned);
        }
        if begun.is_none() {
            self.check_tables(jobs, probes, split, &mut unit);
        }
        let left: Vec<&str> = unit
            .jobs
            .iter()
            .filter(|job| job.action == Action::Leave)
            .map(|job| job.id.as_str())
            .collect();
        if !left.is_empty() {
            let why = if begun.is_some() {
                "It was dead or not there when this was begun, and cannot run on the old side after the move; to take it along, go --back and move again"
            } else {
                "It cannot run on the old side after the move; --with-dead makes it on the new side, paused"
            };
            unit.notes
                .push(format!("left where it is: {}. {why}", left.join(", ")));
        }
        Ok(unit)
    }

    fn check_tables(&self, jobs: &[&OldJob], probes: &Probes, split: bool, unit: &mut PlannedUnit) {
        let mut seen = BTreeSet::new();
        for job in jobs {
            let Endpoint::MySql(connection) = job.endpoint(Side::Dest) else {
                continue;
            };
            let Some(probe) = probes.get(&key(&connection)) else {
                continue;
            };
            let name = connection.address.to_string();
            if !seen.insert(name.clone()) {
                continue;
            }
            if let Some(fault) = &probe.fault {
                unit.refused.push(format!(
                    "the destination cannot be asked what was applied there: {fault}"
                ));
            }
            if probe.tables.new {
                unit.refused.push(format!(
                    "{name} has dtle.gtid_executed_v4: the plugin has run there, and 2.x cannot. Where no job of the plugin uses it any more, drop it; then repeat"
                ));
            }
            let schema = &self.options.old_schema;
            if split && probe.tables.old && schema == crate::forget::SCHEMA {
                if self.options.drop_old_table {
                    unit.notes.push(format!(
                        "{schema}.gtid_executed_v3a is dropped on {name} before the first start"
                    ));
                } else {
                    unit.refused.push(format!(
                        "the new side's plugin is older than 4.22.11, and up to 3.20.10 it refuses {name} while {schema}.gtid_executed_v3a is there: --drop-old-table drops it before the first start, when what it holds is in the jobs' Gtids"
                    ));
                }
            } else if probe.tables.old {
                unit.notes.push(format!(
                    "the plugin turns {schema}.gtid_executed_v3a into its own table on {name} at the first start: no 2.x job can write there any more"
                ));
            }
        }
    }

    async fn planned_job(
        &self,
        job: &OldJob,
        probes: &Probes,
        begun: Option<&UnitEntry>,
        refused: &mut Vec<String>,
    ) -> Result<PlannedJob, Stop> {
        let action = begun.map_or_else(|| self.action(job), |unit| begun_as(unit, &job.id));
        let id = &job.id;
        let mut planned = PlannedJob {
            id: id.clone(),
            status: job.status.clone(),
            action,
            reported: String::new(),
            whole: None,
            origin: String::new(),
            notes: job.notes(&self.nodes),
        };
        match job.gtid() {
            Ok(gtid) => planned.reported = gtid.to_string(),
            Err(error) => refused.push(format!("{id}: its Gtid: {error}")),
        }
        if action == Action::Leave || begun.is_some() {
            return Ok(planned);
        }
        for side in [Side::Src, Side::Dest] {
            if let Endpoint::Other(why) = job.endpoint(side) {
                refused.push(format!("{id} cannot be moved: {why}"));
                return Ok(planned);
            }
        }
        if job.status == "dead" {
            planned.notes.push(format!(
                "it is dead ({}): the transaction that it failed at may be applied in part",
                job.description
            ));
        }
        match self.whole_of(job, probes).await {
            Ok((set, origin)) => {
                planned.whole = set.map(|set| set.to_string());
                planned.origin = origin;
            }
            Err(Stop(why)) => refused.push(format!("{id}: {why}")),
        }
        let set = planned.whole.as_deref().unwrap_or_default().parse();
        let body = job.for_the_new_side(&set.unwrap_or_default(), &self.nodes);
        if self.new.new_job(id).await?.is_some() {
            refused.push(format!("{id} is on the new side already"));
        } else {
            match self.new.fault_of(&body, !self.options.forget).await {
                Ok(fault) if fault.is_empty() => {}
                Ok(fault) | Err(Stop(fault)) => refused.push(format!("{id}: {fault}")),
            }
        }
        Ok(planned)
    }

    /// What becomes of a job by its Status.
    pub(super) fn action(&self, job: &OldJob) -> Action {
        match job.status.as_str() {
            "running" | "pending" => Action::Move,
            "pause" => Action::MovePaused,
            _ if self.options.with_dead => Action::MovePaused,
            _ => Action::Leave,
        }
    }

    /// The whole set as of now, and where it comes from. `None` for a job that has
    /// to begin with a copy, as far as can be told while it runs.
    async fn whole_of(
        &self,
        job: &OldJob,
        probes: &Probes,
    ) -> Result<(Option<GtidSet>, String), Stop> {
        if let Some(set) = self.options.gtid.get(&job.id) {
            return Ok((Some(set.clone()), "--gtid".to_owned()));
        }
        let found = match job.endpoint(Side::Src) {
            Endpoint::MySql(connection) => probes.get(&key(&connection)),
            _ => None,
        };
        let reachable = found.is_some_and(|probe| probe.source_fault.is_none());
        if reachable && job.position().is_none() && job.gtid().is_ok_and(|set| set.is_empty()) {
            let origin =
                "not known while it runs; refused at its turn if it has not finished its copy";
            return Ok((None, origin.to_owned()));
        }
        let (set, origin) = self.applied(job).await?;
        Ok((Some(set), origin))
    }
}

/// A server by what identifies it: its UUID, or its address when it cannot be asked.
fn identity(endpoint: &Endpoint, probes: &Probes) -> String {
    match endpoint {
        Endpoint::MySql(connection) => probes
            .get(&key(connection))
            .and_then(|probe| probe.uuid.clone())
            .unwrap_or_else(|| connection.address.to_string().to_ascii_lowercase()),
        Endpoint::Kafka(name) => name.clone(),
        Endpoint::Other(why) => why.clone(),
    }
}

fn edges(jobs: &[OldJob], probes: &Probes) -> Vec<Edge> {
    jobs.iter()
        .map(|job| Edge {
            id: job.id.clone(),
            source: identity(&job.endpoint(Side::Src), probes),
            destination: match job.endpoint(Side::Dest) {
                // Nothing joins jobs that write to Kafka.
                Endpoint::Kafka(name) => format!("{name} by {}", job.id),
                other => identity(&other, probes),
            },
        })
        .collect()
}

/// The destinations of jobs, each with all its names.
fn destinations(jobs: &[&OldJob], probes: &Probes) -> Vec<String> {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for job in jobs {
        let endpoint = job.endpoint(Side::Dest);
        let shown = match &endpoint {
            Endpoint::MySql(connection) => connection.address.to_string(),
            Endpoint::Kafka(name) | Endpoint::Other(name) => name.clone(),
        };
        names
            .entry(identity(&endpoint, probes))
            .or_default()
            .insert(shown);
    }
    let all = names.into_values();
    all.map(|names| names.into_iter().collect::<Vec<_>>().join(" = "))
        .collect()
}
