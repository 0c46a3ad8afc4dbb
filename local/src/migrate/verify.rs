//! Both databases compared, table by table, while nothing is written.
//!
//! As pt-table-checksum does: rows are taken in chunks along the first column of the
//! primary key, and of each chunk the number of rows and one checksum are compared,
//! the exclusive or of every row's CRC32. A row's text names each column once and
//! tells NULL from an empty text. So the same chunk has the same figures on both
//! sides, in whatever order its rows are stored.

use serde_json::Value;

use super::job::{Endpoint, OldJob, Side, field};
use super::sides::Stop;
use super::steps::mysql;
use super::{Connector, Migration};
use crate::mysql::{Database, MySqlError, Row, identifier, literal};

/// Rows of a chunk.
const CHUNK: u64 = 20_000;

/// A table and what it is called on the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Schema and table on the source.
    pub source: (String, String),
    /// Schema and table on the destination.
    pub destination: (String, String),
}

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// As many rows as that, the same on both sides.
    Same(u64),
    /// Where they differ.
    Different(String),
    /// Why they cannot be compared.
    Not(String),
}

impl<C: Connector> Migration<'_, C> {
    /// Compares the tables of all jobs that were moved. Returns whether all agree.
    ///
    /// # Errors
    /// When the old side does not answer: it knows what was moved.
    pub async fn verify(&self) -> Result<bool, Stop> {
        let mut complete = true;
        for unit in &self.journal.entries.units {
            for entry in &unit.jobs {
                let job = self.read_old(&entry.id).await?;
                complete &= self.verify_job(&job).await;
            }
        }
        Ok(complete)
    }

    async fn verify_job(&self, job: &OldJob) -> bool {
        let id = &job.id;
        let (Endpoint::MySql(from), Endpoint::MySql(to)) =
            (job.endpoint(Side::Src), job.endpoint(Side::Dest))
        else {
            self.output.line(&format!(
                "{id}  is not compared: it does not join two MySQL servers"
            ));
            return true;
        };
        let opened = async {
            let source = self.connector.open(&from).await?;
            let destination = self.connector.open(&to).await?;
            Ok::<_, MySqlError>((source, destination))
        };
        let (mut source, mut destination) = match opened.await {
            Ok(both) => both,
            Err(error) => {
                self.output.line(&format!("{id}  NOT compared: {error}"));
                return false;
            }
        };
        let all = tables(&mut source).await.map_err(mysql);
        let pairs = all.and_then(|all| pairs(job, &all).map_err(Stop));
        let pairs = match pairs {
            Ok(pairs) => pairs,
            Err(Stop(why)) => {
                self.output.line(&format!("{id}  NOT compared: {why}"));
                return false;
            }
        };
        let mut same = true;
        for pair in pairs {
            let found = compare(&mut source, &mut destination, &pair).await;
            let name = format!("{}.{}", pair.source.0, pair.source.1);
            self.output.line(&match found {
                Ok(Compared::Same(rows)) => format!("{id}  {name}: the same, {rows} rows"),
                Ok(Compared::Different(how)) => {
                    same = false;
                    format!("{id}  {name}: DIFFERENT: {how}")
                }
                Ok(Compared::Not(why)) => {
                    same = false;
                    format!("{id}  {name}: NOT compared: {why}")
                }
                Err(error) => {
                    same = false;
                    format!("{id}  {name}: NOT compared: {error}")
                }
            });
        }
        same
    }
}

/// All tables of a server that are not its own.
async fn tables(database: &mut impl Database) -> Result<Vec<(String, String)>, MySqlError> {
    let rows = database
        .rows(
            "SELECT table_schema, table_name FROM information_schema.tables \
             WHERE table_type = 'BASE TABLE' AND table_schema NOT IN \
             ('mysql', 'sys', 'information_schema', 'performance_schema', 'dtle') \
             ORDER BY table_schema, table_name",
        )
        .await?;
    let both = |row: Row| {
        let mut cells = row.into_iter();
        Some((cells.next()??, cells.next()??))
    };
    Ok(rows.into_iter().filter_map(both).collect())
}

/// Which of these tables a job replicates, and what they are called there.
///
/// # Errors
/// When its rules are of a kind that this does not follow.
pub fn pairs(job: &OldJob, all: &[(String, String)]) -> Result<Vec<Pair>, String> {
    let (wanted, ignored) = job.rules();
    let name = |rule: &Value, key: &str| {
        let rule = rule.as_object()?;
        let text = field(rule, key)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let tables_of = |rule: &Value| {
        let tables = rule.as_object().and_then(|rule| field(rule, "Tables"));
        tables
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let is_ignored = |(schema, table): &(String, String)| {
        ignored.iter().any(|rule| {
            let tables = tables_of(rule);
            name(rule, "TableSchema").as_ref() == Some(schema)
                && (tables.is_empty()
                    || tables
                        .iter()
                        .any(|one| name(one, "TableName").as_ref() == Some(table)))
        })
    };
    let left = || all.iter().filter(|table| !is_ignored(table));
    if wanted.is_empty() {
        let same = |table: &(String, String)| Pair {
            source: table.clone(),
            destination: table.clone(),
        };
        return Ok(left().map(same).collect());
    }
    let mut found = Vec::new();
    for rule in &wanted {
        let Some(schema) =
            name(rule, "TableSchema").filter(|_| name(rule, "TableSchemaRegex").is_none())
        else {
            return Err("it names schemas by a pattern".to_owned());
        };
        let there = name(rule, "TableSchemaRename").unwrap_or_else(|| schema.clone());
        let tables = tables_of(rule);
        for table in left().filter(|(of, _)| *of == schema) {
            let rule = tables
                .iter()
                .find(|one| name(one, "TableName").as_ref() == Some(&table.1));
            if !tables.is_empty() && rule.is_none() {
                continue;
            }
            let filter = rule.and_then(|rule| name(rule, "Where"));
            if filter.is_some_and(|filter| filter.trim() != "true") {
                return Err(format!("{}.{} is filtered by Where", table.0, table.1));
            }
            let renamed = rule.and_then(|rule| name(rule, "TableRename"));
            found.push(Pair {
                source: table.clone(),
                destination: (there.clone(), renamed.unwrap_or_else(|| table.1.clone())),
            });
        }
        let pattern = |one: &Value| name(one, "TableRegex").is_some();
        if tables.iter().any(pattern) {
            return Err("it names tables by a pattern".to_owned());
        }
    }
    Ok(found)
}

/// What is compared of a table.
struct Shape {
    columns: Vec<String>,
    key: Option<Key>,
}

/// The first column of a primary key, if chunks can be cut along it.
#[derive(Clone, Debug)]
struct Key {
    column: String,
    kind: Kind,
}

/// How a value of a key is written in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// As its digits.
    Number,
    /// As bytes.
    Bytes,
    /// As a text.
    Text,
}

impl Key {
    fn of(column: String, data_type: &str) -> Option<Self> {
        let kind = match data_type {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" => Kind::Number,
            "binary" | "varbinary" => Kind::Bytes,
            "char" | "varchar" | "date" | "datetime" | "timestamp" => Kind::Text,
            _ => return None,
        };
        Some(Self { column, kind })
    }

    /// What to ask for to have a value as hexadecimal digits.
    fn value(&self) -> String {
        let column = identifier(&self.column);
        match self.kind {
            Kind::Bytes => format!("HEX({column})"),
            Kind::Number | Kind::Text => format!("HEX(CONVERT({column} USING utf8mb4))"),
        }
    }

    /// Such a value in a statement. The digits come from a server.
    fn literal(&self, hex: &str) -> Option<String> {
        let pairs = hex.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let bytes = bytes?;
        match self.kind {
            Kind::Bytes => Some(format!("X'{hex}'")),
            Kind::Text => Some(literal(std::str::from_utf8(&bytes).ok()?)),
            Kind::Number => {
                let text = String::from_utf8(bytes).ok()?;
                let plain = text
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b == b'-' || b == b'.');
                plain.then_some(text)
            }
        }
    }
}

async fn shape(
    database: &mut impl Database,
    (schema, table): &(String, String),
) -> Result<Shape, MySqlError> {
    let of = format!(
        "table_schema = {} AND table_name = {}",
        literal(schema),
        literal(table)
    );
    let columns = format!(
        "SELECT column_name FROM information_schema.columns WHERE {of} ORDER BY column_name"
    );
    let key = format!(
        "SELECT column_name, data_type FROM information_schema.columns WHERE {of} AND column_name IN \
         (SELECT column_name FROM information_schema.statistics WHERE {of} AND index_name = 'PRIMARY' AND seq_in_index = 1)"
    );
    let columns = database.rows(&columns).await?;
    let key = database.rows(&key).await?;
    let key = key.into_iter().find_map(|row| {
        let mut cells = row.into_iter();
        Key::of(cells.next()??, &cells.next()??)
    });
    Ok(Shape {
        columns: columns
            .into_iter()
            .filter_map(|row| row.into_iter().next()?)
            .collect(),
        key,
    })
}

/// Compares a table.
///
/// # Errors
/// When a server refuses.
pub async fn compare(
    source: &mut impl Database,
    destination: &mut impl Database,
    pair: &Pair,
) -> Result<Compared, MySqlError> {
    let here = shape(source, &pair.source).await?;
    let there = shape(destination, &pair.destination).await?;
    if there.columns.is_empty() {
        return Ok(Compared::Different(
            "it is not on the destination".to_owned(),
        ));
    }
    if here.columns != there.columns {
        return Ok(Compared::Not(
            "its columns are not the same on both sides".to_owned(),
        ));
    }
    // Times would be shown in each server's own zone.
    source.change("SET time_zone = '+00:00'").await?;
    destination.change("SET time_zone = '+00:00'").await?;
    let mut after: Option<String> = None;
    let mut rows = 0;
    loop {
        let until = match &here.key {
            Some(key) => boundary(source, &pair.source, key, after.as_deref()).await?,
            None => None,
        };
        let range = range(here.key.as_ref(), after.as_deref(), until.as_deref());
        let a = checksum(source, &pair.source, &here.columns, &range).await?;
        let b = checksum(destination, &pair.destination, &here.columns, &range).await?;
        if a != b {
            return Ok(Compared::Different(format!(
                "{} rows here, {} there, where {range}",
                a.0, b.0
            )));
        }
        rows += a.0;
        match until {
            Some(_) if until == after => {
                return Ok(Compared::Not(
                    "its primary key cannot be followed".to_owned(),
                ));
            }
            Some(_) => after = until,
            None => return Ok(Compared::Same(rows)),
        }
    }
}

/// The key's value at a chunk's end, in hexadecimal digits; `None` for the last.
async fn boundary(
    database: &mut impl Database,
    table: &(String, String),
    key: &Key,
    after: Option<&str>,
) -> Result<Option<String>, MySqlError> {
    let sql = format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT 1 OFFSET {CHUNK}",
        key.value(),
        name_of(table),
        range(Some(key), after, None),
        identifier(&key.column)
    );
    let rows = database.rows(&sql).await?;
    Ok(rows
        .into_iter()
        .next()
        .and_then(|row| row.into_iter().next()?))
}

/// A condition for the rows of a chunk: after one value, up to another.
fn range(key: Option<&Key>, after: Option<&str>, until: Option<&str>) -> String {
    let Some(key) = key else {
        return "TRUE".to_owned();
    };
    let part = |sign: &str, hex: &str| {
        let value = key.literal(hex)?;
        Some(format!("{} {sign} {value}", identifier(&key.column)))
    };
    let parts: Vec<String> = [
        after.and_then(|after| part(">", after)),
        until.and_then(|until| part("<=", until)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        return "TRUE".to_owned();
    }
    parts.join(" AND ")
}

/// Number of rows and checksum of a chunk.
async fn checksum(
    database: &mut impl Database,
    table: &(String, String),
    columns: &[String],
    range: &str,
) -> Result<(u64, String), MySqlError> {
    // Of each value its hash, so that no row is too long to be put together.
    let row: Vec<String> = columns
        .iter()
        .map(|column| format!("COALESCE(MD5(CAST({} AS BINARY)), '-')", identifier(column)))
        .collect();
    let sql = format!(
        "SELECT COUNT(*), COALESCE(BIT_XOR(CAST(CRC32(CONCAT_WS(',', {})) AS UNSIGNED)), 0) FROM {} WHERE {range}",
        row.join(", "),
        name_of(table)
    );
    let rows = database.rows(&sql).await?;
    let unexpected = || MySqlError::Unexpected {
        server: database.name().to_owned(),
        what: "no checksum".to_owned(),
    };
    let Some([Some(count), Some(sum)]) = rows.first().map(Vec::as_slice) else {
        return Err(unexpected());
    };
    Ok((count.parse().map_err(|_| unexpected())?, sum.clone()))
}

fn name_of((schema, table): &(String, String)) -> String {
    format!("{}.{}", identifier(schema), identifier(table))
}
