//! One record a request: what a log line and a metric are made of.
//!
//! A record holds no body, no header, no query and no value of a path, so nothing
//! secret can get into it.

use std::io::Write;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::json;

/// What is known of a request once it is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What Lambda or the gateway calls the request.
    pub request_id: String,
    /// The function that answered.
    pub route: &'static str,
    /// The method.
    pub method: String,
    /// The status of the answer.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
    /// Requests sent to Nomad, repeats included.
    pub nomad_calls: u32,
    /// Time spent waiting for Nomad, summed over calls that may have overlapped.
    pub nomad_took: Duration,
    /// Whether it failed because no Nomad server answered, or none led.
    pub nomad_down: bool,
    /// Whether it was the first of this process.
    pub cold_start: bool,
    /// Why it failed, for the log.
    pub cause: Option<String>,
}

/// What becomes of a record.
pub type Observer = Box<dyn Fn(&Record) + Send + Sync>;

/// Writes a record as a readable log line.
pub fn to_log(record: &Record) {
    tracing::info!(
        id = record.request_id,
        route = record.route,
        method = record.method,
        status = record.status,
        ms = millis(record.took),
        nomad_calls = record.nomad_calls,
        nomad_ms = millis(record.nomad_took),
        cause = record.cause,
        "request"
    );
}

/// Writes records as JSON lines on standard output, which CloudWatch takes as a
/// log and, by its embedded metric format, as metrics of that namespace: once for
/// all routes together, once a route.
#[must_use]
pub fn to_cloudwatch(namespace: String) -> Observer {
    Box::new(move |record| {
        let line = cloudwatch_line(record, &namespace, SystemTime::now());
        // Nobody is left to be told when standard output is gone.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

const METRICS: &[Metric] = &[
    Metric {
        name: "Requests",
        unit: "Count",
    },
    Metric {
        name: "Errors",
        unit: "Count",
    },
    Metric {
        name: "Latency",
        unit: "Milliseconds",
    },
    Metric {
        name: "NomadLatency",
        unit: "Milliseconds",
    },
    Metric {
        name: "NomadUnreachable",
        unit: "Count",
    },
    Metric {
        name: "ColdStarts",
        unit: "Count",
    },
];

/// A record in CloudWatch's embedded metric format, on one line.
#[must_use]
pub fn cloudwatch_line(record: &Record, namespace: &str, now: SystemTime) -> String {
    let timestamp = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    let mut line = json!({
        "_aws": {
            "Timestamp": timestamp,
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [["Service"], ["Service", "Route"]],
                "Metrics": METRICS
            }]
        },
        "Service": "dtle",
        "Route": record.route,
        "Requests": 1,
        "Errors": u8::from(record.status >= 500),
        "Latency": millis(record.took),
        "NomadLatency": millis(record.nomad_took),
        "NomadUnreachable": u8::from(record.nomad_down),
        "ColdStarts": u8::from(record.cold_start),
        "request_id": record.request_id,
        "method": record.method,
        "status": record.status,
        "nomad_calls": record.nomad_calls
    });
    if let (Some(cause), Some(fields)) = (&record.cause, line.as_object_mut()) {
        fields.insert("cause".to_owned(), json!(cause));
    }
    line.to_string()
}

/// Milliseconds with three decimals.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The rules of CloudWatch's embedded metric format: every metric and every
    /// dimension that is named is a field beside `_aws`, numbers and texts.
    #[test]
    fn a_line_is_an_embedded_metric() {
        let record = Record {
            request_id: "r-1".to_owned(),
            route: "job-get",
            method: "GET".to_owned(),
            status: 502,
            took: Duration::from_micros(1_234),
            nomad_calls: 2,
            nomad_took: Duration::from_micros(900),
            nomad_down: true,
            cold_start: false,
            cause: Some("Nomad is unreachable: timed out".to_owned()),
        };
        let line = cloudwatch_line(&record, "dtle/test", SystemTime::now());
        assert!(!line.contains('\n'));
        let line: Value = serde_json::from_str(&line).unwrap();
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert!(line["_aws"]["Timestamp"].is_u64());
        assert_eq!(directive["Namespace"], "dtle/test");
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(
                line[metric["Name"].as_str().unwrap()].is_number(),
                "{metric}"
            );
        }
        for set in directive["Dimensions"].as_array().unwrap() {
            for dimension in set.as_array().unwrap() {
                assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
            }
        }
        assert_eq!(line["Latency"], 1.234);
        assert_eq!(line["Errors"], 1);
        assert_eq!(line["NomadUnreachable"], 1);
    }
}
