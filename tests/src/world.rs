//! A dtle 2.x cluster with databases around it, in memory, for jobs to be moved
//! from: wrong where the real one is wrong.
//!
//! What was seen of dtle 2.19.11.1 and the plugin, and is so here:
//!
//! - A job that copied while rows were written reports a Gtid without its beginning.
//! - What a paused job reports, its Gtid and its place in the binlog, is a little
//!   old; what it applied beyond that stands in the destination's table.
//! - A job that died names the transaction that it died at; one that is stopped right
//!   after its copy names the last one that it was sent. Neither has applied it.
//! - A job that starts goes on from its Gtid and what that table has of it, and
//!   applies all the rest that its source has, whether it was applied before or not.
//! - The plugin's first job on a destination takes 2.x's table away, and every 2.x
//!   job there dies; from then on 2.x starts none there.
//! - An update of a paused job starts it, one of a running job changes nothing.
//! - A task of a job that works can be called pending for good, see
//!   [`World::mislabel`].
//!
//! Nothing may be applied twice, left out, or run on both sides: what is, is kept in
//! [`World::violations`].

mod api;
mod databases;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use local::gtid::GtidSet;
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

/// Bytes of a transaction in a binlog; the first begins at the same distance.
const TRANSACTION: u64 = 100;
/// How many transactions a paused job's report is behind.
const LAG: u64 = 2;

/// All of it. Clones are the same one.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    burnt: Arc<Notify>,
}

#[derive(Default)]
struct State {
    machines: Vec<Machine>,
    /// Machines by the addresses that they have.
    addresses: BTreeMap<String, usize>,
    old: BTreeMap<String, OldJob>,
    /// Jobs that run on the new side, each with its source and destination.
    new: BTreeMap<String, (usize, usize)>,
    /// What was applied of each job, by whichever side.
    truth: BTreeMap<String, GtidSet>,
    violations: Vec<String>,
    /// Writes that the old side was sent.
    writes: Vec<String>,
    /// Jobs with a task that is called pending for good, though it works.
    mislabelled: BTreeSet<String>,
    /// Whether it has just been started whenever somebody asks again, and the jobs
    /// that it does not know yet.
    restarts: bool,
    unknown: BTreeSet<String>,
    index: u64,
    /// How many things may happen until the fuse has burnt.
    fuse: Option<u32>,
}

struct Machine {
    uuid: Uuid,
    written: u64,
    up: bool,
    old_table: Option<BTreeMap<String, GtidSet>>,
    new_table: Option<BTreeMap<String, GtidSet>>,
}

struct OldJob {
    document: Value,
    status: String,
    why: String,
    /// What it takes for applied while it runs.
    applied: GtidSet,
    from: usize,
    to: usize,
    index: u64,
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

    /// From its first write on, the old side is one that has just been started: it
    /// knows a job only when it is asked for it a second time.
    pub fn restart_all_the_time(&self) {
        self.state().restarts = true;
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

    /// Pauses an old job in the second after its copy: its Gtid is the transaction that
    /// it was sent last, which it has not applied; its place is true.
    pub fn stop_after_copy(&self, id: &str) {
        let mut state = self.state();
        let (uuid, last) = state.take_back_last(id);
        let job = state.old.get_mut(id).unwrap();
        job.status = "pause".to_owned();
        let mut sent = GtidSet::default();
        sent.insert(uuid, last);
        job.report(&sent, last - 1);
    }

    /// Pauses an old job, or lets it die.
    pub fn stop(&self, id: &str, status: &str) {
        let mut state = self.state();
        state.stop_old(id, status, "Error 1062: Duplicate entry");
    }

    /// From now on a task of this job is called pending on the old side, and works.
    pub fn mislabel(&self, id: &str) {
        self.state().mislabelled.insert(id.to_owned());
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

impl OldJob {
    /// What it shows from now on: a Gtid, and the place after so many transactions.
    fn report(&mut self, gtid: &GtidSet, transactions: u64) {
        for task in 0..2 {
            let config = &mut self.document["Tasks"][task]["Config"];
            config["Gtid"] = json!(gtid.to_string());
            config["BinlogFile"] = json!("bin.000001");
            config["BinlogPos"] = json!(TRANSACTION * (transactions + 1));
        }
    }
}

impl Machine {
    fn all(&self) -> GtidSet {
        let mut set = GtidSet::default();
        for number in 1..=self.written {
            set.insert(self.uuid, number);
        }
        set
    }
}

impl State {
    fn write(&mut self, machine: usize) {
        self.machines[machine].written += 1;
        let number = self.machines[machine].written;
        let old: Vec<String> = self
            .old
            .iter()
            .filter(|(_, job)| job.from == machine && job.status == "running")
            .map(|(id, _)| id.clone())
            .collect();
        for id in old {
            self.apply_old(&id, number);
        }
        let new: Vec<String> = self
            .new
            .iter()
            .filter(|(_, (from, _))| *from == machine)
            .map(|(id, _)| id.clone())
            .collect();
        for id in new {
            self.apply_new(&id, number);
        }
    }

    /// What is applied is noted once and for all.
    fn apply(&mut self, id: &str, server: Uuid, number: u64) {
        let mut one = GtidSet::default();
        one.insert(server, number);
        let truth = self.truth.entry(id.to_owned()).or_default();
        if truth.contains(&one) {
            let what = format!("{id}: transaction {number} was applied twice");
            self.violations.push(what);
        } else {
            truth.insert(server, number);
        }
    }

    fn apply_old(&mut self, id: &str, number: u64) {
        let (from, to) = (self.old[id].from, self.old[id].to);
        let server = self.machines[from].uuid;
        let Some(table) = self.machines[to].old_table.as_mut() else {
            let why = "Error 1146: Table 'dtle.gtid_executed_v3a' doesn't exist";
            self.stop_old(id, "dead", why);
            self.violations.push(format!("{id}: {why}"));
            return;
        };
        table
            .entry(id.to_owned())
            .or_default()
            .insert(server, number);
        if let Some(job) = self.old.get_mut(id) {
            job.applied.insert(server, number);
        }
        self.apply(id, server, number);
    }

    fn apply_new(&mut self, id: &str, number: u64) {
        let (from, to) = self.new[id];
        let server = self.machines[from].uuid;
        let table = self.machines[to].new_table.get_or_insert_default();
        table
            .entry(id.to_owned())
            .or_default()
            .insert(server, number);
        self.apply(id, server, number);
    }

    fn start_old(&mut self, id: &str) {
        self.index += 1;
        let index = self.index;
        let (from, to) = (self.old[id].from, self.old[id].to);
        if self.new.contains_key(id) {
            self.violations.push(format!(
                "{id}: started on the old side while it runs on the new"
            ));
        }
        if self.machines[to].new_table.is_some() {
            let why = "newer GtidExecutedTable exists, which is unrecognized by this verion. require manual intervention";
            self.stop_old(id, "dead", why);
            return;
        }
        let table = self.machines[to].old_table.get_or_insert_default();
        let noted = table.get(id).cloned().unwrap_or_default();
        let job = self.old.get_mut(id).unwrap();
        job.status = "running".to_owned();
        job.why.clear();
        job.index = index;
        let named = job.document["Tasks"][0]["Config"]["Gtid"]
            .as_str()
            .unwrap_or_default();
        let begin = named.parse::<GtidSet>().unwrap().union(&noted);
        if begin.is_empty() {
            // A copy, during which something is written: what follows is all that
            // it will know of.
            let copied = self.machines[from].all();
            self.truth.insert(id.to_owned(), copied);
            self.write(from);
            return;
        }
        self.old.get_mut(id).unwrap().applied = begin.clone();
        self.check_start(id, &begin);
        for number in self.missing(from, &begin) {
            self.apply_old(id, number);
        }
    }

    fn start_new(&mut self, id: &str, gtid: &Value) {
        let (from, to) = (self.old[id].from, self.old[id].to);
        if matches!(self.old[id].status.as_str(), "running" | "pending") {
            self.violations.push(format!(
                "{id}: started on the new side while it runs on the old"
            ));
        }
        let machine = &mut self.machines[to];
        if machine.old_table.take().is_some() {
            machine.new_table = Some(BTreeMap::new());
        }
        let noted = machine.new_table.get_or_insert_default().get(id).cloned();
        let named = gtid
            .as_str()
            .unwrap_or_default()
            .parse::<GtidSet>()
            .unwrap();
        let begin = named.union(&noted.unwrap_or_default());
        self.new.insert(id.to_owned(), (from, to));
        self.check_start(id, &begin);
        for number in self.missing(from, &begin) {
            self.apply_new(id, number);
        }
    }

    /// What a job takes for applied when it starts has to be applied.
    fn check_start(&mut self, id: &str, begin: &GtidSet) {
        let truth = self.truth.get(id).cloned().unwrap_or_default();
        let left_out = begin.clone().subtract(&truth);
        let ours = self.machines[self.old[id].from].all();
        // Of servers that are not in this world nobody knows.
        let left_out = left_out.clone().subtract(&left_out.subtract(&ours));
        if !left_out.is_empty() {
            self.violations
                .push(format!("{id}: {left_out} is left out"));
        }
    }

    fn missing(&self, from: usize, begin: &GtidSet) -> Vec<u64> {
        let machine = &self.machines[from];
        let is_missing = |number: &u64| {
            let mut one = GtidSet::default();
            one.insert(machine.uuid, *number);
            !begin.contains(&one)
        };
        (1..=machine.written).filter(is_missing).collect()
    }

    /// Stops a job: what it reports then is a little old.
    fn stop_old(&mut self, id: &str, status: &str, why: &str) {
        self.index += 1;
        let index = self.index;
        let (uuid, written) = {
            let machine = &self.machines[self.old[id].from];
            (machine.uuid, machine.written)
        };
        let job = self.old.get_mut(id).unwrap();
        let ran = job.status == "running";
        job.status = status.to_owned();
        job.index = index;
        if status == "dead" {
            job.why = why.to_owned();
        }
        if !ran {
            return;
        }
        if status == "dead" {
            // The transaction that it died at counts as applied, and is not.
            let named = job.applied.clone();
            job.report(&named, written);
            self.take_back_last(id);
            return;
        }
        let mut late = GtidSet::default();
        for number in written.saturating_sub(LAG - 1)..=written {
            late.insert(uuid, number);
        }
        let reported = job.applied.clone().subtract(&late);
        job.report(&reported, written.saturating_sub(LAG));
    }

    /// Makes the last transaction one that a job has not applied; which it is.
    fn take_back_last(&mut self, id: &str) -> (Uuid, u64) {
        let job = self.old.get_mut(id).unwrap();
        let machine = &self.machines[job.from];
        let (uuid, number) = (machine.uuid, machine.written);
        let mut last = GtidSet::default();
        last.insert(uuid, number);
        job.applied = job.applied.clone().subtract(&last);
        let tables = [
            self.machines[self.old[id].to].old_table.as_mut(),
            Some(&mut self.truth),
        ];
        for noted in tables.into_iter().flatten() {
            if let Some(set) = noted.get_mut(id) {
                *set = set.clone().subtract(&last);
            }
        }
        (uuid, number)
    }

    fn shown(&self, id: &str) -> Option<Value> {
        let job = self.old.get(id)?;
        let mut document = job.document.clone();
        document["Status"] = json!(job.status);
        document["StatusDescription"] = json!(job.why);
        document["JobModifyIndex"] = json!(job.index);
        Some(document)
    }
}
