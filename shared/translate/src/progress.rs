//! How far a replication has come: read as the plugin stores it in Consul, shown as
//! 2.x shows it, in the Config of both tasks.

use serde_json::json;

use crate::v2;

/// What the plugin has stored of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Progress {
    gtid: String,
    binlog_file: String,
    binlog_pos: u64,
    nats_addr: String,
}

impl Progress {
    /// Takes in one of the plugin's keys. Keys that say nothing about progress are
    /// dropped; 4.x stores the whole Config among them, with clear passwords.
    pub fn set(&mut self, key: &str, value: String) {
        match key {
            "Gtid" => self.gtid = value,
            "BinlogFilePos" => {
                // `file//dtle//pos`; both parts can be empty.
                if let Some((file, pos)) = value.split_once("//dtle//") {
                    file.clone_into(&mut self.binlog_file);
                    self.binlog_pos = pos.parse().unwrap_or(0);
                }
            }
            // Before there is one: `wait`, `waitdst`.
            "NatsAddr" if value.contains(':') => self.nats_addr = value,
            _ => {}
        }
    }

    /// Whether a job created under this Name would go on from here, whatever Gtid
    /// its Config has.
    #[must_use]
    pub fn overrides(&self) -> bool {
        !self.gtid.is_empty() || !self.binlog_file.is_empty()
    }

    /// How many bytes of text it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        self.gtid.len() + self.binlog_file.len() + self.nats_addr.len()
    }

    /// Puts it into the Config of both tasks [011].
    pub fn show_in(&self, job: &mut v2::Job) {
        for task in &mut job.tasks {
            let config = &mut task.config.0;
            if !self.gtid.is_empty() {
                config.insert("Gtid".to_owned(), json!(self.gtid));
            }
            if !self.binlog_file.is_empty() {
                config.insert("BinlogFile".to_owned(), json!(self.binlog_file));
                config.insert("BinlogPos".to_owned(), json!(self.binlog_pos));
            }
            if !self.nats_addr.is_empty() {
                config.insert("NatsAddr".to_owned(), json!(self.nats_addr));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(entries: &[(&str, &str)]) -> Progress {
        let mut progress = Progress::default();
        for (key, value) in entries {
            progress.set(key, (*value).to_owned());
        }
        progress
    }

    /// Values of the recordings `200-consul-kv-dtle`.
    #[test]
    fn what_the_plugin_stores_is_read() {
        let full = progress(&[
            ("Gtid", "cea3cd7e-e716-11f1-b069-02fc00000001:1-13"),
            ("BinlogFilePos", "mysql-bin.000001//dtle//2954"),
            ("NatsAddr", "127.0.0.1:8193"),
            ("Config", "{\"Password\":\"hush\"}"),
        ]);
        assert_eq!(full.binlog_file, "mysql-bin.000001");
        assert_eq!(full.binlog_pos, 2954);
        assert_eq!(full.nats_addr, "127.0.0.1:8193");
        assert!(full.overrides());
        assert!(!format!("{full:?}").contains("hush"));
    }

    #[test]
    fn a_job_that_has_not_begun_has_no_progress() {
        let empty = progress(&[
            ("Gtid", ""),
            ("BinlogFilePos", "//dtle//0"),
            ("NatsAddr", "wait"),
        ]);
        assert_eq!(empty, Progress::default());
        assert!(!empty.overrides());
    }
}
