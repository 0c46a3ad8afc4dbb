//! Things that go wrong, on demand, and a log of what was asked.
//!
//! A test sets a fault while the server runs, and afterwards reads how many
//! requests a route cost and whether a write was sent twice. Everything here
//! is shared: a clone of [`Faults`] is the same faults.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::Method;
use tokio::sync::watch;

/// When a connection is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drop {
    /// The request is not looked at: a write is not applied.
    Before,
    /// The request is carried out, only its answer is lost.
    After,
}

/// What happens to the next few matching requests.
#[derive(Debug, Clone)]
enum Trick {
    Answer { status: u16, body: String },
    Drop(Drop),
    Delay(Duration),
}

#[derive(Debug)]
struct Rule {
    left: u64,
    method: Option<Method>,
    prefix: String,
    trick: Trick,
}

/// One request, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The method, in capitals.
    pub method: String,
    /// The path without its query. Requests to Consul begin with `consul:`.
    pub path: String,
    /// The query, as sent.
    pub query: String,
}

/// How many requests the log keeps; counters are never cut.
const LOG_KEPT: usize = 4096;

#[derive(Debug, Default)]
struct Log {
    counts: HashMap<String, HashMap<String, u64>>,
    recent: VecDeque<Logged>,
}

#[derive(Debug)]
struct Inner {
    no_leader: AtomicBool,
    forbidden: AtomicBool,
    delay_nanoseconds: AtomicU64,
    frozen: watch::Sender<bool>,
    armed: AtomicBool,
    rules: Mutex<Vec<Rule>>,
    logging: AtomicBool,
    log: Mutex<Log>,
}

/// The faults of a running server, and its request log.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Inner>);

/// What the next request meets, decided once at its start.
pub(crate) struct Verdict {
    pub(crate) answer: Option<(u16, String)>,
    pub(crate) drop: Option<Drop>,
    pub(crate) delay: Duration,
}

impl Default for Faults {
    fn default() -> Self {
        Self(Arc::new(Inner {
            no_leader: AtomicBool::new(false),
            forbidden: AtomicBool::new(false),
            delay_nanoseconds: AtomicU64::new(0),
            frozen: watch::Sender::new(false),
            armed: AtomicBool::new(false),
            rules: Mutex::new(Vec::new()),
            logging: AtomicBool::new(true),
            log: Mutex::new(Log::default()),
        }))
    }
}

impl Faults {
    /// The cluster has lost its leader: 500 `No cluster leader` on all but
    /// `?stale` reads, which answer with index 0 and a last contact of
    /// 9223372036854 ms, and on members, self and regions.
    pub fn set_no_leader(&self, on: bool) {
        self.0.no_leader.store(on, Ordering::SeqCst);
    }

    /// Every route that asks for a token answers 403 `Permission denied`.
    pub fn set_forbidden(&self, on: bool) {
        self.0.forbidden.store(on, Ordering::SeqCst);
    }

    /// Every request waits this long before it is looked at.
    pub fn set_delay(&self, delay: Duration) {
        let nanoseconds = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        self.0
            .delay_nanoseconds
            .store(nanoseconds, Ordering::SeqCst);
    }

    /// Alive, and silent: connections are taken, nothing is answered. What
    /// waits is answered after the thaw.
    pub fn set_frozen(&self, on: bool) {
        self.0.frozen.send_replace(on);
    }

    /// The next `times` requests whose path begins with `prefix` are answered
    /// with this, and not carried out.
    pub fn answer_next(&self, times: u64, prefix: &str, status: u16, body: &str) {
        self.arm(
            times,
            None,
            prefix,
            Trick::Answer {
                status,
                body: body.to_owned(),
            },
        );
    }

    /// The next `times` requests of this method (`None`: any) whose path
    /// begins with `prefix` lose their connection.
    pub fn drop_next(&self, times: u64, method: Option<Method>, prefix: &str, when: Drop) {
        self.arm(times, method, prefix, Trick::Drop(when));
    }

    /// The next `times` requests whose path begins with `prefix` wait this
    /// long before they are looked at.
    pub fn delay_next(&self, times: u64, prefix: &str, delay: Duration) {
        self.arm(times, None, prefix, Trick::Delay(delay));
    }

    fn arm(&self, times: u64, method: Option<Method>, prefix: &str, trick: Trick) {
        let rule = Rule {
            left: times,
            method,
            prefix: prefix.to_owned(),
            trick,
        };
        self.0
            .rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(rule);
        self.0.armed.store(true, Ordering::SeqCst);
    }

    /// All is well again. The log stays.
    pub fn clear(&self) {
        self.set_no_leader(false);
        self.set_forbidden(false);
        self.set_delay(Duration::ZERO);
        self.set_frozen(false);
        self.0
            .rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.0.armed.store(false, Ordering::SeqCst);
    }

    pub(crate) fn no_leader(&self) -> bool {
        self.0.no_leader.load(Ordering::Relaxed)
    }

    pub(crate) fn forbidden(&self) -> bool {
        self.0.forbidden.load(Ordering::Relaxed)
    }

    /// Waits while the server is frozen.
    pub(crate) async fn thawed(&self) {
        if *self.0.frozen.borrow() {
            let mut frozen = self.0.frozen.subscribe();
            // The sender lives as long as `self`: this cannot fail.
            let _outcome = frozen.wait_for(|frozen| !frozen).await;
        }
    }

    pub(crate) fn verdict(&self, method: &Method, path: &str) -> Verdict {
        let mut verdict = Verdict {
            answer: None,
            drop: None,
            delay: Duration::from_nanos(self.0.delay_nanoseconds.load(Ordering::Relaxed)),
        };
        if !self.0.armed.load(Ordering::Relaxed) {
            return verdict;
        }
        let mut rules = self.0.rules.lock().unwrap_or_else(PoisonError::into_inner);
        for rule in rules.iter_mut() {
            let wanted = rule.method.as_ref().is_none_or(|wanted| wanted == method);
            if rule.left == 0 || !wanted || !path.starts_with(&rule.prefix) {
                continue;
            }
            match &rule.trick {
                Trick::Answer { status, body }
                    if verdict.answer.is_none() && verdict.drop.is_none() =>
                {
                    verdict.answer = Some((*status, body.clone()));
                }
                Trick::Drop(when) if verdict.drop.is_none() && verdict.answer.is_none() => {
                    verdict.drop = Some(*when);
                }
                Trick::Delay(delay) => verdict.delay += *delay,
                Trick::Answer { .. } | Trick::Drop(_) => continue,
            }
            rule.left -= 1;
        }
        rules.retain(|rule| rule.left > 0);
        if rules.is_empty() {
            self.0.armed.store(false, Ordering::SeqCst);
        }
        verdict
    }

    /// Whether requests are logged and counted; they are, unless a benchmark
    /// says otherwise.
    pub fn set_logging(&self, on: bool) {
        self.0.logging.store(on, Ordering::SeqCst);
    }

    pub(crate) fn record(&self, method: &Method, path: &str, query: Option<&str>) {
        if !self.0.logging.load(Ordering::Relaxed) {
            return;
        }
        let mut log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        if !log.counts.contains_key(method.as_str()) {
            log.counts
                .insert(method.as_str().to_owned(), HashMap::new());
        }
        if let Some(paths) = log.counts.get_mut(method.as_str()) {
            match paths.get_mut(path) {
                Some(count) => *count += 1,
                None => {
                    paths.insert(path.to_owned(), 1);
                }
            }
        }
        if log.recent.len() >= LOG_KEPT {
            log.recent.pop_front();
        }
        log.recent.push_back(Logged {
            method: method.as_str().to_owned(),
            path: path.to_owned(),
            query: query.unwrap_or_default().to_owned(),
        });
    }

    /// How many requests of this method had exactly this path. Requests to
    /// Consul are counted under `consul:<path>`.
    pub fn count(&self, method: &str, path: &str) -> u64 {
        let log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.counts
            .get(method)
            .and_then(|paths| paths.get(path))
            .copied()
            .unwrap_or(0)
    }

    /// How many requests of this method (`None`: any) had a path that begins
    /// so.
    pub fn count_below(&self, method: Option<&str>, prefix: &str) -> u64 {
        let log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.counts
            .iter()
            .filter(|(known, _)| method.is_none_or(|method| method == known.as_str()))
            .flat_map(|(_, paths)| paths)
            .filter(|(path, _)| path.starts_with(prefix))
            .map(|(_, count)| count)
            .sum()
    }

    /// How many requests to Nomad there were that may change something:
    /// anything but GET.
    pub fn writes(&self) -> u64 {
        let log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.counts
            .iter()
            .filter(|(method, _)| method.as_str() != "GET")
            .flat_map(|(_, paths)| paths)
            .filter(|(path, _)| path.starts_with("/v1/"))
            .map(|(_, count)| count)
            .sum()
    }

    /// The last few thousand requests, oldest first.
    pub fn log(&self) -> Vec<Logged> {
        let log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.recent.iter().cloned().collect()
    }

    /// Forgets the log and the counters.
    pub fn reset_log(&self) {
        *self.0.log.lock().unwrap_or_else(PoisonError::into_inner) = Log::default();
    }
}
