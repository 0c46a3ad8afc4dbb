//! The two sides of a replication, its progress, and the figures that they report.
//!
//! Progress is a GTID set that grows by one transaction each time the figures are
//! refreshed, while both sides run. All of it is computed from the clock when somebody
//! asks: nothing ticks.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Instant;

use serde_json::{Value, json};

use crate::data::PLUGIN_CONFIG;
use crate::driver::Side;
use crate::go;
use crate::json::{extend, number, text};
use crate::options::{Pace, Plugin};
use crate::timers::TaskId;

/// One running side.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) task: TaskId,
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
    pub(crate) position: u64,
}

/// The two sides of a replication.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    pub(crate) src: Option<End>,
    pub(crate) dest: Option<End>,
    /// Whether a Src was ever there: without one a Dest reports no stage.
    pub(crate) met: bool,
    /// Since when both sides replicate, and where they began.
    since: Option<Instant>,
    base: Progress,
    /// Transactions done under this Name since the simulation began.
    done: u64,
    pub(crate) buffer: i64,
}

/// What a full copy leaves behind (recordings 034 and 200).
const FIRST_TRANSACTIONS: u64 = 13;
const FIRST_POSITION: u64 = 2954;
const FIRST_ROWS: u64 = 8;
const BYTES_A_TRANSACTION: u64 = 286;
const ROWS_A_TRANSACTION: u64 = 3;

/// The binlog file that every source is in.
pub(crate) const FILE: &str = "mysql-bin.000001";

impl Pair {
    pub(crate) fn side(&mut self, side: Side) -> &mut Option<End> {
        match side {
            Side::Src => &mut self.src,
            Side::Dest => &mut self.dest,
        }
    }

    /// Whether both sides are there and reach their databases.
    pub(crate) fn is_connected(&self) -> bool {
        let connected = |end: &Option<End>| end.as_ref().is_some_and(|end| end.connected);
        connected(&self.src) && connected(&self.dest)
    }

    /// Whether transactions flow.
    pub(crate) fn is_flowing(&self) -> bool {
        self.since.is_some()
    }

    /// Transactions flow from here on.
    pub(crate) fn begin(&mut self, base: Progress) {
        self.since = Some(Instant::now());
        self.base = base;
    }

    /// They do no longer.
    pub(crate) fn end(&mut self, pace: &Pace) {
        self.base = self.progress(pace);
        self.done += self.ticks(pace);
        self.since = None;
    }

    /// How often the figures were refreshed since replication began.
    fn ticks(&self, pace: &Pace) -> u64 {
        let Some(since) = self.since else { return 0 };
        let interval = pace.statistics.as_nanos().max(1);
        u64::try_from(since.elapsed().as_nanos() / interval).unwrap_or(u64::MAX)
    }

    pub(crate) fn progress(&self, pace: &Pace) -> Progress {
        let ticks = self.ticks(pace);
        let mut progress = self.base.clone();
        progress.last += ticks;
        progress.position += ticks * BYTES_A_TRANSACTION;
        progress
    }
}

impl Progress {
    /// As a GTID set.
    pub(crate) fn gtid(&self) -> String {
        let comma = if self.others.is_empty() { "" } else { "," };
        format!("{}{comma}{}:1-{}", self.others, self.uuid, self.last)
    }

    /// Reads a GTID set: the last server's is the source's own.
    pub(crate) fn parse(gtid: &str) -> Option<Self> {
        let gtid = gtid.trim();
        let (others, own) = gtid.rsplit_once(',').unwrap_or(("", gtid));
        let (uuid, intervals) = own.trim().split_once(':')?;
        let last = intervals.rsplit([':', '-']).next()?.trim().parse().ok()?;
        Some(Self {
            others: others.to_owned(),
            uuid: uuid.to_owned(),
            last,
            position: FIRST_POSITION,
        })
    }

    /// Where a source begins that nobody has replicated yet.
    pub(crate) fn fresh(host: &str, port: i64) -> Self {
        let mut hasher = DefaultHasher::new();
        (host, port).hash(&mut hasher);
        let hash = hasher.finish();
        let (first, last) = (hash >> 32, hash & 0xffff_ffff);
        Self {
            others: String::new(),
            uuid: format!("{first:08x}-e716-11f1-b069-02fc{last:08x}"),
            last: FIRST_TRANSACTIONS,
            position: FIRST_POSITION,
        }
    }
}

/// The text a side answers the signal `stats` with: Go's JSON, in Go's order
/// of fields (recordings 034 to 038). `started` is when the side started, in nanoseconds
/// since 1970.
pub(crate) fn statistics(
    plugin: Plugin,
    side: Side,
    pair: &Pair,
    pace: &Pace,
    started: i64,
) -> String {
    let (is_src, is_v4) = (side == Side::Src, plugin == Plugin::V4);
    let total = pair.done + pair.ticks(pace);
    let progress = pair.progress(pace);
    let interval = i64::try_from(pace.statistics.as_nanos()).unwrap_or(i64::MAX);
    let passed = go::now_nanoseconds().saturating_sub(started).max(0) / interval.max(1);
    let refreshed = started.saturating_add(passed.saturating_mul(interval));
    let rows = FIRST_ROWS + total * ROWS_A_TRANSACTION;
    let messages = 5 + total;
    let bytes = if is_v4 { 1200 } else { 1270 } + total * BYTES_A_TRANSACTION;
    let gtid = match progress.uuid.as_str() {
        "" => "00000000-0000-0000-0000-000000000000:0".to_owned(),
        _ => progress.gtid(),
    };
    let (transactions, position, incoming, outgoing) = if is_src {
        let position = 151 + total * BYTES_A_TRANSACTION;
        (138 + total, position, 0, bytes)
    } else {
        (total, progress.position, bytes, 0)
    };
    let backlog = pair.buffer
        * match (side, plugin) {
            (Side::Src, Plugin::V3) => 1,
            (Side::Src, Plugin::V4) => 4,
            (Side::Dest, Plugin::V3) => 2,
            (Side::Dest, Plugin::V4) => 3,
        };
    let stage = match side {
        Side::Src => "Master has sent all binlog to slave; waiting for more updates",
        Side::Dest => "Slave has read all relay log; waiting for more updates",
    };
    let applier = ["", "\"ApplierMsgQueueSize\":0,"];
    let applier = applier.get(usize::from(is_v4)).unwrap_or(&"");
    let none = "null".to_owned();
    let (extracted, applied) = if is_src {
        (total.to_string(), none)
    } else {
        (none, total.to_string())
    };
    let handled = ["Tx", "Query"].map(|what| {
        let counts =
            format!("\"Extracted{what}Count\":{extracted},\"Applied{what}Count\":{applied}");
        format!(",\"Handled{what}Count\":{{{counts}}}")
    });
    let handled = if is_v4 {
        handled.concat()
    } else {
        String::new()
    };
    format!(
        "{{\"CurrentCoordinates\":{{\"File\":\"{FILE}\",\"Position\":{position},\"GtidSet\":\"{gtid}\",\
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

/// What 4.x puts into Consul under `Config`: all its settings, with clear passwords.
pub(crate) fn stored_config(config: &Value) -> Value {
    let mut stored = PLUGIN_CONFIG.clone();
    for (field, value) in stored.as_object_mut().into_iter().flatten() {
        match config.get(field) {
            None | Some(Value::Null) => {}
            Some(given) if value.is_number() => {
                *value = number(given).map_or_else(|| value.clone(), Value::from);
            }
            Some(given) => *value = given.clone(),
        }
    }
    let connection = |field: &str| {
        let sent = config.get(field).filter(|sent| !sent.is_null())?;
        let charset = text(sent, "Charset");
        Some(json!({
            "Host": text(sent, "Host"),
            "Port": sent.get("Port").and_then(number).unwrap_or_default(),
            "User": text(sent, "User"),
            "Password": text(sent, "Password"),
            "Charset": if charset.is_empty() { "utf8mb4" } else { charset },
        }))
    };
    for field in ["SrcConnectionConfig", "DestConnectionConfig"] {
        extend(&mut stored, json!({ field: connection(field) }));
    }
    stored
}
