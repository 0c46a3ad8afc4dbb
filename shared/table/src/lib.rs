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

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::BehaviorVersion;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use dtle_api::App;
use dtle_api::cluster::samples::{INTERVAL, Memory, Said, Sample, Samples, Task};
use dtle_api::outbound::aws;
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

/// How long one call to the table may take: less than asking the task by itself.
const CALL: Duration = Duration::from_millis(1_500);
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
    client: OnceCell<Client>,
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
            let until = item.as_ref().map_or(0, |item| number(item, "until"));
            if until <= now() {
                if let Some(until) = self.claim(key).await? {
                    return Ok(Found::Claim(until));
                }
            } else if let Some(item) = item.filter(|item| item.contains_key("answered")) {
                let said = match item.get("said") {
                    Some(AttributeValue::S(text)) => {
                        let said = serde_json::from_str(text);
                        Some(said.map_err(|error| format!("{key}: {error}"))?)
                    }
                    _ => None,
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

    async fn read(&self, key: &str) -> Result<Option<HashMap<String, AttributeValue>>, Fault> {
        let client = self.client().await;
        let answer = client
            .get_item()
            .table_name(&self.name)
            .key("task", text(key))
            .consistent_read(true)
            .send()
            .await;
        answer
            .map(|answer| answer.item)
            .map_err(|error| aws::causes(&error))
    }

    /// Puts a claim into the table; `None` when another instance was faster.
    async fn claim(&self, key: &str) -> Result<Option<u64>, Fault> {
        let until = now() + millis(INTERVAL);
        let client = self.client().await;
        let answer = client
            .put_item()
            .table_name(&self.name)
            .item("task", text(key))
            .item("until", of(until))
            .item("expires", expires())
            .condition_expression("attribute_not_exists(task) OR #until <= :now")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":now", of(now()))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Some(until)),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => Ok(None),
                _ => Err(aws::causes(&error)),
            },
        }
    }

    /// Puts in what a task said.
    async fn answer(&self, key: &str, until: u64, said: Option<String>) -> Result<(), Fault> {
        let answered = Some(AttributeValue::Bool(true));
        self.settle(key, until, until, answered, said.as_deref().map(text))
            .await
    }

    /// Gives a claim back.
    async fn release(&self, key: &str, until: u64) -> Result<(), Fault> {
        self.settle(key, until, 0, None, None).await
    }

    /// Replaces one's own claim, unless it is over and another's stands there.
    async fn settle(
        &self,
        key: &str,
        claimed: u64,
        until: u64,
        answered: Option<AttributeValue>,
        said: Option<AttributeValue>,
    ) -> Result<(), Fault> {
        let client = self.client().await;
        let mut put = client
            .put_item()
            .table_name(&self.name)
            .item("task", text(key))
            .item("until", of(until))
            .item("expires", expires())
            .condition_expression("#until = :claimed")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":claimed", of(claimed));
        for (name, value) in [("answered", answered), ("said", said)] {
            if let Some(value) = value {
                put = put.item(name, value);
            }
        }
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => Ok(()),
                _ => Err(aws::causes(&error)),
            },
        }
    }

    async fn client(&self) -> &Client {
        let connect = || async {
            let timeouts = TimeoutConfig::builder().operation_timeout(CALL).build();
            let mut config = aws_sdk_dynamodb::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(aws::region().await)
                .credentials_provider(aws::credentials())
                // Two or three calls come one after the other.
                .http_client(aws::Http::new(1))
                .timeout_config(timeouts)
                .retry_config(RetryConfig::standard().with_max_attempts(2));
            config.set_endpoint_url(aws::endpoint("AWS_ENDPOINT_URL_DYNAMODB"));
            Client::from_conf(config.build())
        };
        self.client.get_or_init(connect).await
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

fn expires() -> AttributeValue {
    of((now() + millis(KEPT)) / 1_000)
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn of(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn number(item: &HashMap<String, AttributeValue>, name: &str) -> u64 {
    match item.get(name) {
        Some(AttributeValue::N(text)) => text.parse().unwrap_or(0),
        _ => 0,
    }
}
