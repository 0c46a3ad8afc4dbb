//! What a running task says about its work.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The statistics of an allocation [019]. A task that is not running is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct AllocationStatistics {
    /// By type of the task.
    pub tasks: BTreeMap<String, Statistics>,
}

/// The statistics of a task [019, 020]. Read from the plugin, which sends most
/// of these fields and some more, and written in 2.x's shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase", default)]
pub struct Statistics {
    /// `queued/capacity`.
    pub backlog: String,
    /// Queues inside the task.
    pub buffer_stat: BufferStat,
    /// Where in the source's history it is.
    pub current_coordinates: CurrentCoordinates,
    /// Delayed transactions.
    pub delay_count: Option<TimedCount>,
    /// Delay.
    pub delay_time: i64,
    /// Estimated time until it has caught up, as a Go duration.
    #[serde(rename = "ETA")]
    pub eta: String,
    /// Rows applied.
    pub exec_master_row_count: i64,
    /// Transactions applied.
    pub exec_master_tx_count: i64,
    /// Messages between Src and Dest.
    pub msg_stat: MsgStat,
    /// Progress in percent, as a text.
    pub progress_pct: String,
    /// Rows read.
    pub read_master_row_count: i64,
    /// Transactions read.
    pub read_master_tx_count: i64,
    /// What it is doing, in MySQL's words.
    pub stage: String,
    /// Changes by kind.
    pub table_stats: Option<TableStats>,
    /// Transactions a second.
    pub throughput_stat: Option<TimedCount>,
    /// Unix nanoseconds.
    pub timestamp: i64,
}

/// Queues inside a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase", default)]
pub struct BufferStat {
    /// Groups of transactions waiting on Dest.
    pub applier_group_tx_queue_size: i64,
    /// Transactions waiting on Dest.
    pub applier_tx_queue_size: i64,
    /// Transactions waiting on Src.
    pub extractor_tx_queue_size: i64,
    /// Messages sent because they were full.
    pub send_by_size_full: i64,
    /// Messages sent because time was up.
    pub send_by_timeout: i64,
}

/// Where in the source's history a task is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase", default)]
pub struct CurrentCoordinates {
    /// GTIDs executed.
    pub executed_gtid_set: String,
    /// Binary log.
    pub file: String,
    /// GTIDs sent, on Src.
    pub gtid_set: String,
    /// Position in the binary log, in bytes.
    pub position: i64,
    /// Position read.
    pub read_master_log_pos: i64,
    /// Relay log.
    pub relay_master_log_file: String,
    /// GTIDs received, on Dest.
    pub retrieved_gtid_set: String,
}

/// Messages between Src and Dest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase", default)]
pub struct MsgStat {
    /// Bytes received.
    pub in_bytes: u64,
    /// Messages received.
    pub in_msgs: u64,
    /// Bytes sent.
    pub out_bytes: u64,
    /// Messages sent.
    pub out_msgs: u64,
    /// Times the connection was made anew.
    pub reconnects: u64,
}

/// Changes by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase", default)]
pub struct TableStats {
    /// Rows deleted.
    pub del_count: i64,
    /// Rows inserted.
    pub insert_count: i64,
    /// Rows updated.
    pub update_count: i64,
}

/// A number and the time it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase", default)]
pub struct TimedCount {
    /// How many.
    pub num: u64,
    /// When, or how long.
    #[serde(deserialize_with = "not_negative")]
    pub time: u64,
}

/// The plugin's time is negative when the destination's clock is behind; 2.x's never is.
fn not_negative<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let time = i128::deserialize(deserializer)?;
    Ok(u64::try_from(time.max(0)).unwrap_or(u64::MAX))
}
