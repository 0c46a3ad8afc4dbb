//! The events of a source's binlogs, as `SHOW BINLOG EVENTS` tells them.

use crate::gtid::{GtidError, GtidSet};
use crate::mysql::Database;

use super::executed_error::ExecutedError;
use super::job::Position;

/// Where the first event of a binlog begins.
pub(super) const FIRST: u64 = 4;

/// The last transaction that begins before a place.
pub(super) async fn last_before(
    database: &mut impl Database,
    place: &Position,
    size: usize,
) -> Result<GtidSet, ExecutedError> {
    let mut last = GtidSet::default();
    let mut from = FIRST;
    loop {
        let page = events(database, &place.file, from, size).await?;
        for event in &page {
            if event.position >= place.position {
                return Ok(last);
            }
            let found = event.gtid(database.name(), &place.file)?;
            if !found.is_empty() {
                last = found;
            }
        }
        match page.last() {
            Some(end) if page.len() == size && end.end > from => from = end.end,
            _ => return Ok(last),
        }
    }
}

/// What had been executed when a file was begun.
pub(super) async fn previous(
    database: &mut impl Database,
    file: &str,
) -> Result<GtidSet, ExecutedError> {
    for event in events(database, file, FIRST, 3).await? {
        if event.kind == "Previous_gtids" {
            return set_of_text(database.name(), &event.info);
        }
    }
    Err(ExecutedError::Unexpected(
        database.name().to_owned(),
        format!("{file} does not begin with Previous_gtids"),
    ))
}

pub(super) async fn purged(database: &mut impl Database) -> Result<GtidSet, ExecutedError> {
    let rows = database.rows("SELECT @@GLOBAL.gtid_purged").await?;
    let name = database.name().to_owned();
    match rows
        .into_iter()
        .next()
        .and_then(|row| row.into_iter().next()?)
    {
        Some(text) => set_of_text(&name, &text),
        None => Err(ExecutedError::Unexpected(name, "no gtid_purged".to_owned())),
    }
}

/// An event of a binlog, as `SHOW BINLOG EVENTS` has it.
pub(super) struct Event {
    pub(super) position: u64,
    kind: String,
    pub(super) end: u64,
    info: String,
}

impl Event {
    /// Whether it is the first event of a transaction, or of none.
    pub(super) fn begins_something(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "Gtid"
                | "Anonymous_Gtid"
                | "Gtid_tagged"
                | "Previous_gtids"
                | "Format_desc"
                | "Rotate"
                | "Stop"
                | "Incident"
                | "Heartbeat"
        )
    }

    /// The GTID that it gives; empty for other events.
    pub(super) fn gtid(&self, server: &str, file: &str) -> Result<GtidSet, ExecutedError> {
        match self.kind.as_str() {
            // SET @@SESSION.GTID_NEXT= 'UUID:N', perhaps with more behind it.
            "Gtid" | "Gtid_tagged" => match self.info.split('\'').nth(1) {
                Some(gtid) => set_of_text(server, gtid),
                None => Err(ExecutedError::Unexpected(
                    server.to_owned(),
                    format!("the event {:?} in {file}", self.info),
                )),
            },
            "Anonymous_Gtid" => Err(ExecutedError::Anonymous(server.to_owned(), file.to_owned())),
            _ => Ok(GtidSet::default()),
        }
    }
}

pub(super) async fn events(
    database: &mut impl Database,
    file: &str,
    from: u64,
    limit: usize,
) -> Result<Vec<Event>, ExecutedError> {
    let server = database.name().to_owned();
    let bad = |what: String| ExecutedError::Unexpected(server.clone(), what);
    // The name comes from a job; the statement takes a quoted text only.
    if file.contains(['\'', '\\']) {
        return Err(bad(format!("{file:?} is no name of a binlog")));
    }
    let sql = format!("SHOW BINLOG EVENTS IN '{file}' FROM {from} LIMIT {limit}");
    let rows = database.rows(&sql).await?;
    rows.into_iter()
        .map(|row| {
            let [_, Some(position), Some(kind), _, Some(end), Some(info)] = row.as_slice() else {
                return Err(bad(format!("an event of {file}: {row:?}")));
            };
            let number = |text: &str| text.parse().map_err(|_| bad(format!("{text:?} in {file}")));
            Ok(Event {
                position: number(position)?,
                kind: kind.clone(),
                end: number(end)?,
                info: info.clone(),
            })
        })
        .collect()
}

pub(super) fn set_of_text(server: &str, text: &str) -> Result<GtidSet, ExecutedError> {
    text.parse()
        .map_err(|error: GtidError| ExecutedError::Unexpected(server.to_owned(), error.to_string()))
}
