//! What happens in the world: who has written and applied what.

use std::collections::BTreeMap;

use local::gtid::GtidSet;
use serde_json::{Value, json};
use uuid::Uuid;

/// Bytes of a transaction in a binlog; the first begins at the same distance.
pub(super) const TRANSACTION: u64 = 100;
/// How many transactions a paused job's report is behind.
const LAG: u64 = 2;

#[derive(Default)]
pub(super) struct State {
    pub(super) machines: Vec<Machine>,
    /// Machines by the addresses that they have.
    pub(super) addresses: BTreeMap<String, usize>,
    pub(super) old: BTreeMap<String, OldJob>,
    /// Jobs that run on the new side, each with its source and destination.
    pub(super) new: BTreeMap<String, (usize, usize)>,
    /// What was applied of each job, by whichever side.
    pub(super) truth: BTreeMap<String, GtidSet>,
    pub(super) violations: Vec<String>,
    /// Writes that the old side was sent.
    pub(super) writes: Vec<String>,
    pub(super) index: u64,
    /// How many things may happen until the fuse has burnt.
    pub(super) fuse: Option<u32>,
}

pub(super) struct Machine {
    pub(super) uuid: Uuid,
    pub(super) written: u64,
    pub(super) up: bool,
    pub(super) old_table: Option<BTreeMap<String, GtidSet>>,
    pub(super) new_table: Option<BTreeMap<String, GtidSet>>,
}

pub(super) struct OldJob {
    pub(super) document: Value,
    pub(super) status: String,
    pub(super) why: String,
    /// What it takes for applied while it runs.
    pub(super) applied: GtidSet,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) index: u64,
}

impl Machine {
    pub(super) fn all(&self) -> GtidSet {
        let mut set = GtidSet::default();
        for number in 1..=self.written {
            set.insert(self.uuid, number);
        }
        set
    }
}

impl State {
    pub(super) fn write(&mut self, machine: usize) {
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

    pub(super) fn start_old(&mut self, id: &str) {
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

    pub(super) fn start_new(&mut self, id: &str, gtid: &Value) {
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
    pub(super) fn stop_old(&mut self, id: &str, status: &str, why: &str) {
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
        let mut late = GtidSet::default();
        for number in written.saturating_sub(LAG - 1)..=written {
            late.insert(uuid, number);
        }
        let reported = job.applied.clone().subtract(&late);
        let place = TRANSACTION * (written.saturating_sub(LAG) + 1);
        for task in 0..2 {
            let config = &mut job.document["Tasks"][task]["Config"];
            config["Gtid"] = json!(reported.to_string());
            config["BinlogFile"] = json!("bin.000001");
            config["BinlogPos"] = json!(place);
        }
    }

    pub(super) fn shown(&self, id: &str) -> Option<Value> {
        let job = self.old.get(id)?;
        let mut document = job.document.clone();
        document["Status"] = json!(job.status);
        document["StatusDescription"] = json!(job.why);
        document["JobModifyIndex"] = json!(job.index);
        Some(document)
    }
}
