//! The tables in which both generations note, on a destination, what they applied.

use uuid::Uuid;

use crate::forget::{SCHEMA, TABLE, intervals, tables};
use crate::gtid::GtidSet;
use crate::mysql::{Database, MySqlError, identifier, literal};

/// The table of dtle 2.19.
pub const OLD_TABLE: &str = "gtid_executed_v3a";

/// MySQL's code for a table that is not there.
const UNKNOWN_TABLE: u16 = 1146;
/// MySQL's codes for a table to be dropped that is not there, with its schema.
const NOTHING_TO_DROP: [u16; 2] = [1051, 1049];

/// Which tables a destination has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// That of 2.x.
    pub old: bool,
    /// That of the plugin.
    pub new: bool,
}

/// A destination's tables. The plugin's schema is always `dtle`; that of 2.x is a
/// setting of its servers, and `dtle` unless changed.
///
/// # Errors
/// When the server refuses.
pub(super) async fn tables_of(
    database: &mut impl Database,
    old_schema: &str,
) -> Result<Tables, MySqlError> {
    let new = tables(database, SCHEMA).await?;
    let old = if old_schema == SCHEMA {
        new.clone()
    } else {
        tables(database, old_schema).await?
    };
    Ok(Tables {
        old: old.iter().any(|table| table == OLD_TABLE),
        new: new.iter().any(|table| table == TABLE),
    })
}

/// What 2.x noted of a job there; nothing where there is no such table.
///
/// # Errors
/// When the server refuses, or the rows are not 2.x's.
pub(super) async fn applied_by_old(
    database: &mut impl Database,
    old_schema: &str,
    id: &str,
) -> Result<GtidSet, MySqlError> {
    // 2.x runs no job whose ID is something else.
    let Ok(job) = Uuid::parse_str(id) else {
        return Ok(GtidSet::default());
    };
    let sql = format!(
        "SELECT HEX(source_uuid), gtid, gtid_set FROM {}.{OLD_TABLE} WHERE job_uuid = 0x{}",
        identifier(old_schema),
        job.simple()
    );
    let rows = match database.rows(&sql).await {
        Err(error) if matches!(error.code(), Some(UNKNOWN_TABLE | 1049)) => {
            return Ok(GtidSet::default());
        }
        other => other?,
    };
    let mut all = GtidSet::default();
    for row in rows {
        match intervals(&row) {
            Some(set) => all = all.union(&set),
            None => {
                return Err(MySqlError::Unexpected {
                    server: database.name().to_owned(),
                    what: format!("a row of {old_schema}.{OLD_TABLE}: {row:?}"),
                });
            }
        }
    }
    Ok(all)
}

/// The names of the jobs of which the plugin noted something there. Rows that it
/// took over from 2.x are not its jobs': they bear the hexadecimal digits of an ID.
///
/// # Errors
/// When the server refuses.
pub(super) async fn jobs_of_the_plugin(
    database: &mut impl Database,
) -> Result<Vec<String>, MySqlError> {
    let sql = format!("SELECT DISTINCT job_name FROM {SCHEMA}.{TABLE}");
    let rows = match database.rows(&sql).await {
        Err(error) if matches!(error.code(), Some(UNKNOWN_TABLE | 1049)) => return Ok(Vec::new()),
        other => other?,
    };
    let names = rows.into_iter().filter_map(|row| row.into_iter().next()?);
    let digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    let taken_over = |name: &String| name.len() == 32 && name.bytes().all(digit);
    Ok(names.filter(|name| !taken_over(name)).collect())
}

/// Drops a table; one that is not there is as good as dropped.
///
/// # Errors
/// When the server refuses.
pub(super) async fn drop_table(
    database: &mut impl Database,
    schema: &str,
    table: &str,
) -> Result<(), MySqlError> {
    let sql = format!("DROP TABLE {}.{}", identifier(schema), identifier(table));
    match database.change(&sql).await {
        Err(error)
            if error
                .code()
                .is_some_and(|code| NOTHING_TO_DROP.contains(&code)) =>
        {
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

/// How many transactions the plugin noted of a job there, and which.
///
/// # Errors
/// When the server refuses, or the rows are not the plugin's.
pub(super) async fn applied_by_new(
    database: &mut impl Database,
    id: &str,
) -> Result<GtidSet, MySqlError> {
    let sql = format!(
        "SELECT HEX(source_uuid), gtid, gtid_set FROM {SCHEMA}.{TABLE} WHERE job_name = {}",
        literal(id)
    );
    let rows = match database.rows(&sql).await {
        Err(error) if matches!(error.code(), Some(UNKNOWN_TABLE | 1049)) => {
            return Ok(GtidSet::default());
        }
        other => other?,
    };
    let sets = rows.iter().map(|row| intervals(row));
    sets.collect::<Option<Vec<_>>>()
        .map(|sets| sets.iter().fold(GtidSet::default(), GtidSet::union))
        .ok_or_else(|| MySqlError::Unexpected {
            server: database.name().to_owned(),
            what: format!("a row of {SCHEMA}.{TABLE}"),
        })
}
