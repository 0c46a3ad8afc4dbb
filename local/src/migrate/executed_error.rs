//! Why it cannot be told what a source has executed at a place.

use super::job::Position;
use crate::mysql::MySqlError;

/// A source that cannot tell what it had executed at a place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutedError {
    /// The server.
    #[error(transparent)]
    MySql(#[from] MySqlError),
    /// It numbers no transactions.
    #[error("{0} has gtid_mode {1}: only sources with GTIDs can be moved")]
    NoGtid(String, String),
    /// The binlog is gone.
    #[error("{server} does not have the binlog {file} any more; its oldest is {oldest}")]
    Purged {
        /// Host and port.
        server: String,
        /// The file that was asked for.
        file: String,
        /// The oldest one that is there.
        oldest: String,
    },
    /// The place is beyond the file's end: it is not this server's.
    #[error("{server} has only {size} bytes of {place}: it is not the server that the job read")]
    Beyond {
        /// Host and port.
        server: String,
        /// The place.
        place: Position,
        /// The file's size.
        size: u64,
    },
    /// Transactions without a GTID stand there.
    #[error("{0} has transactions without a GTID in {1}")]
    Anonymous(String, String),
    /// An answer that is not MySQL's.
    #[error("{0}: {1}")]
    Unexpected(String, String),
}
