//! A dtle 2.x cluster with databases around it, in memory, for jobs to be moved
//! from: wrong where the real one is wrong.
//!
//! What was seen of dtle 2.19.11.1 and the plugin, and is so here:
//!
//! - A job that copied while rows were written reports a Gtid without its beginning.
//! - What a paused job reports, its Gtid and its place in the binlog, is a little
//!   old; what it applied beyond that stands in the destination's table.
//! - A job that starts goes on from its Gtid and what that table has of it, and
//!   applies all the rest that its source has, whether it was applied before or not.
//! - The plugin's first job on a destination takes 2.x's table away, and every 2.x
//!   job there dies; from then on 2.x starts none there.
//! - An update of a paused job starts it, one of a running job changes nothing.
//!
//! Nothing may be applied twice, left out, or run on both sides: what is, is kept in
//! [`World::violations`].

mod databases;
mod old_api;
mod state;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use local::gtid::GtidSet;
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

pub use databases::Server;

use state::{Machine, OldJob, State};

/// All of it. Clones are the same one.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    burnt: Arc<Notify>,
}

impl World {
    /// Without servers.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default World says nothing")]
    pub fn new() -> Self {
        Self {
            state: Arc::default(),
            burnt: Arc::new(Notify::new()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A MySQL server at these addresses, with so many transactions written.
    pub fn machine(&self, addresses: &[&str], written: u64) {
        let mut state = self.state();
        let number = state.machines.len();
        state.machines.push(Machine {
            uuid: Uuid::from_u128(0xdb00_0000_0000_0000_0000_0000_0000_0001 + number as u128),
            written,
            up: true,
            old_table: None,
            new_table: None,
        });
        for address in addresses {
            state.addresses.insert((*address).to_owned(), number);
        }
    }

    /// Makes a server answer or not.
    pub fn set_up(&self, address: &str, up: bool) {
        let mut state = self.state();
        let number = state.addresses[address];
        state.machines[number].up = up;
    }

    /// A job of the old side that copied, while something was written, and runs.
    pub fn job(&self, id: &str, from: &str, to: &str) {
        let connection = |address: &str| {
            let (host, port) = address.split_once(':').unwrap();
            json!({"Host": host, "Port": port, "User": "dtle", "Password": "secret"})
        };
        let document = json!({
            "ID": id, "Name": id, "Status": "", "StatusDescription": "",
            "Datacenters": ["dc1"], "Failover": false,
            "Tasks": [
                {"Type": "Src", "Driver": "MySQL", "NodeID": "", "NodeName": "",
                 "Config": {"Gtid": "", "ReplicateDoDb": [{"TableSchema": "db1"}],
                            "NatsAddr": "10.0.0.1:8193", "ConnectionConfig": connection(from)}},
                {"Type": "Dest", "Driver": "MySQL", "NodeID": "", "NodeName": "",
                 "Config": {"Gtid": "", "ConnectionConfig": connection(to)}},
            ],
        });
        let mut state = self.state();
        let job = OldJob {
            document,
            status: "pause".to_owned(),
            why: String::new(),
            applied: GtidSet::default(),
            from: state.addresses[from],
            to: state.addresses[to],
            index: 0,
        };
        state.old.insert(id.to_owned(), job);
        state.start_old(id);
    }

    /// Writes so many transactions on a server; what runs applies them at once.
    pub fn write(&self, address: &str, transactions: u64) {
        let mut state = self.state();
        let machine = state.addresses[address];
        for _ in 0..transactions {
            state.write(machine);
        }
    }

    /// What went wrong so far.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// The writes that the old side was sent so far.
    #[must_use]
    pub fn writes(&self) -> Vec<String> {
        self.state().writes.clone()
    }

    /// The Status of an old job.
    #[must_use]
    pub fn status(&self, id: &str) -> String {
        self.state().old[id].status.clone()
    }

    /// Pauses an old job, or lets it die.
    pub fn stop(&self, id: &str, status: &str) {
        let mut state = self.state();
        state.stop_old(id, status, "Error 1062: Duplicate entry");
    }

    /// The jobs that run on the new side.
    #[must_use]
    pub fn running_anew(&self) -> BTreeSet<String> {
        self.state().new.keys().cloned().collect()
    }

    /// Whether a job has applied all that its source has written.
    #[must_use]
    pub fn is_complete(&self, id: &str) -> bool {
        let state = self.state();
        let job = &state.old[id];
        let all = state.machines[job.from].all();
        state.truth.get(id) == Some(&all)
    }

    /// Which of the two tables a server has: 2.x's, the plugin's.
    #[must_use]
    pub fn tables(&self, address: &str) -> (bool, bool) {
        let state = self.state();
        let machine = &state.machines[state.addresses[address]];
        (machine.old_table.is_some(), machine.new_table.is_some())
    }

    /// From now on so many things may happen, then [`World::burnt`] returns.
    pub fn light(&self, things: u32) {
        self.state().fuse = Some(things);
    }

    /// Puts the fuse out; whether it had burnt down.
    pub fn put_out(&self) -> bool {
        self.state().fuse.take() == Some(0)
    }

    /// Returns when the fuse has burnt down.
    pub async fn burnt(&self) {
        self.burnt.notified().await;
    }

    fn happens(&self) {
        let mut state = self.state();
        if let Some(left) = state.fuse.as_mut() {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.burnt.notify_one();
            }
        }
    }

    /// What runs on the new side by now, with the Config of each.
    pub fn new_side_runs(&self, jobs: &[Value]) {
        let mut state = self.state();
        let running: BTreeSet<String> = jobs
            .iter()
            .filter(|job| job["Status"] == "running")
            .map(|job| job["ID"].as_str().unwrap().to_owned())
            .collect();
        state.new.retain(|id, _| running.contains(id));
        for job in jobs.iter().filter(|job| job["Status"] == "running") {
            let id = job["ID"].as_str().unwrap();
            if !state.new.contains_key(id) {
                state.start_new(id, &job["JobSummary"]["Tasks"][0]["Config"]["Gtid"]);
            }
        }
    }
}
