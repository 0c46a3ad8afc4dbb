//! A replication as the plugin sees it: two sides under one job Name, their
//! progress, and the figures they report.
//!
//! Progress is a GTID set that grows by one transaction each time the figures
//! are refreshed, while both sides run. It lives in Consul, under the job's
//! **Name**, outlives the job, and a job made anew under that Name goes on
//! from it, whatever `Gtid` its Config asks for. Figures are computed from
//! the clock when somebody asks: nothing ticks.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Instant;

use serde_json::{Value, json};

use super::canonical::list;
use super::clock::Action;
use super::driver::{self, Side};
use super::scheduler::text;
use super::state::{JobKey, State};
use super::{Pace, Plugin};

/// One running side.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) alloc: String,
    pub(crate) task: String,
    /// Whether it reached its database.
    pub(crate) connected: bool,
}

/// Where a replication stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// Sets of other servers, kept as they are.
    others: String,
    /// The source's UUID and its last transaction.
    uuid: String,
    last: u64,
    file: String,
    position: u64,
}

/// The two sides of a replication.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    pub(crate) src: Option<End>,
    pub(crate) dest: Option<End>,
    /// Whether a Src was ever there: without one a Dest reports no stage.
    pub(crate) met: bool,
    /// Since when both sides replicate, and where they began.
    pub(crate) since: Option<Instant>,
    pub(crate) base: Progress,
    /// Transactions done under this Name since the simulation began.
    pub(crate) done: u64,
    pub(crate) buffer: i64,
}

/// What a full copy leaves behind (recordings 034 and 200).
const FIRST_TRANSACTIONS: u64 = 13;
const FIRST_POSITION: u64 = 2954;
const FIRST_FILE: &str = "mysql-bin.000001";
const FIRST_ROWS: u64 = 8;
const BYTES_A_TRANSACTION: u64 = 286;
const ROWS_A_TRANSACTION: u64 = 3;

impl Pair {
    /// How often the figures were refreshed since replication began.
    fn ticks(&self, pace: &Pace) -> u64 {
        let Some(since) = self.since else { return 0 };
        let interval = pace.statistics.as_nanos().max(1);
        u64::try_from(since.elapsed().as_nanos() / interval).unwrap_or(u64::MAX)
    }

    fn progress(&self, pace: &Pace) -> Progress {
        let ticks = self.ticks(pace);
        let mut progress = self.base.clone();
        progress.last += ticks;
        progress.position += ticks * BYTES_A_TRANSACTION;
        progress
    }
}

impl Progress {
    fn gtid(&self) -> String {
        let own = format!("{}:1-{}", self.uuid, self.last);
        if self.others.is_empty() {
            own
        } else {
            format!("{},{own}", self.others)
        }
    }

    /// Reads a GTID set: the last server's is the source's own.
    fn parse(gtid: &str) -> Option<Self> {
        let gtid = gtid.trim();
        let (others, own) = gtid.rsplit_once(',').unwrap_or(("", gtid));
        let (uuid, intervals) = own.trim().split_once(':')?;
        let last = intervals.rsplit([':', '-']).next()?.trim().parse().ok()?;
        Some(Self {
            others: others.to_owned(),
            uuid: uuid.to_owned(),
            last,
            file: FIRST_FILE.to_owned(),
            position: FIRST_POSITION,
        })
    }

    /// Where a source begins that nobody has replicated yet.
    fn fresh(host: &str, port: i64) -> Self {
        let mut hasher = DefaultHasher::new();
        (host, port).hash(&mut hasher);
        let hash = hasher.finish();
        Self {
            others: String::new(),
            uuid: format!(
                "{:08x}-e716-11f1-b069-02fc{:08x}",
                hash >> 32,
                hash & 0xffff_ffff
            ),
            last: FIRST_TRANSACTIONS,
            file: FIRST_FILE.to_owned(),
            position: FIRST_POSITION,
        }
    }
}

impl State {
    /// A side has started.
    pub(crate) fn join_pair(
        &mut self,
        name: &str,
        side: Side,
        alloc: &str,
        task: &str,
        connected: bool,
        restarts: u64,
    ) {
        let end = End {
            alloc: alloc.to_owned(),
            task: task.to_owned(),
            connected,
        };
        let prefix = format!("dtle/{name}/");
        let config = self
            .allocs
            .get(alloc)
            .and_then(|a| a.task(task))
            .and_then(|t| t.config.clone())
            .unwrap_or_default();
        let pair = self.pairs.entry(name.to_owned()).or_default();
        let address = self.agent.nats.clone();
        match side {
            Side::Src => {
                pair.src = Some(end);
                pair.met = true;
                pair.buffer = config
                    .get("ReplChanBufferSize")
                    .and_then(driver::number)
                    .unwrap_or(120);
                match self.plugin {
                    Plugin::V3 => {
                        let buffer = pair.buffer.to_string();
                        self.consul
                            .put(&format!("{prefix}ReplChanBufferSize"), buffer.as_bytes());
                        let key = format!("{prefix}NatsAddr");
                        if self.consul.get(&key).is_none() {
                            self.consul.put(&key, b"wait");
                        }
                    }
                    Plugin::V4 => {
                        let whole = stored_config(&config).to_string();
                        self.consul
                            .put(&format!("{prefix}Config"), whole.as_bytes());
                        self.consul
                            .put(&format!("{prefix}NatsAddr"), address.as_bytes());
                    }
                }
            }
            Side::Dest => {
                pair.dest = Some(end);
                let key = format!("{prefix}NatsAddr");
                if self.plugin == Plugin::V4 && !pair.met && self.consul.get(&key).is_none() {
                    self.consul.put(&key, b"waitdst");
                }
            }
        }
        self.meet(name, restarts);
    }

    /// When both sides are there, the Dest enters the full copy, and later,
    /// if both reach their databases, the increment.
    fn meet(&mut self, name: &str, restarts: u64) {
        let Some(pair) = self.pairs.get(name) else {
            return;
        };
        let Some(dest) = pair.dest.clone() else {
            return;
        };
        if !pair.met || !dest.connected {
            return;
        }
        let both = pair.src.as_ref().is_some_and(|src| src.connected);
        let staged = self
            .allocs
            .get(&dest.alloc)
            .and_then(|alloc| alloc.task(&dest.task))
            .is_none_or(|task| task.staged);
        let prefix = format!("dtle/{name}/");
        if !staged {
            if let Some(task) = self
                .allocs
                .get_mut(&dest.alloc)
                .and_then(|a| a.task_mut(&dest.task))
            {
                task.staged = true;
            }
            self.tell_task(
                &dest.alloc,
                &dest.task,
                driver::driver_event("job_stage_full"),
            );
            let address = self.agent.nats.clone();
            self.consul
                .put(&format!("{prefix}NatsAddr"), address.as_bytes());
            if self.plugin == Plugin::V4 {
                self.consul.put(&format!("{prefix}DumpProgress"), b"[0,0]");
                self.consul
                    .put(&format!("{prefix}JobStage"), b"job_stage_full");
            }
        }
        if both {
            let restarts = self
                .allocs
                .get(&dest.alloc)
                .and_then(|alloc| alloc.task(&dest.task))
                .map_or(restarts, |task| task.restarts);
            self.later(
                self.pace.stage,
                Action::Incremental {
                    alloc: dest.alloc,
                    task: dest.task,
                    restarts,
                },
            );
        }
    }

    /// The full copy is over: from here on transactions flow.
    pub(crate) fn enter_incremental(&mut self, alloc: &str, task: &str, restarts: u64) {
        let Some(entry) = self.allocs.get(alloc) else {
            return;
        };
        let name = text(&entry.job, "Name");
        let job_id = entry.job_id.clone();
        if entry.desired != "run"
            || entry
                .task(task)
                .is_none_or(|t| t.state != "running" || t.restarts != restarts)
        {
            return;
        }
        let Some(pair) = self.pairs.get(&name) else {
            return;
        };
        let connected = |end: &Option<End>| end.as_ref().is_some_and(|end| end.connected);
        if pair.since.is_some() || !connected(&pair.src) || !connected(&pair.dest) {
            return;
        }
        let base = self.beginning(&name, &job_id);
        if let Some(pair) = self.pairs.get_mut(&name) {
            pair.since = Some(Instant::now());
            pair.base = base;
        }
        self.tell_task(alloc, task, driver::driver_event("job_stage_incr"));
        if self.plugin == Plugin::V4 {
            self.consul
                .put(&format!("dtle/{name}/DumpProgress"), b"[3,3]");
            self.consul
                .put(&format!("dtle/{name}/JobStage"), b"job_stage_incr");
        }
        self.report(&name);
    }

    /// Where a replication begins: what Consul has, else what Config asks for,
    /// else after a full copy.
    fn beginning(&self, name: &str, job: &JobKey) -> Progress {
        let stored = self
            .consul
            .text(&format!("dtle/{name}/Gtid"))
            .and_then(|gtid| Progress::parse(&gtid));
        let position = self
            .consul
            .text(&format!("dtle/{name}/BinlogFilePos"))
            .and_then(|text| text.rsplit("//").next().and_then(|pos| pos.parse().ok()));
        if let Some(mut progress) = stored {
            progress.position = position.unwrap_or(progress.position);
            return progress;
        }
        let config = self.jobs.get(job).and_then(|job| {
            list(&job.doc, "TaskGroups").iter().find_map(|group| {
                list(group, "Tasks")
                    .iter()
                    .find(|task| {
                        let by = match self.plugin {
                            Plugin::V3 => text(group, "Name"),
                            Plugin::V4 => text(task, "Name"),
                        };
                        Side::named(&by) == Some(Side::Src)
                    })
                    .and_then(|task| task.get("Config").cloned())
            })
        });
        let config = config.unwrap_or_default();
        if let Some(progress) = Progress::parse(&text(&config, "Gtid")) {
            return progress;
        }
        let connection = config
            .get("ConnectionConfig")
            .or_else(|| config.get("SrcConnectionConfig"))
            .or_else(|| config.get("SrcOracleConfig"))
            .cloned()
            .unwrap_or_default();
        let port = connection
            .get("Port")
            .and_then(driver::number)
            .unwrap_or_default();
        Progress::fresh(&text(&connection, "Host"), port)
    }

    /// A side has stopped, failed, or is being restarted.
    pub(crate) fn leave_pair(&mut self, name: &str, side: Option<Side>, alloc: &str) {
        self.report(name);
        let Some(pair) = self.pairs.get_mut(name) else {
            return;
        };
        let end = match side {
            Some(Side::Src) => &mut pair.src,
            Some(Side::Dest) => &mut pair.dest,
            None => return,
        };
        // A replaced allocation may stop after its successor has started.
        if end.as_ref().is_none_or(|end| end.alloc != alloc) {
            return;
        }
        *end = None;
        if pair.since.is_some() {
            let base = pair.progress(&self.pace);
            pair.done += pair.ticks(&self.pace);
            pair.base = base;
            pair.since = None;
        }
    }

    /// A Src has failed for good while its Dest idles: an empty position is
    /// stored (recording 200: `failing-1`), unless there is a real one.
    pub(crate) fn source_lost(&mut self, name: &str) {
        let prefix = format!("dtle/{name}/");
        let address = self
            .consul
            .text(&format!("{prefix}NatsAddr"))
            .unwrap_or_default();
        let staged = !(address.is_empty() || address.starts_with("wait"))
            && (self.plugin == Plugin::V3
                || self.consul.get(&format!("{prefix}JobStage")).is_some());
        if staged && self.consul.get(&format!("{prefix}Gtid")).is_none() {
            self.consul.put(&format!("{prefix}Gtid"), b"");
            self.consul
                .put(&format!("{prefix}BinlogFilePos"), b"//dtle//0");
        }
    }

    /// Writes a replication's progress to Consul, if it has moved.
    fn report(&mut self, name: &str) {
        let Some(pair) = self.pairs.get(name).filter(|pair| pair.since.is_some()) else {
            return;
        };
        let progress = pair.progress(&self.pace);
        self.consul
            .put(&format!("dtle/{name}/Gtid"), progress.gtid().as_bytes());
        let position = format!("{}//dtle//{}", progress.file, progress.position);
        self.consul
            .put(&format!("dtle/{name}/BinlogFilePos"), position.as_bytes());
    }

    /// Brings Consul up to date before somebody reads it: the jobs whose keys
    /// begin with the prefix, or hold it.
    pub(crate) fn report_below(&mut self, prefix: &str) {
        let names: Vec<String> = match prefix
            .strip_prefix("dtle/")
            .and_then(|rest| rest.split_once('/'))
        {
            Some((name, _)) => vec![name.to_owned()],
            None => self
                .pairs
                .keys()
                .filter(|name| format!("dtle/{name}/").starts_with(prefix))
                .cloned()
                .collect(),
        };
        for name in names {
            self.report(&name);
        }
    }
}

/// The text a side answers the signal `stats` with: Go's JSON, in Go's order
/// of fields (recordings 034 to 038).
pub(crate) fn statistics(
    plugin: Plugin,
    side: Side,
    pair: &Pair,
    pace: &Pace,
    started: i64,
) -> String {
    let ticks = pair.ticks(pace);
    let total = pair.done + ticks;
    let progress = pair.progress(pace);
    let interval = i64::try_from(pace.statistics.as_nanos()).unwrap_or(i64::MAX);
    let refreshed = if interval == 0 {
        started
    } else {
        let passed = super::go::now_nanoseconds().saturating_sub(started).max(0) / interval;
        started.saturating_add(passed.saturating_mul(interval))
    };
    let rows = FIRST_ROWS + total * ROWS_A_TRANSACTION;
    let messages = 5 + total;
    let bytes = match plugin {
        Plugin::V3 => 1270,
        Plugin::V4 => 1200,
    } + total * BYTES_A_TRANSACTION;
    let transactions = if side == Side::Src {
        138 + total
    } else {
        total
    };
    let (file, gtid) = if progress.uuid.is_empty() {
        (
            FIRST_FILE,
            "00000000-0000-0000-0000-000000000000:0".to_owned(),
        )
    } else {
        (progress.file.as_str(), progress.gtid())
    };
    let position = match side {
        Side::Src => 151 + total * BYTES_A_TRANSACTION,
        Side::Dest => progress.position,
    };
    let (incoming, outgoing) = if side == Side::Src {
        (0, bytes)
    } else {
        (bytes, 0)
    };
    let backlog = match side {
        Side::Src => pair.buffer * if plugin == Plugin::V4 { 4 } else { 1 },
        Side::Dest => pair.buffer * if plugin == Plugin::V4 { 3 } else { 2 },
    };
    let stage = match side {
        Side::Src => "Master has sent all binlog to slave; waiting for more updates",
        Side::Dest => "Slave has read all relay log; waiting for more updates",
    };
    let applier = match plugin {
        Plugin::V3 => "",
        Plugin::V4 => "\"ApplierMsgQueueSize\":0,",
    };
    let handled = match (plugin, side) {
        (Plugin::V3, _) => String::new(),
        (Plugin::V4, Side::Src) => format!(
            ",\"HandledTxCount\":{{\"ExtractedTxCount\":{total},\"AppliedTxCount\":null}},\
             \"HandledQueryCount\":{{\"ExtractedQueryCount\":{total},\"AppliedQueryCount\":null}}"
        ),
        (Plugin::V4, Side::Dest) => format!(
            ",\"HandledTxCount\":{{\"ExtractedTxCount\":null,\"AppliedTxCount\":{total}}},\
             \"HandledQueryCount\":{{\"ExtractedQueryCount\":null,\"AppliedQueryCount\":{total}}}"
        ),
    };
    format!(
        "{{\"CurrentCoordinates\":{{\"File\":\"{file}\",\"Position\":{position},\"GtidSet\":\"{gtid}\",\
         \"RelayMasterLogFile\":\"\",\"ReadMasterLogPos\":0,\"RetrievedGtidSet\":\"\"}},\
         \"TableStats\":null,\"DelayCount\":{{\"Num\":0,\"Time\":0}},\"ProgressPct\":\"100.0\",\
         \"ExecMasterRowCount\":{rows},\"ExecMasterTxCount\":{transactions},\
         \"ReadMasterRowCount\":{rows},\"ReadMasterTxCount\":{transactions},\"ETA\":\"0s\",\
         \"Backlog\":\"0/{backlog}\",\"ThroughputStat\":null,\
         \"MsgStat\":{{\"InMsgs\":{messages},\"OutMsgs\":{messages},\"InBytes\":{incoming},\
         \"OutBytes\":{outgoing},\"Reconnects\":0}},\
         \"BufferStat\":{{\"BinlogEventQueueSize\":0,\"ExtractorTxQueueSize\":0,{applier}\
         \"ApplierTxQueueSize\":0,\"SendByTimeout\":0,\"SendBySizeFull\":0}},\
         \"Stage\":\"{stage}\",\"Timestamp\":{refreshed},\"MemoryStat\":{{\"Full\":0,\"Incr\":0}}{handled}}}"
    )
}

/// What 4.x puts under `Config`: all its settings, with clear passwords.
fn stored_config(config: &Value) -> Value {
    let number = |field: &str, default: i64| {
        config
            .get(field)
            .and_then(driver::number)
            .unwrap_or(default)
    };
    let flag = |field: &str, default: bool| {
        config
            .get(field)
            .and_then(Value::as_bool)
            .unwrap_or(default)
    };
    let connection = |field: &str| match config.get(field) {
        None | Some(Value::Null) => Value::Null,
        Some(sent) => json!({
            "Host": text(sent, "Host"),
            "Port": sent.get("Port").and_then(driver::number).unwrap_or_default(),
            "User": text(sent, "User"),
            "Password": text(sent, "Password"),
            "Charset": match text(sent, "Charset") {
                none if none.is_empty() => "utf8mb4".to_owned(),
                given => given,
            },
        }),
    };
    let given = |field: &str, default: Value| config.get(field).cloned().unwrap_or(default);
    let mut stored = serde_json::Map::new();
    for (field, default) in [
        ("ReplicateDoDb", json!([])),
        ("ReplicateIgnoreDb", json!([])),
    ] {
        stored.insert(field.to_owned(), given(field, default));
    }
    for (field, default) in [
        ("ReplChanBufferSize", 120),
        ("TrafficAgainstLimits", 0),
        ("ChunkSize", 2000),
        ("GroupMaxSize", 1),
        ("GroupTimeout", 100),
        ("BinlogPos", 0),
        ("BulkInsert1", 4),
        ("BulkInsert2", 8),
        ("BulkInsert3", 128),
        ("RetryTxLimit", 5),
        ("SlaveNetWriteTimeout", 28_800),
        ("BigTxSrcQueue", 3),
        ("ParallelWorkers", 1),
        ("DependencyHistorySize", 2500),
        ("DumpEntryLimit", 67_108_864),
    ] {
        stored.insert(field.to_owned(), number(field, default).into());
    }
    for (field, default) in [
        ("DropTableIfExists", false),
        ("ExpandSyntaxSupport", false),
        ("AutoGtid", false),
        ("BinlogRelay", false),
        ("TwoWaySync", false),
        ("UseMySQLDependency", true),
        ("ForeignKeyChecks", true),
        ("SetGtidNext", false),
        ("SkipCreateDbTable", false),
        ("SkipPrivilegeCheck", false),
        ("SkipIncrementalCopy", false),
    ] {
        stored.insert(field.to_owned(), flag(field, default).into());
    }
    for field in [
        "Gtid",
        "BinlogFile",
        "GtidStart",
        "WaitOnJob",
        "TwoWaySyncGtid",
        "DestType",
    ] {
        stored.insert(field.to_owned(), text(config, field).into());
    }
    for field in ["SrcConnectionConfig", "DestConnectionConfig"] {
        stored.insert(field.to_owned(), connection(field));
    }
    for field in ["SqlFilter", "KafkaConfig", "SrcOracleConfig"] {
        stored.insert(field.to_owned(), given(field, Value::Null));
    }
    for (field, value) in [
        ("RowsEstimate", json!(0)),
        ("DeltaEstimate", json!(0)),
        ("BinlogRowImage", json!("")),
        ("RowCopyStartTime", json!("0001-01-01T00:00:00Z")),
        ("RowCopyEndTime", json!("0001-01-01T00:00:00Z")),
        ("Stage", json!("")),
    ] {
        stored.insert(field.to_owned(), value);
    }
    Value::Object(stored)
}
