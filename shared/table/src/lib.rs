//! The figures of tasks, shared by all instances of the statistics function.
//!
//! Lambda gives an instance one request at a time, so callers of the same moment are
//! callers of different processes, and each process would ask the task for itself. With
//! a table in between, a task is asked at most once in 15 seconds however many there
//! are: who wants to ask puts a claim into the table first, on the condition that
//! nobody's claim is younger, and puts in what the task said; the others read that.
//!
//! So an answer is good for 15 seconds from the signal, and not from the moment in which
//! the plugin took its figures, up to 15 seconds before: both bounds cannot be held, since
//! figures that are due a second after a signal would take another one. What is read can be
//! nearly 30 seconds old by its `Timestamp`.
//!
//! An item is a task:
//!
//! | attribute | |
//! |---|---|
//! | `task` | the key: the allocation's ID, a slash, the task's name |
//! | `until` | number: milliseconds since 1970 until which nobody may ask again |
//! | `answered` | true once the task has been asked |
//! | `said` | its statistics as JSON, if it said any |
//! | `expires` | number: seconds since 1970 when DynamoDB may remove the item |
//!
//! A table that is away takes no statistics with it: each instance asks for itself then.

mod dynamo;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dtle_api::App;
use dtle_api::cluster::samples::{INTERVAL, Memory, Said, Sample, Samples, Task};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use self::dynamo::{CallError, Dynamo};

/// How long a table that failed is left alone.
const REST: Duration = Duration::from_secs(30);
/// How long another instance's answer is waited for. It has four seconds for an attempt.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two looks for it.
const PAUSE: Duration = Duration::from_millis(100);
/// How long an item is kept, so that the table holds no tasks that are long gone.
const KEPT: Duration = Duration::from_secs(3_600);

/// What went wrong with the table, for the log.
type Fault = String;

/// Lets an app share what tasks say, when `DTLE_SAMPLES_TABLE` names a table.
pub fn share(app: &mut App) {
    let name = std::env::var("DTLE_SAMPLES_TABLE").unwrap_or_default();
    if !name.trim().is_empty() {
        app.statistics.share(Table::new(name.trim()));
    }
}

/// A table, and what this process remembers of it.
pub struct Table {
    name: String,
    client: OnceCell<Dynamo>,
    memory: Memory,
    /// Milliseconds since 1970 until which it is left alone.
    rests: AtomicU64,
}

/// What an instance finds that wants a task's figures.
enum Found {
    Sample(Sample),
    /// Nobody has asked for a while, and this instance now may: until then nobody else.
    Claim(u64),
}

impl Samples for Table {
    fn said<'a>(&'a self, task: Task<'a>, ask: BoxFuture<'a, Sample>) -> BoxFuture<'a, Said> {
        self.memory.said(task, Box::pin(self.shared(task, ask)))
    }
}

impl Table {
    /// The table of that name. Nothing is set up before it is first needed.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            client: OnceCell::new(),
            memory: Memory::default(),
            rests: AtomicU64::new(0),
        }
    }

    async fn shared(&self, task: Task<'_>, ask: BoxFuture<'_, Sample>) -> Sample {
        if now() < self.rests.load(Ordering::Relaxed) {
            return ask.await;
        }
        let key = format!("{}/{}", task.allocation, task.name);
        let until = match self.found(&key).await {
            Ok(Found::Sample(sample)) => return sample,
            Ok(Found::Claim(until)) => until,
            Err(fault) => {
                self.failed(&fault);
                return ask.await;
            }
        };
        let mut sample = ask.await;
        let kept = match &sample.said {
            Ok(said) => {
                sample.lifetime = left(until);
                let said = said.as_deref().map(serde_json::to_string).transpose();
                self.answer(&key, until, said.ok().flatten()).await
            }
            // Nobody is to wait for what did not come.
            Err(_) => self.release(&key, until).await,
        };
        if let Err(fault) = kept {
            self.failed(&fault);
        }
        sample
    }

    fn failed(&self, fault: &Fault) {
        let table = &self.name;
        tracing::warn!(table, cause = fault, "statistics are not shared");
        self.rests.store(now() + millis(REST), Ordering::Relaxed);
    }

    /// What another instance was told, as long as that is good; else the right to ask.
    async fn found(&self, key: &str) -> Result<Found, Fault> {
        let give_up = now() + millis(PATIENCE);
        loop {
            let item = self.read(key).await?;
            let until = item.as_ref().map_or(0, |item| number_of(item, "until"));
            if until <= now() {
                if let Some(until) = self.claim(key).await? {
                    return Ok(Found::Claim(until));
                }
            } else if let Some(item) = item.filter(|item| item.contains_key("answered")) {
                let said = match item.get("said") {
                    Some(said) => {
                        let said = said.get("S").and_then(Value::as_str).unwrap_or_default();
                        let said = serde_json::from_str(said);
                        Some(said.map_err(|error| format!("{key}: {error}"))?)
                    }
                    None => None,
                };
                return Ok(Found::Sample(Sample {
                    said: Ok(said.map(Arc::new)),
                    lifetime: left(until),
                }));
            } else if now() >= give_up {
                // Whoever asked has ended without a word. The next may ask when its claim
                // is over.
                return Ok(Found::Sample(Sample {
                    said: Ok(None),
                    lifetime: left(until),
                }));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&self, key: &str) -> Result<Option<Map<String, Value>>, Fault> {
        let asked = json!({
            "TableName": self.name,
            "Key": {"task": {"S": key}},
            "ConsistentRead": true,
        });
        match self.call("GetItem", &asked).await {
            Ok(mut answer) => match answer.get_mut("Item").map(Value::take) {
                Some(Value::Object(item)) => Ok(Some(item)),
                _ => Ok(None),
            },
            Err(CallError::Condition) => Ok(None),
            Err(CallError::Other(fault)) => Err(fault),
        }
    }

    /// Puts a claim into the table; `None` when another instance was faster.
    async fn claim(&self, key: &str) -> Result<Option<u64>, Fault> {
        let until = now() + millis(INTERVAL);
        let put = json!({
            "TableName": self.name,
            "Item": item(key, until),
            "ConditionExpression": "attribute_not_exists(task) OR #until <= :now",
            "ExpressionAttributeNames": {"#until": "until"},
            "ExpressionAttributeValues": {":now": number(now())},
        });
        match self.call("PutItem", &put).await {
            Ok(_) => Ok(Some(until)),
            Err(CallError::Condition) => Ok(None),
            Err(CallError::Other(fault)) => Err(fault),
        }
    }

    /// Puts in what a task said.
    async fn answer(&self, key: &str, until: u64, said: Option<String>) -> Result<(), Fault> {
        let mut item = item(key, until);
        item.insert("answered".to_owned(), json!({"BOOL": true}));
        if let Some(said) = said {
            item.insert("said".to_owned(), json!({"S": said}));
        }
        self.settle(until, item).await
    }

    /// Gives a claim back.
    async fn release(&self, key: &str, until: u64) -> Result<(), Fault> {
        self.settle(until, item(key, 0)).await
    }

    /// Replaces one's own claim, unless it is over and another's stands there.
    async fn settle(&self, claimed: u64, item: Map<String, Value>) -> Result<(), Fault> {
        let put = json!({
            "TableName": self.name,
            "Item": item,
            "ConditionExpression": "#until = :claimed",
            "ExpressionAttributeNames": {"#until": "until"},
            "ExpressionAttributeValues": {":claimed": number(claimed)},
        });
        match self.call("PutItem", &put).await {
            Ok(_) | Err(CallError::Condition) => Ok(()),
            Err(CallError::Other(fault)) => Err(fault),
        }
    }

    async fn call(&self, operation: &str, body: &Value) -> Result<Value, CallError> {
        let client = self.client.get_or_try_init(Dynamo::new).await;
        client
            .map_err(CallError::Other)?
            .call(operation, body)
            .await
    }
}

/// Milliseconds since 1970, by the wall clock: the monotonic one of a process that was
/// frozen says nothing.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The time from now until then.
fn left(until: u64) -> Duration {
    Duration::from_millis(until.saturating_sub(now()))
}

/// An item that nobody has answered.
fn item(key: &str, until: u64) -> Map<String, Value> {
    let expires = (now() + millis(KEPT)) / 1_000;
    let pairs = [
        ("task", json!({"S": key})),
        ("until", number(until)),
        ("expires", number(expires)),
    ];
    let pairs = pairs.into_iter();
    pairs
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn number(value: u64) -> Value {
    json!({"N": value.to_string()})
}

/// A number of an item; 0 where it has none.
fn number_of(item: &Map<String, Value>, name: &str) -> u64 {
    let text = item.get(name).and_then(|value| value.get("N")?.as_str());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}
