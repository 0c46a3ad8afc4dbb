//! Clients who change the same few jobs at the same time, and whether any of their
//! changes was lost.
//!
//! Each change adds a token of its own to what its client read, and is sent under the
//! index that was read. So a job's tokens are the whole history of accepted changes,
//! and one that is missing was lost. Every job also carries its newest token in three
//! places (Name, Src, Dest): two different ones would be a torn job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::{Answer, Client};

/// Numbers that differ from run to run and client to client.
pub struct Random(u64);

impl Random {
    /// For the client of that number.
    ///
    /// # Panics
    /// When the clock stands before 1970.
    #[must_use]
    pub fn of(client: u64) -> Self {
        let now = std::time::SystemTime::now();
        let nanos = now
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .subsec_nanos();
        Self((u64::from(nanos) << 16 | client) | 1)
    }

    /// The next, below a limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// One of these.
    pub fn of_these<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let place = self.below(all.len() as u64);
        &all[usize::try_from(place).unwrap()]
    }
}

/// A job that carries these tokens. With a node, it waits for one of that name.
#[must_use]
pub fn job(id: &str, tokens: &[String], node: Option<&str>) -> Value {
    let newest = tokens.last().map_or("none", String::as_str);
    let schemas: Vec<Value> = tokens.iter().map(|t| json!({"TableSchema": t})).collect();
    let node = node.unwrap_or_default();
    json!({
        "ID": id,
        "Name": newest,
        "Tasks": [
            {"Type": "Src", "NodeName": node, "Config": {
                "ReplicateDoDb": schemas,
                "SqlFilter": [newest],
                "ConnectionConfig": {"Host": "10.9.8.7", "Port": 3306, "User": "u", "Password": newest},
            }},
            {"Type": "Dest", "NodeName": node, "Config": {
                "ConnectionConfig": {"Host": "10.9.8.6", "Port": 3306, "User": newest, "Password": "p"},
            }},
        ],
    })
}

/// The tokens of a job that was read.
///
/// # Panics
/// When the job is torn.
#[must_use]
pub fn tokens(read: &Value) -> Vec<String> {
    let name = read["Name"].as_str().unwrap();
    let task = |side| {
        let tasks = read["Tasks"].as_array().unwrap();
        tasks.iter().find(|task| task["Type"] == side).unwrap()
    };
    let src = &task("Src")["Config"];
    let dest = &task("Dest")["Config"];
    let found: Vec<String> = src["ReplicateDoDb"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|schema| schema["TableSchema"].as_str().unwrap().to_owned())
        .collect();
    let newest = found.last().map_or("none", String::as_str);
    assert_eq!(newest, name, "torn: {read:#}");
    assert_eq!(src["SqlFilter"][0], name, "torn: {read:#}");
    assert_eq!(src["ConnectionConfig"]["Password"], name, "torn: {read:#}");
    assert_eq!(dest["ConnectionConfig"]["User"], name, "torn: {read:#}");
    found
}

/// Whether an answer says in 2.x's words that somebody else was quicker.
#[must_use]
pub fn is_conflict(answer: &Answer) -> bool {
    answer.status == 500 && answer.shown().starts_with("Enforcing job modify index")
}

/// What became of the changes of one client, or of several.
#[derive(Debug, Default)]
pub struct Diary {
    /// Tokens by job.
    pub accepted: BTreeMap<String, BTreeSet<String>>,
    /// How many changes were answered with a conflict.
    pub refused: usize,
    /// How many changes were answered with 502: made or not, nobody knows.
    pub doubts: usize,
}

impl Diary {
    /// Adds a token to a job under the index it was read with. Returns whether that
    /// was accepted.
    ///
    /// # Panics
    /// When the answer is neither a success, a conflict nor a doubt.
    pub async fn add(
        &mut self,
        (reader, writer): (&Client, &Client),
        id: &str,
        node: Option<&str>,
    ) -> bool {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let target = format!("/v1/job/{id}");
        let read = reader.get(&target).await.ok();
        let mut list = tokens(&read);
        let token = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
        list.push(token.clone());
        let mut body = job(id, &list, node);
        body["EnforceIndex"] = json!(true);
        body["JobModifyIndex"] = read["JobModifyIndex"].clone();
        let answer = writer.put_json(&target, &body).await;
        if is_conflict(&answer) {
            self.refused += 1;
            return false;
        }
        if answer.status == 502
            && answer
                .shown()
                .starts_with("Nomad did not confirm the change")
        {
            self.doubts += 1;
            return false;
        }
        assert_eq!(answer.status, 200, "{}", answer.shown());
        self.accepted
            .entry(id.to_owned())
            .or_default()
            .insert(token)
    }

    /// Takes over what another client noted.
    pub fn extend(&mut self, other: Self) {
        for (id, tokens) in other.accepted {
            self.accepted.entry(id).or_default().extend(tokens);
        }
        self.refused += other.refused;
        self.doubts += other.doubts;
    }

    /// How many changes were accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.values().map(BTreeSet::len).sum()
    }

    /// Of these tokens of a job, what is wrong with them: accepted and not there,
    /// there and never accepted.
    ///
    /// # Panics
    /// When a token is there twice.
    #[must_use]
    pub fn faults(&self, id: &str, found: &[String]) -> (Vec<String>, Vec<String>) {
        let wanted = self.accepted.get(id).cloned().unwrap_or_default();
        let there: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(there.len(), found.len(), "{id}: a change was made twice");
        let missing = |from: &BTreeSet<String>, of: &BTreeSet<String>| {
            from.difference(of).cloned().collect::<Vec<_>>()
        };
        (missing(&wanted, &there), missing(&there, &wanted))
    }
}
