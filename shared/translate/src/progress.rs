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
    stage: String,
    copied: Option<(u64, u64)>,
}

/// The keys of a Config that are shown as the plugin has stored them.
const LIVE: [&str; 4] = ["BinlogFile", "BinlogPos", "Gtid", "NatsAddr"];

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
            // Only 4.x stores these two.
            "JobStage" => self.stage = value,
            "DumpProgress" => self.copied = serde_json::from_str(&value).ok(),
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
        self.gtid.len() + self.binlog_file.len() + self.nats_addr.len() + self.stage.len()
    }

    /// The full copy, as far as the plugin has stored it.
    #[must_use]
    pub fn copying(&self) -> v2::Progress {
        let (done, all) = self.copied.unwrap_or_default();
        v2::Progress {
            gtid: self.gtid.clone(),
            job_stage: self.stage.clone(),
            rows_copied: done,
            rows_total: all,
        }
    }

    /// The GTIDs that are stored as applied; empty when none are.
    #[must_use]
    pub fn gtid(&self) -> &str {
        &self.gtid
    }

    /// The place in the source's history that is stored, as one text.
    #[must_use]
    pub fn position(&self) -> String {
        match self.binlog_file.as_str() {
            "" => self.gtid.clone(),
            file => format!("{} {file} {}", self.gtid, self.binlog_pos),
        }
    }

    /// Takes the keys out of the Config of both tasks that are shown as the plugin
    /// stores them: where that cannot be had, what was registered would be old.
    pub fn hide_in(job: &mut v2::Job) {
        for task in &mut job.tasks {
            task.config.0.retain(|key, _| !LIVE.contains(&key.as_str()));
        }
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
            ("JobStage", "job_stage_full"),
            ("DumpProgress", "[1200,5000]"),
        ]);
        let copying = full.copying();
        assert_eq!((copying.rows_copied, copying.rows_total), (1_200, 5_000));
        assert_eq!(copying.job_stage, "job_stage_full");
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
