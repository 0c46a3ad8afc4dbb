//! Removing what a destination holds of a job.
//!
//! The plugin (3.x and 4.x alike) writes every transaction that it applies to
//! `dtle.gtid_executed_v4` on the destination, in that same transaction, under the
//! job's Nomad Name. A job that starts adds those rows to its Gtid. That is what
//! makes a restart exact, and what keeps a job that is made again under its ID,
//! from an earlier Gtid, from applying anything. `DELETE …?forget=true` removes the
//! progress in Consul; these rows are removed here, with the operator's own access
//! to the database.

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use dtle_outbound::Secret;
use dtle_outbound::Url;
use serde_json::Value;

use crate::api::{Api, job_path, secret_of_file};
use crate::gtid::GtidSet;
use crate::mysql::{Address, Database, MySqlError, Session, SslMode, Tls, identifier, literal};

/// The schema that the plugin keeps its tables in.
pub const SCHEMA: &str = "dtle";
/// The table of the plugins 3.x and 4.x.
pub const TABLE: &str = "gtid_executed_v4";

/// How long the server may take for one statement.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the password may be, apart from a file.
const PASSWORD: &str = "DTLE_MYSQL_PASSWORD";
/// Where the token for --api may be.
const TOKEN: &str = "DTLE_API_TOKEN";

/// MySQL's code for a schema that is not there.
const UNKNOWN_SCHEMA: u16 = 1049;

/// What a destination holds of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// All tables of that kind that the destination has.
    pub tables: Vec<String>,
    /// Rows of the job in [`TABLE`].
    pub rows: u64,
    /// The transactions that these rows tell of.
    pub set: GtidSet,
    /// Names of other jobs that the table's collation does not tell from this
    /// one, so that the plugin counts their rows as this one's.
    pub alike: Vec<String>,
}

/// A destination that could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// The server.
    #[error(transparent)]
    MySql(#[from] MySqlError),
    /// A row that the plugin would not have written.
    #[error("{SCHEMA}.{TABLE} has a row that cannot be read: {0}")]
    Row(String),
}

/// Looks at a destination.
///
/// # Errors
/// When the server refuses, or its rows are not the plugin's.
pub async fn look(database: &mut impl Database, name: &str) -> Result<Held, ForgetError> {
    let mut held = Held {
        tables: tables(database, SCHEMA).await?,
        ..Held::default()
    };
    if !held.tables.iter().any(|table| table == TABLE) {
        return Ok(held);
    }
    for row in database.rows(&rows_sql(name)).await? {
        let bad = || ForgetError::Row(format!("{row:?}"));
        let (whose, rest) = row.split_first().ok_or_else(bad)?;
        let whose = whose.as_deref().ok_or_else(bad)?;
        if whose == name {
            held.rows += 1;
            held.set = held.set.union(&intervals(rest).ok_or_else(bad)?);
        } else if !held.alike.iter().any(|known| known == whose) {
            held.alike.push(whose.to_owned());
        }
    }
    Ok(held)
}

/// Removes the rows of a job, and says how many there were.
///
/// # Errors
/// When the server refuses.
pub async fn remove(database: &mut impl Database, name: &str) -> Result<u64, MySqlError> {
    database.change(&delete_sql(name)).await
}

/// The transactions of a row: the source's UUID in hexadecimal digits, a number,
/// intervals. With the number 0 it stands for many transactions, the intervals; else
/// for the one of that number. `None` for a row that dtle would not write.
#[must_use]
pub fn intervals(row: &[Option<String>]) -> Option<GtidSet> {
    let [Some(source), Some(number), intervals] = row else {
        return None;
    };
    let intervals = match (number.as_str(), intervals.as_deref().map(str::trim)) {
        ("0", None | Some("")) => return Some(GtidSet::default()),
        ("0", Some(intervals)) => intervals,
        (number, _) => number,
    };
    format!("{source}:{intervals}").parse().ok()
}

/// The tables in which any dtle notes what it applied.
///
/// # Errors
/// When the server refuses. A schema that is not there has none.
pub async fn tables(database: &mut impl Database, schema: &str) -> Result<Vec<String>, MySqlError> {
    // It fails where the user may not look; information_schema would be silent.
    let sql = format!(
        "SHOW TABLES FROM {} LIKE 'gtid\\_executed\\_%'",
        identifier(schema)
    );
    match database.rows(&sql).await {
        Ok(rows) => Ok(rows
            .into_iter()
            .filter_map(|row| row.into_iter().next()?)
            .collect()),
        Err(error) if error.code() == Some(UNKNOWN_SCHEMA) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// What the plugin itself would read for the job: compared by the column's own
/// collation, which mostly does not tell capital letters from small ones.
fn rows_sql(name: &str) -> String {
    format!(
        "SELECT job_name, HEX(source_uuid), gtid, gtid_set FROM {SCHEMA}.{TABLE} WHERE job_name = {}",
        literal(name)
    )
}

/// The first condition finds the rows by the primary key, the second leaves out
/// what is another job's but for capital letters.
fn delete_sql(name: &str) -> String {
    let name = literal(name);
    format!(
        "DELETE FROM {SCHEMA}.{TABLE} WHERE job_name = {name} AND CAST(CONVERT(job_name USING utf8mb4) AS BINARY) = CAST({name} AS BINARY)"
    )
}

/// The command line of `dtle-gateway forget`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The job's ID.
    #[arg(long, value_name = "ID")]
    id: String,

    /// Its destination. The user needs SELECT and DELETE on dtle.gtid_executed_v4.
    // Read later: clap would repeat a text that it cannot read, a password in it too.
    #[arg(long, value_name = "mysql://USER@HOST:PORT")]
    dest: String,

    /// The user's password: the first line of this file. Otherwise it is taken from
    /// DTLE_MYSQL_PASSWORD, or asked for.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Whether the connection is encrypted and the server checked, as in MySQL's
    /// own client. TLS 1.2 at least, which MySQL 5.6 does not always have.
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    ssl_mode: SslMode,

    /// Certificates of the authorities to believe (PEM), instead of the public ones.
    #[arg(long, value_name = "FILE")]
    ssl_ca: Option<PathBuf>,

    /// The gateway that serves the job: nothing is removed while it has a job of
    /// that ID. A token is taken from DTLE_API_TOKEN.
    #[arg(long, value_name = "URL")]
    api: Option<Url>,

    /// Remove without asking.
    #[arg(long)]
    yes: bool,
}

/// Looks, says what there is, asks, removes.
///
/// # Errors
/// What an operator has to put right: a job that is still there, a server that
/// cannot be reached or refuses.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let dest: Address = arguments
        .dest
        .parse()
        .map_err(|fault| format!("--dest: {fault}"))?;
    if let Some(url) = &arguments.api {
        refuse_a_job_that_is_there(url, &arguments.id).await?;
    }
    let password = password(arguments, &dest)?;
    let tls = Tls {
        mode: arguments.ssl_mode,
        ca: arguments.ssl_ca.clone(),
    };
    let mut session = Session::open(&dest, &password, &tls, PATIENCE).await?;
    let held = look(&mut session, &arguments.id).await?;
    let mut out = std::io::stdout();
    for line in describe(&held, &arguments.id, session.name()) {
        writeln!(out, "{line}")?;
    }
    if held.rows == 0 {
        session.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.yes {
        if !std::io::stdin().is_terminal() {
            writeln!(out, "nothing is removed without --yes")?;
            return Ok(ExitCode::FAILURE);
        }
        if arguments.api.is_none() {
            writeln!(
                out,
                "A job that runs under this ID would apply again what it has applied: it has to be deleted first."
            )?;
        }
        if !confirmed(&mut out)? {
            writeln!(out, "nothing removed")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    let removed = remove(&mut session, &arguments.id).await?;
    session.close().await;
    writeln!(out, "{removed} rows removed")?;
    Ok(ExitCode::SUCCESS)
}

async fn refuse_a_job_that_is_there(url: &Url, id: &str) -> Result<(), Box<dyn Error>> {
    let token = std::env::var(TOKEN).ok().map(Secret::new);
    let api = Api::new(url, token)?;
    let Some(job) = api.find(&job_path(id)).await? else {
        return Ok(());
    };
    let status = job.get("Status").and_then(Value::as_str).unwrap_or("there");
    Err(format!(
        "the job {id} is {status} on {}: with its rows removed it would apply again what it has applied. Delete it first: DELETE /v1/job/{id}?forget=true",
        api.shown()
    )
    .into())
}

fn password(arguments: &Arguments, dest: &Address) -> Result<Secret, Box<dyn Error>> {
    if let Some(file) = &arguments.password_file {
        return Ok(secret_of_file(file)?);
    }
    if let Ok(password) = std::env::var(PASSWORD) {
        return Ok(Secret::new(password));
    }
    if !std::io::stdin().is_terminal() {
        return Err(format!("no password: give --password-file or set {PASSWORD}").into());
    }
    write!(std::io::stderr(), "Password of {} on {dest}: ", dest.user)?;
    Ok(Secret::new(console::Term::stderr().read_secure_line()?))
}

fn confirmed(out: &mut impl Write) -> std::io::Result<bool> {
    write!(out, "Remove them? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// What was found, line by line.
#[must_use]
pub fn describe(held: &Held, name: &str, server: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if held.rows > 0 {
        lines.push(format!(
            "{server}: {SCHEMA}.{TABLE} has {} rows of the job {name}: {}",
            held.rows, held.set
        ));
    } else if held.tables.iter().any(|table| table == TABLE) {
        lines.push(format!(
            "{server}: {SCHEMA}.{TABLE} has no row of the job {name}"
        ));
    } else if let Some(table) = held.tables.first() {
        lines.push(format!(
            "{server}: there is no {SCHEMA}.{TABLE}; {SCHEMA}.{table} is of an earlier dtle, which knows other IDs"
        ));
    } else {
        lines.push(format!("{server}: no dtle 3.x or 4.x has written there"));
    }
    if !held.alike.is_empty() {
        lines.push(format!(
            "the rows of {} stay, but {server} does not tell these names from {name}: the plugin takes their transactions for this job's",
            held.alike.join(", ")
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::Row;

    /// A destination that answers from a list, and keeps what it was told.
    struct Played {
        rows: Vec<(&'static str, Result<Vec<Row>, u16>)>,
        told: Vec<String>,
    }

    impl Database for Played {
        fn name(&self) -> &'static str {
            "db:3306"
        }

        async fn rows(&mut self, sql: &str) -> Result<Vec<Row>, MySqlError> {
            let known = self.rows.iter().find(|(begin, _)| sql.starts_with(begin));
            match known.expect(sql) {
                (_, Ok(rows)) => Ok(rows.clone()),
                (_, Err(code)) => Err(MySqlError::Refused {
                    server: "db:3306".to_owned(),
                    code: *code,
                    text: "no".to_owned(),
                }),
            }
        }

        async fn change(&mut self, sql: &str) -> Result<u64, MySqlError> {
            self.told.push(sql.to_owned());
            Ok(1)
        }
    }

    fn played(tables: &[&str], rows: &[[Option<&str>; 4]]) -> Played {
        let of = |cells: &[Option<&str>]| -> Row {
            cells.iter().map(|cell| cell.map(str::to_owned)).collect()
        };
        Played {
            rows: vec![
                (
                    "SHOW TABLES",
                    Ok(tables.iter().map(|t| of(&[Some(t)])).collect()),
                ),
                ("SELECT", Ok(rows.iter().map(|row| of(row)).collect())),
            ],
            told: Vec::new(),
        }
    }

    const SOURCE: &str = "65004BA0E71611F1B06902FC8B4E3157";

    #[tokio::test]
    async fn the_rows_of_the_job_and_their_transactions_are_counted() {
        // As 4.23.04 leaves them: one compacted row and the newest one by one.
        let mut database = played(
            &[TABLE],
            &[
                [Some("orders"), Some(SOURCE), Some("0"), Some("1-20:22")],
                [Some("orders"), Some(SOURCE), Some("23"), None],
                [Some("ORDERS"), Some(SOURCE), Some("99"), None],
            ],
        );
        let held = look(&mut database, "orders").await.unwrap();
        assert_eq!(held.rows, 2);
        assert_eq!(
            held.set.to_string(),
            "65004ba0-e716-11f1-b069-02fc8b4e3157:1-20:22-23"
        );
        assert_eq!(held.alike, ["ORDERS"]);
        let lines = describe(&held, "orders", "db:3306").join("\n");
        assert!(
            lines.contains("2 rows of the job orders: 65004ba0"),
            "{lines}"
        );
        assert!(lines.contains("the rows of ORDERS stay"), "{lines}");
    }

    #[tokio::test]
    async fn a_destination_without_the_table_holds_nothing() {
        for (tables, words) in [
            (&[][..], "no dtle 3.x or 4.x has written there"),
            (&["gtid_executed_v3a"][..], "of an earlier dtle"),
            (&[TABLE][..], "has no row of the job orders"),
        ] {
            let held = look(&mut played(tables, &[]), "orders").await.unwrap();
            assert_eq!(held.rows, 0);
            let lines = describe(&held, "orders", "db:3306").join("\n");
            assert!(lines.contains(words), "{lines}");
        }
        let mut no_schema = played(&[], &[]);
        no_schema.rows[0].1 = Err(UNKNOWN_SCHEMA);
        assert_eq!(look(&mut no_schema, "a").await.unwrap(), Held::default());
        // Not allowed to look is not the same as nothing there.
        let mut denied = played(&[], &[]);
        denied.rows[0].1 = Err(1044);
        assert!(look(&mut denied, "a").await.is_err());
    }

    #[tokio::test]
    async fn a_row_that_is_not_the_plugins_stops_everything() {
        let row = [Some("a"), Some("not hex"), Some("1"), None];
        let found = look(&mut played(&[TABLE], &[row]), "a").await;
        assert!(matches!(found, Err(ForgetError::Row(_))));
    }

    #[tokio::test]
    async fn a_removal_names_the_job_exactly() {
        let mut database = played(&[TABLE], &[]);
        remove(&mut database, "a'b").await.unwrap();
        let [sql] = database.told.as_slice() else {
            panic!("{:?}", database.told);
        };
        assert!(
            sql.starts_with(
                "DELETE FROM dtle.gtid_executed_v4 WHERE job_name = _utf8mb4 0x612762 AND "
            ),
            "{sql}"
        );
        assert!(
            sql.ends_with("AS BINARY) = CAST(_utf8mb4 0x612762 AS BINARY)"),
            "{sql}"
        );
    }
}
