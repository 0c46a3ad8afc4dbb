//! A MySQL server, as the commands that move and rewind jobs see it.
//!
//! Questions are SQL texts and answers are texts, as in MySQL's own client: what a
//! server answered can then be recorded, and a test can play it ([`Database`]).
//! Values never become part of a statement but through [`literal`] and
//! [`identifier`].

use std::fmt::{self, Write};
use std::future::Future;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use dtle_outbound::Secret;
use dtle_outbound::Url;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, SslOpts, Value};

/// How long a server may take to let somebody in.
const CONNECT: Duration = Duration::from_secs(15);

/// A row: a text for each column, `None` for NULL.
pub type Row = Vec<Option<String>>;

/// What was asked of a server and failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MySqlError {
    /// It cannot be reached, or did not answer in time.
    #[error("{server}: {cause}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// Why.
        cause: String,
    },
    /// It refused, with its own code and text.
    #[error("{server}: {text} ({code})")]
    Refused {
        /// Host and port.
        server: String,
        /// MySQL's error code.
        code: u16,
        /// MySQL's text.
        text: String,
    },
    /// It answered what cannot be understood.
    #[error("{server}: unexpected answer: {what}")]
    Unexpected {
        /// Host and port.
        server: String,
        /// What it was.
        what: String,
    },
}

impl MySqlError {
    /// MySQL's error code, if it answered with one.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// Something that answers SQL.
pub trait Database: Send {
    /// Host and port, for messages.
    fn name(&self) -> &str;

    /// The rows of the first result; none for a statement without one.
    fn rows(&mut self, sql: &str) -> impl Future<Output = Result<Vec<Row>, MySqlError>> + Send;

    /// How many rows a statement changed.
    fn change(&mut self, sql: &str) -> impl Future<Output = Result<u64, MySqlError>> + Send;
}

/// Where a server is and whom it knows: `mysql://user@host:port`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The user.
    pub user: String,
}

impl FromStr for Address {
    type Err = String;

    /// A password in the URL is refused: other users of the machine could read it.
    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "mysql://USER@HOST:PORT is expected";
        let url = Url::parse(text).map_err(|_| FORM.to_owned())?;
        if url.password().is_some() {
            return Err("a password on the command line can be read by others on this machine: leave it out (see --password-file)".to_owned());
        }
        let bare = matches!(url.path(), "" | "/") && url.query().is_none();
        if url.scheme() != "mysql" || !bare || url.fragment().is_some() {
            return Err(FORM.to_owned());
        }
        let user = percent_encoding::percent_decode_str(url.username())
            .decode_utf8()
            .map_err(|_| FORM.to_owned())?;
        let host = url.host_str().unwrap_or_default();
        if user.is_empty() || host.is_empty() {
            return Err(FORM.to_owned());
        }
        Ok(Self {
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: url.port().unwrap_or(3306),
            user: user.into_owned(),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Whether a connection is encrypted and what of the server is checked, in the
/// words of MySQL's own client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SslMode {
    /// Not encrypted.
    #[default]
    Disabled,
    /// Encrypted; whoever answers is believed.
    Required,
    /// Encrypted, and the certificate comes from a known authority.
    VerifyCa,
    /// The same, and it is for the host's name.
    VerifyIdentity,
}

/// How to connect.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// What is asked of the connection.
    pub mode: SslMode,
    /// The authorities to believe (PEM); the public ones when there is none.
    pub ca: Option<PathBuf>,
}

/// An open connection.
pub struct Session {
    name: String,
    conn: Conn,
    patience: Duration,
}

impl Session {
    /// Connects. An answer may take as long as `patience`.
    ///
    /// # Errors
    /// When the server cannot be reached or does not know the user.
    pub async fn open(
        address: &Address,
        password: &Secret,
        tls: &Tls,
        patience: Duration,
    ) -> Result<Self, MySqlError> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ssl = (tls.mode != SslMode::Disabled).then(|| {
            let roots: Vec<_> = tls.ca.iter().cloned().map(Into::into).collect();
            SslOpts::default()
                .with_disable_built_in_roots(tls.ca.is_some())
                .with_root_certs(roots)
                .with_danger_accept_invalid_certs(tls.mode == SslMode::Required)
                .with_danger_skip_domain_validation(tls.mode != SslMode::VerifyIdentity)
        });
        let options = OptsBuilder::default()
            .ip_or_hostname(address.host.clone())
            .tcp_port(address.port)
            .user(Some(address.user.clone()))
            .pass(Some(password.expose()))
            // The address is meant, not a socket file that the server tells of.
            .prefer_socket(false)
            .ssl_opts(ssl);
        let name = address.to_string();
        let conn = tokio::time::timeout(CONNECT, Conn::new(options))
            .await
            .map_err(|_| unreachable(&name, "no answer in time"))?
            .map_err(|error| fault(&name, error))?;
        Ok(Self {
            name,
            conn,
            patience,
        })
    }

    /// Says goodbye; what goes wrong then does not matter any more.
    pub async fn close(self) {
        let _ = tokio::time::timeout(Duration::from_secs(2), self.conn.disconnect()).await;
    }
}

impl Database for Session {
    fn name(&self) -> &str {
        &self.name
    }

    async fn rows(&mut self, sql: &str) -> Result<Vec<Row>, MySqlError> {
        let rows: Vec<mysql_async::Row> =
            match tokio::time::timeout(self.patience, self.conn.query(sql)).await {
                Ok(answer) => answer.map_err(|error| fault(&self.name, error))?,
                Err(_) => return Err(unreachable(&self.name, "no answer in time")),
            };
        rows.into_iter()
            .map(|row| row.unwrap().into_iter().map(text).collect())
            .map(|row: Option<Row>| {
                row.ok_or_else(|| MySqlError::Unexpected {
                    server: self.name.clone(),
                    what: "a value that is no text".to_owned(),
                })
            })
            .collect()
    }

    async fn change(&mut self, sql: &str) -> Result<u64, MySqlError> {
        match tokio::time::timeout(self.patience, self.conn.query_drop(sql)).await {
            Ok(answer) => answer.map_err(|error| fault(&self.name, error))?,
            Err(_) => return Err(unreachable(&self.name, "no answer in time")),
        }
        Ok(self.conn.affected_rows())
    }
}

/// In answers to plain queries every value is NULL or a text; outer `None` for
/// anything else.
#[expect(clippy::option_option, reason = "NULL is not a failure")]
fn text(value: Value) -> Option<Option<String>> {
    match value {
        Value::NULL => Some(None),
        Value::Bytes(bytes) => Some(Some(String::from_utf8_lossy(&bytes).into_owned())),
        _ => None,
    }
}

fn unreachable(server: &str, cause: &str) -> MySqlError {
    MySqlError::Unreachable {
        server: server.to_owned(),
        cause: cause.to_owned(),
    }
}

fn fault(server: &str, error: mysql_async::Error) -> MySqlError {
    match error {
        mysql_async::Error::Server(error) => MySqlError::Refused {
            server: server.to_owned(),
            code: error.code,
            text: error.message,
        },
        other => unreachable(server, &other.to_string()),
    }
}

/// A text as a literal that no setting of the server reads otherwise.
#[must_use]
pub fn literal(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    let mut hex = String::from("_utf8mb4 0x");
    for byte in text.bytes() {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// A name of a schema, table or column, quoted.
#[must_use]
pub fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_urls_without_a_password() {
        let read = |text: &str| text.parse::<Address>();
        let address = read("mysql://dtle@10.0.0.12:3307").unwrap();
        assert_eq!(
            (address.user.as_str(), address.to_string().as_str()),
            ("dtle", "10.0.0.12:3307")
        );
        assert_eq!(read("mysql://a%40b@db").unwrap().user, "a@b");
        assert_eq!(read("mysql://a@db").unwrap().port, 3306);
        assert_eq!(read("mysql://a@[::1]:1").unwrap().to_string(), "[::1]:1");
        for bad in [
            "",
            "10.0.0.12:3306",
            "mysql://10.0.0.12:3306",
            "http://a@b:1",
            "mysql://a@b:1/db",
            "mysql://a@b:99999",
        ] {
            assert!(read(bad).unwrap_err().contains("is expected"), "{bad}");
        }
        let error = read("mysql://a:hush@b:1").unwrap_err();
        assert!(
            error.contains("--password-file") && !error.contains("hush"),
            "{error}"
        );
    }

    #[test]
    fn values_cannot_leave_their_place_in_a_statement() {
        assert_eq!(literal("a'\\"), "_utf8mb4 0x61275c");
        assert_eq!(literal(""), "''");
        assert_eq!(identifier("a`b"), "`a``b`");
    }
}
