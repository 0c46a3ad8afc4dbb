//! The two sides: what is asked of each, again until it is answered.
//!
//! A call whose answer is lost may have been acted upon, and either side can be
//! restarted at any moment. So nothing here rests on an answer to a write: it is
//! sent, then looked at, until what was wanted is there or the time is up.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dtle_outbound::Method;
use serde_json::{Map, Value};

use super::job::{OldJob, Position};
use crate::api::{Api, ApiError, job_path};
use crate::gtid::GtidSet;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// How long a job's progress has to stand still after its tasks ended: both
/// generations write it a few seconds late.
const SETTLE: Duration = Duration::from_secs(8);
/// Looks in a row at which both tasks have to be running.
const STEADY: u32 = 4;

/// Something that was not reached. The text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Stop(pub String);

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self(error.to_string())
    }
}

/// How long to keep trying, and how long to let things settle.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a job to stop, to run, for a side to answer again.
    pub total: Duration,
    /// See [`SETTLE`].
    pub settle: Duration,
    /// Between two looks.
    pub look: Duration,
}

impl Patience {
    /// The usual pauses, and this much patience.
    #[must_use]
    pub fn of(total: Duration) -> Self {
        Self {
            total,
            settle: SETTLE,
            look: LOOK,
        }
    }
}

/// A job on the new side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Its Status.
    pub status: String,
    /// Why it failed.
    pub description: String,
    /// Its Gtid, live if the gateway knows Consul; `None` when it is no set.
    pub gtid: Option<GtidSet>,
}

/// One of the two APIs.
#[derive(Debug)]
pub struct Side {
    /// Its client.
    pub api: Api,
    /// What it is called in messages.
    pub name: &'static str,
    patience: Patience,
}

impl Side {
    /// A side.
    #[must_use]
    pub fn new(api: Api, name: &'static str, patience: Patience) -> Self {
        Self {
            api,
            name,
            patience,
        }
    }

    /// Asks until it is answered. A refusal that says that the request is at fault
    /// is an answer.
    async fn ask<T>(&self, question: impl AsyncFn() -> Result<T, ApiError>) -> Result<T, Stop> {
        let until = Instant::now() + self.patience.total;
        loop {
            match question().await {
                Ok(answer) => return Ok(answer),
                Err(error @ ApiError::Refused { status, .. }) if status.is_client_error() => {
                    return Err(error.into());
                }
                Err(error) if Instant::now() >= until => return Err(error.into()),
                Err(_) => tokio::time::sleep(self.patience.look).await,
            }
        }
    }

    /// The IDs of all jobs.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ids(&self) -> Result<Vec<String>, Stop> {
        let list = self.ask(async || self.api.get("v1/jobs").await).await?;
        let ids = items(&list).iter().filter_map(|job| text(job, "ID"));
        Ok(ids.collect())
    }

    /// A job as the 2.x side has it.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn old_job(&self, id: &str) -> Result<Option<OldJob>, Stop> {
        let path = job_path(id);
        let job = self.ask(async || self.api.find(&path).await).await?;
        Ok(job.and_then(OldJob::of))
    }

    /// A job that was there. A 2.x server that has just been started does not know its
    /// jobs for a moment, so one that is missing is looked for again.
    ///
    /// # Errors
    /// When it does not answer, or the job is gone.
    pub async fn known_job(&self, id: &str) -> Result<OldJob, Stop> {
        let until = Instant::now() + self.patience.settle;
        let mut is_last = false;
        loop {
            if let Some(job) = self.old_job(id).await? {
                return Ok(job);
            }
            if is_last {
                return Err(Stop(format!("{id} is not on the {} any more", self.name)));
            }
            is_last = Instant::now() >= until;
            tokio::time::sleep(self.patience.look).await;
        }
    }

    /// A job as the new side has it.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn new_job(&self, id: &str) -> Result<Option<NewJob>, Stop> {
        let Some(job) = self.old_job(id).await? else {
            return Ok(None);
        };
        Ok(Some(NewJob {
            gtid: job.gtid().ok(),
            status: job.status,
            description: job.description,
        }))
    }

    /// The names of the nodes.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn nodes(&self) -> Result<BTreeSet<String>, Stop> {
        let list = self.ask(async || self.api.get("v1/nodes").await).await?;
        let names = items(&list).iter().filter_map(|node| text(node, "Name"));
        Ok(names.collect())
    }

    /// What the side says to a job before it is made; empty when nothing is wrong.
    ///
    /// # Errors
    /// When it does not answer, or cannot check.
    pub async fn fault_of(&self, body: &Value, fresh: bool) -> Result<String, Stop> {
        let path = if fresh {
            "v1/validate/job?fresh=true"
        } else {
            "v1/validate/job"
        };
        let answer = self
            .ask(async || self.api.send(Method::POST, path, Some(body)).await)
            .await?;
        Ok(text(&answer, "Error").unwrap_or_default())
    }

    /// How many of a job's tasks are in one of these states.
    async fn count(&self, id: &str, wanted: &[&str]) -> Result<usize, Stop> {
        let path = format!("{}/allocations", job_path(id));
        let list = self.ask(async || self.api.get(&path).await).await?;
        let states = items(&list).iter().flat_map(states);
        Ok(states.filter(|state| wanted.contains(state)).count())
    }

    /// How many of a job's tasks run or are about to. 2.x can call one pending for
    /// good that works; told to stop, it stops, and is called so still. What it noted
    /// on the destination is looked at as well, therefore, before anything starts.
    async fn busy(&self, id: &str) -> Result<usize, Stop> {
        let path = format!("{}/allocations", job_path(id));
        let list = self.ask(async || self.api.get(&path).await).await?;
        let wanted = |allocation: &Value| {
            text(allocation, "DesiredStatus").is_none_or(|desired| desired == "run")
        };
        let busy = items(&list).iter().flat_map(|allocation| {
            let wanted = wanted(allocation);
            states(allocation)
                .filter(move |state| *state == "running" || *state == "pending" && wanted)
        });
        Ok(busy.count())
    }

    /// Pauses a job, and returns when it is called paused.
    ///
    /// # Errors
    /// When it is gone, or not paused in time.
    pub async fn pause(&self, id: &str) -> Result<(), Stop> {
        self.write_until(id, "pause", &["pause"]).await
    }

    /// Starts a paused job, and returns when it is not called paused any more.
    ///
    /// # Errors
    /// When it is gone, or not started in time.
    pub async fn resume(&self, id: &str) -> Result<(), Stop> {
        self.write_until(id, "resume", &["pending", "running", "dead", "complete"])
            .await
    }

    async fn write_until(&self, id: &str, verb: &str, wanted: &[&str]) -> Result<(), Stop> {
        let until = Instant::now() + self.patience.total;
        let path = format!("{}/{verb}", job_path(id));
        loop {
            let job = self.known_job(id).await?;
            if wanted.contains(&job.status.as_str()) {
                return Ok(());
            }
            let sent = self.api.send(Method::POST, &path, None).await;
            if Instant::now() >= until {
                let why = sent.map_or_else(|error| error.to_string(), |_| job.status);
                return Err(Stop(format!("{verb} of {id} on the {}: {why}", self.name)));
            }
            tokio::time::sleep(self.patience.look).await;
        }
    }

    /// Returns when none of a job's tasks run and its progress has stood still.
    ///
    /// # Errors
    /// When that takes too long, or the job is not paused.
    pub async fn stands_still(&self, id: &str) -> Result<OldJob, Stop> {
        let until = Instant::now() + self.patience.total + self.patience.settle;
        let mut seen: Option<(Option<GtidSet>, Option<Position>, Instant)> = None;
        loop {
            let job = self.known_job(id).await?;
            if matches!(job.status.as_str(), "running" | "pending") {
                return Err(Stop(format!(
                    "{id} is {} on the {}: somebody started it",
                    job.status, self.name
                )));
            }
            let busy = self.busy(id).await?;
            let now = (job.gtid().ok(), job.position());
            seen = match seen {
                _ if busy > 0 => None,
                Some((gtid, place, since)) if (&gtid, &place) == (&now.0, &now.1) => {
                    if since.elapsed() >= self.patience.settle {
                        return Ok(job);
                    }
                    Some((gtid, place, since))
                }
                _ => Some((now.0, now.1, Instant::now())),
            };
            if Instant::now() >= until {
                let what = if busy > 0 {
                    "its tasks do not stop"
                } else {
                    "its progress does not stand still"
                };
                return Err(Stop(format!("{id} on the {}: {what}", self.name)));
            }
            tokio::time::sleep(self.patience.look).await;
        }
    }

    /// Whether a job is paused and none of its tasks run, now.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn is_still(&self, id: &str) -> Result<bool, Stop> {
        let Some(job) = self.old_job(id).await? else {
            return Ok(false);
        };
        let stopped = matches!(job.status.as_str(), "pause" | "dead" | "complete");
        Ok(stopped && self.busy(id).await? == 0)
    }

    /// Returns when both tasks of a job have been running for a while.
    ///
    /// # Errors
    /// When it fails, or does not run in time.
    pub async fn runs(&self, id: &str) -> Result<(), Stop> {
        let until = Instant::now() + self.patience.total;
        let mut steady = 0;
        loop {
            let job = self.known_job(id).await?;
            let OldJob {
                status,
                description,
                ..
            } = &job;
            if status == "dead" {
                return Err(Stop(format!(
                    "{id} failed on the {}: {description}",
                    self.name
                )));
            }
            let running = status == "running" && self.count(id, &["running"]).await? >= 2;
            steady = if running { steady + 1 } else { 0 };
            if steady == STEADY {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(Stop(format!(
                    "{id} does not run on the {}: {status} {description}",
                    self.name
                )));
            }
            tokio::time::sleep(self.patience.look).await;
        }
    }

    /// Makes a job, paused, unless there is one of its ID.
    ///
    /// # Errors
    /// The answer, when it is none of success.
    pub async fn make_paused(&self, body: &Value) -> Result<(), ApiError> {
        let path = "v1/jobs?paused=true&fresh=true";
        self.api
            .send(Method::POST, path, Some(body))
            .await
            .map(|_| ())
    }

    /// Gives a job another Config; 2.x starts it with that.
    ///
    /// # Errors
    /// The answer, when it is none of success.
    pub async fn update(&self, body: &Value) -> Result<(), ApiError> {
        self.api
            .send(Method::POST, "v1/jobs", Some(body))
            .await
            .map(|_| ())
    }

    /// Removes a job and its progress in Consul, and returns when it is gone.
    ///
    /// # Errors
    /// When that cannot be done in time.
    pub async fn remove(&self, id: &str) -> Result<(), Stop> {
        let path = format!("{}?forget=true", job_path(id));
        self.ask(async || self.api.send(Method::DELETE, &path, None).await)
            .await?;
        Ok(())
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn states(allocation: &Value) -> impl Iterator<Item = &str> {
    let states = allocation.get("TaskStates").and_then(Value::as_object);
    states
        .into_iter()
        .flat_map(Map::values)
        .filter_map(|state| state.get("State").and_then(Value::as_str))
}
