//! What a source had executed at a place in its binlogs, and what a job had
//! applied by then.
//!
//! Neither of the two things that a paused 2.x job leaves behind tells by itself
//! what it applied. Its Gtid can lack the beginning, everything that it copied. Its
//! place in the binlog is written every two seconds, and is the end of the last
//! transaction that was applied by then. What it applied beyond that place stands in
//! `dtle.gtid_executed_v3a` on the destination, not always to the last transaction.
//! Together they tell: see [`whole`].

use crate::gtid::GtidSet;
use crate::mysql::{Database, Row};

use super::binlog::{FIRST, events, last_before, previous, purged, set_of_text};
use super::executed_error::ExecutedError;
use super::job::Position;

/// Events that are asked for at once.
const PAGE: usize = 10_000;

/// What a source says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its `server_uuid`.
    pub uuid: String,
    /// Its `gtid_executed`.
    pub executed: GtidSet,
}

/// Asks a source for its identity and what it has executed by now.
///
/// # Errors
/// When it cannot be asked, or has no GTIDs.
pub async fn source(database: &mut impl Database) -> Result<Source, ExecutedError> {
    let rows = database
        .rows("SELECT @@GLOBAL.gtid_mode, @@GLOBAL.server_uuid, @@GLOBAL.gtid_executed")
        .await?;
    let name = database.name().to_owned();
    let Some([Some(mode), Some(uuid), Some(executed)]) = rows.first().map(Vec::as_slice) else {
        return Err(ExecutedError::Unexpected(name, "no variables".to_owned()));
    };
    if mode != "ON" {
        return Err(ExecutedError::NoGtid(name, mode.clone()));
    }
    Ok(Source {
        uuid: uuid.clone(),
        executed: set_of_text(&name, executed)?,
    })
}

/// What a source had executed at two places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// At the place that was asked about.
    pub at_place: GtidSet,
    /// Where the last of certain transactions ended that stand there or later; the
    /// same as the other where none does.
    pub at_last: GtidSet,
}

/// What the source had executed at a place: all that it has executed by now, less
/// what stands in its binlogs from that place on. A transaction that the place cuts
/// in two counts as not executed. And the same where the last of `applied` ended.
///
/// The order of the questions matters, because the source goes on: whatever is in
/// `gtid_executed` when that is read stands in a file that is listed afterwards.
///
/// # Errors
/// See [`ExecutedError`].
pub async fn executed_at(
    database: &mut impl Database,
    place: &Position,
    applied: &GtidSet,
) -> Result<Executed, ExecutedError> {
    executed_by_pages(database, place, applied, PAGE).await
}

async fn executed_by_pages(
    database: &mut impl Database,
    place: &Position,
    applied: &GtidSet,
    page: usize,
) -> Result<Executed, ExecutedError> {
    let now = source(database).await?.executed;
    let mut files = files_from(database, place).await?.into_iter().peekable();
    let mut later = Later::default();
    let mut from = place.clone();
    while files.next().is_some() {
        read_on(database, &from, &mut later, applied, page).await?;
        let Some(next) = files.peek() else {
            break;
        };
        // All that stands in the files after this one, without reading them: what
        // was not executed when the next one was begun, and is not so old that no
        // file has it.
        let before = previous(database, next).await?;
        let purged = purged(database).await?;
        let rest = now.clone().subtract(&before).subtract(&purged);
        let wanted = applied.clone().subtract(&applied.clone().subtract(&rest));
        if wanted.is_empty() {
            later.all = later.all.union(&rest);
            break;
        }
        // Some of what was applied stands there: that has to be read.
        from = Position {
            file: next.clone(),
            position: FIRST,
        };
    }
    let at_place = now.subtract(&later.all);
    Ok(Executed {
        at_last: at_place.clone().union(&later.until_last),
        at_place,
    })
}

/// What stands in the binlogs from a place on.
#[derive(Default)]
struct Later {
    all: GtidSet,
    /// Up to the last one that was applied, and what was read since.
    until_last: GtidSet,
    since: GtidSet,
}

impl Later {
    fn add(&mut self, found: &GtidSet, applied: &GtidSet) {
        let Some((server, number)) = found.only_one() else {
            return;
        };
        self.all.insert(server, number);
        self.since.insert(server, number);
        if applied.has(server, number) {
            let since = std::mem::take(&mut self.since);
            self.until_last = std::mem::take(&mut self.until_last).union(&since);
        }
    }
}

/// The file of a place, which has to be there, and those after it.
async fn files_from(
    database: &mut impl Database,
    place: &Position,
) -> Result<Vec<String>, ExecutedError> {
    let logs = database.rows("SHOW BINARY LOGS").await?;
    let server = database.name().to_owned();
    let name = |row: &Row| row.first().cloned().flatten();
    let Some(position) = logs
        .iter()
        .position(|row| name(row).as_deref() == Some(&place.file))
    else {
        return Err(ExecutedError::Purged {
            server,
            file: place.file.clone(),
            oldest: logs.first().and_then(name).unwrap_or_default(),
        });
    };
    let size = logs
        .get(position)
        .and_then(|row| row.get(1).cloned().flatten());
    let size = size.and_then(|size| size.parse::<u64>().ok()).unwrap_or(0);
    if place.position > size {
        return Err(ExecutedError::Beyond {
            server,
            place: place.clone(),
            size,
        });
    }
    Ok(logs.iter().skip(position).filter_map(name).collect())
}

/// Reads the transactions that stand in a file from a place on.
async fn read_on(
    database: &mut impl Database,
    place: &Position,
    later: &mut Later,
    applied: &GtidSet,
    size: usize,
) -> Result<(), ExecutedError> {
    let mut from = place.position.max(FIRST);
    let mut first = true;
    loop {
        let page = events(database, &place.file, from, size).await?;
        for event in &page {
            if std::mem::take(&mut first) && !event.begins_something() {
                // The place is within a transaction, whose beginning is before it.
                later.add(&last_before(database, place, size).await?, applied);
            }
            later.add(&event.gtid(database.name(), &place.file)?, applied);
        }
        match page.last() {
            Some(last) if page.len() == size && last.end > from => from = last.end,
            _ => return Ok(()),
        }
    }
}

/// What a job's Gtid names and was applied, with what it noted on the destination.
///
/// When a copy has ended, 2.x puts the last transaction into the Gtid that the job was
/// sent, whether it was applied by then or not; a job that is stopped in that second
/// names it for good. The place tells the truth, and so does the destination's table.
#[must_use]
pub(super) fn confirmed(reported: &GtidSet, noted: &GtidSet, executed: &Executed) -> GtidSet {
    let doubtful = reported.clone().subtract(&executed.at_last);
    reported.clone().subtract(&doubtful).union(noted)
}

/// How many transactions that were applied have to follow one that was not noted for
/// it to have been applied: more than any source commits at once.
const FOLLOWERS: u64 = 1_000;

/// The whole set that a job has applied.
///
/// `applied` is what is known for certain, transaction by transaction: what the job's
/// Gtid names and is [`confirmed`], and the rows of the destination's table. Neither has what was copied, and
/// the table can lack some that were applied just before dtle last put its rows
/// together, as it does every two thousand transactions.
///
/// With one worker transactions are applied in their order, so everything was that
/// stands before the last one that is known. With several, one can be applied before
/// an earlier one, which is then still to come: what lies between is taken for
/// applied only where so many that were applied follow that it cannot be that.
///
/// # Errors
/// The transactions of which it cannot be told.
pub fn whole(applied: &GtidSet, executed: &Executed, in_order: bool) -> Result<GtidSet, GtidSet> {
    if in_order {
        return Ok(executed.at_last.clone().union(applied));
    }
    let gaps = applied.gaps();
    match applied.after(&gaps) {
        Some(followers) if followers < FOLLOWERS => Err(gaps),
        _ => Ok(executed.at_last.clone().union(applied)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::mysql::MySqlError;

    /// What a MySQL 5.6.24 answered, with four binlogs; and when two of them were
    /// purged.
    const BINLOGS: &str = include_str!("../../../tests/recordings/mysql-5.6.24/binlogs.json");
    const PURGED: &str = include_str!("../../../tests/recordings/mysql-5.6.24/binlogs-purged.json");

    const U: &str = "39302551-e926-11f1-bdd8-02fc00000001";

    /// Answers what was recorded, and asks for nothing else. With `pages`, events are
    /// cut from the whole list of their file, however few are asked for at once.
    struct Recorded {
        answers: Vec<Value>,
        pages: bool,
    }

    impl Recorded {
        fn of(text: &str) -> Self {
            Self {
                answers: serde_json::from_str(text).unwrap(),
                pages: false,
            }
        }

        fn answer(&self, sql: &str) -> &Value {
            let found = self.answers.iter().find(|answer| answer["sql"] == sql);
            found.unwrap_or_else(|| panic!("not recorded: {sql}"))
        }
    }

    impl Database for Recorded {
        fn name(&self) -> &'static str {
            "10.0.0.11:3306"
        }

        async fn rows(&mut self, sql: &str) -> Result<Vec<Row>, MySqlError> {
            let words: Vec<&str> = sql.split(' ').collect();
            let cut = match words.as_slice() {
                [
                    "SHOW",
                    "BINLOG",
                    "EVENTS",
                    "IN",
                    file,
                    "FROM",
                    from,
                    "LIMIT",
                    limit,
                ] if self.pages => {
                    let all = format!("SHOW BINLOG EVENTS IN {file} FROM 4 LIMIT 10000");
                    Some((all, *from, limit.parse().unwrap()))
                }
                _ => None,
            };
            let asked = cut.as_ref().map_or(sql, |(all, ..)| all);
            let answer = self.answer(asked);
            if let Some(error) = answer.get("error") {
                return Err(MySqlError::Refused {
                    server: self.name().to_owned(),
                    code: error[0].as_u64().unwrap() as u16,
                    text: error[1].as_str().unwrap().to_owned(),
                });
            }
            let rows: Vec<Row> = serde_json::from_value(answer["rows"].clone()).unwrap();
            let Some((_, from, limit)) = cut else {
                return Ok(rows);
            };
            let begin = rows.iter().position(|row| row[1].as_deref() == Some(from));
            let rest = begin.map_or(&[][..], |begin| &rows[begin..]);
            Ok(rest.iter().take(limit).cloned().collect())
        }

        async fn change(&mut self, sql: &str) -> Result<u64, MySqlError> {
            panic!("{sql}");
        }
    }

    fn at(file: u32, position: u64) -> Position {
        Position {
            file: format!("mysql-bin.{file:06}"),
            position,
        }
    }

    /// Places and the last transaction that ended before them, read in the list of
    /// events by eye. 472 is between a GTID and its BEGIN, 307 within the
    /// transaction, 855 between a GTID and its ALTER TABLE.
    const PLACES: &[(u32, u64, u64)] = &[
        (1, 4, 0),
        (2, 191, 4),
        (2, 307, 4),
        (2, 424, 5),
        (2, 472, 5),
        (2, 807, 6),
        (2, 855, 6),
        (2, 947, 7),
        (2, 1185, 8),
        (2, 1232, 8),
        (3, 191, 8),
        (3, 429, 9),
        (3, 476, 9),
        (4, 191, 9),
        (4, 429, 10),
    ];

    fn up_to(last: u64) -> String {
        match last {
            0 => String::new(),
            last => format!("{U}:1-{last}"),
        }
    }

    #[tokio::test]
    async fn what_was_executed_at_a_place_is_what_ended_before_it() {
        for (file, position, last) in PLACES {
            let place = at(*file, *position);
            let none = GtidSet::default();
            let found = executed_at(&mut Recorded::of(BINLOGS), &place, &none)
                .await
                .unwrap();
            assert_eq!(found.at_place.to_string(), up_to(*last), "{place}");
            assert_eq!(found.at_last, found.at_place, "{place}");
        }
    }

    #[tokio::test]
    async fn a_long_binlog_is_read_in_pieces() {
        for size in [3, 4, 7] {
            for (file, position, last) in PLACES {
                let mut database = Recorded::of(BINLOGS);
                database.pages = true;
                let place = at(*file, *position);
                let none = GtidSet::default();
                let found = executed_by_pages(&mut database, &place, &none, size).await;
                assert_eq!(
                    found.unwrap().at_place.to_string(),
                    up_to(*last),
                    "{place} by {size}"
                );
            }
        }
    }

    #[tokio::test]
    async fn purged_files_are_missed_only_where_they_are_needed() {
        for (file, position, last) in PLACES.iter().filter(|(file, ..)| *file > 2) {
            let place = at(*file, *position);
            let none = GtidSet::default();
            let found = executed_at(&mut Recorded::of(PURGED), &place, &none).await;
            assert_eq!(found.unwrap().at_place.to_string(), up_to(*last), "{place}");
        }
        let gone = executed_at(&mut Recorded::of(PURGED), &at(2, 1185), &GtidSet::default()).await;
        assert_eq!(
            gone.unwrap_err().to_string(),
            "10.0.0.11:3306 does not have the binlog mysql-bin.000002 any more; its oldest is mysql-bin.000003"
        );
    }

    #[tokio::test]
    async fn a_place_that_is_not_this_servers_is_refused() {
        let beyond = executed_at(
            &mut Recorded::of(BINLOGS),
            &at(4, 5000),
            &GtidSet::default(),
        )
        .await;
        assert!(matches!(beyond, Err(ExecutedError::Beyond { .. })));
        let within =
            executed_at(&mut Recorded::of(BINLOGS), &at(2, 200), &GtidSet::default()).await;
        assert!(matches!(within, Err(ExecutedError::MySql(_))));
        let hostile = Position {
            file: "x' FROM 4; DROP".to_owned(),
            position: 4,
        };
        assert!(
            executed_at(&mut Recorded::of(BINLOGS), &hostile, &GtidSet::default())
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_source_without_gtids_is_refused_in_its_own_words() {
        let mut database = Recorded::of(BINLOGS);
        database.answers[0]["rows"][0][0] = serde_json::json!("OFF_PERMISSIVE");
        let refused = source(&mut database).await.unwrap_err();
        assert!(
            refused.to_string().contains("gtid_mode OFF_PERMISSIVE"),
            "{refused}"
        );
    }

    fn set(text: &str) -> GtidSet {
        text.replace('U', U).parse().unwrap()
    }

    #[tokio::test]
    async fn the_last_that_was_applied_is_found_beyond_the_place_and_in_later_files() {
        for (file, position, applied, last) in [
            (2, 191, "U:6", 6),
            // Between a GTID and its statement; that one was applied.
            (2, 855, "U:7", 7),
            (2, 191, "U:5-6:8", 8),
            (1, 4, "U:9", 9),
            (2, 424, "U:10", 10),
        ] {
            let place = at(file, position);
            let found = executed_at(&mut Recorded::of(BINLOGS), &place, &set(applied)).await;
            let found = found.unwrap().at_last.to_string();
            assert_eq!(found, up_to(last), "{place} {applied}");
        }
    }

    #[test]
    fn what_was_only_sent_to_a_job_is_not_applied() {
        let executed = Executed {
            at_place: set("U:1-7"),
            at_last: set("U:1-9"),
        };
        let known = confirmed(&set("U:6:9:12"), &set("U:8-9"), &executed);
        assert_eq!(known.to_string().replace(U, "U"), "U:6:8-9");
    }

    #[test]
    fn the_whole_set_is_all_that_stands_before_the_last_that_was_applied() {
        let whole = |applied: &str, at_last: &str, in_order| {
            let executed = Executed {
                at_place: GtidSet::default(),
                at_last: set(at_last),
            };
            let found = whole(&set(applied), &executed, in_order);
            found
                .map(|set| set.to_string().replace(U, "U"))
                .map_err(|set| set.to_string().replace(U, "U"))
        };
        let ok = |text: &str| Ok(text.to_owned());
        // Rows were written during the copy: 2.x names only what followed it.
        assert_eq!(whole("U:18888-19487", "U:1-19487", true), ok("U:1-19487"));
        // Nothing was applied since the copy.
        assert_eq!(whole("", "U:1-7", true), ok("U:1-7"));
        // One worker: what dtle lost of its notes was applied nevertheless.
        let lost = "U:18888-19486:19488-19490";
        assert_eq!(whole(lost, "U:1-19490", true), ok("U:1-19490"));
        // Several: it may be one that is still to come, but not for long.
        assert_eq!(whole(lost, "U:1-19490", false), Err("U:19487".to_owned()));
        let long_ago = "U:18888-19486:19488-20490";
        assert_eq!(whole(long_ago, "U:1-20490", false), ok("U:1-20490"));
        assert_eq!(whole("U:5-9", "U:1-9", false), ok("U:1-9"));
    }
}
