//! The alert rules and the dashboard in `deploy/` against the series that there are.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets something odd should stop and say so"
)]

use std::collections::BTreeSet;
use std::path::Path;

use dtle_translate::metrics::series;
use serde_json::Value;

fn deployed(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The names of series in a text: words that begin as ours do.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("dtle_") || word.starts_with("udup_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn alert_rules_and_dashboard_name_series_that_there_are() {
    let mut known: BTreeSet<String> = series().collect();
    // The gateway's own, on one machine.
    known.insert("dtle_requests_total".to_owned());
    let rules = deployed("prometheus/dtle-alerts.yml");
    let exprs: String = rules
        .lines()
        .filter(|line| line.contains("expr:"))
        .collect();
    let dashboard: Value = serde_json::from_str(&deployed("grafana/dtle.json")).unwrap();
    let mut shown = String::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            shown.push_str(target["expr"].as_str().unwrap());
            shown.push(' ');
        }
    }
    for text in [exprs, shown] {
        let named = named(&text);
        assert!(named.len() > 3, "{named:?}");
        assert_eq!(
            named.difference(&known).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
    }
}
