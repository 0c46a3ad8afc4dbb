//! The record of a request, of which a log line and metrics are made.
//!
//! It answers who did what to which job, and with which result. A record holds no
//! body, no header and no query, so no secret gets into it; of the path it holds the
//! ID. Text that a caller could choose is made harmless before it enters the record
//! ([`line`]), because a log is read line by line, often in a terminal.

use std::borrow::Cow;
use std::io::Write;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::json;

/// The caller of a request that no authorizer has let in.
pub const UNKNOWN: &str = "unknown";

/// The target of the lines about writes: `RUST_LOG=warn` leaves them in the log,
/// `RUST_LOG=warn,audit=off` does not.
pub const AUDIT: &str = "audit";

/// The longest ID that is logged, in characters. The ID of a job has 64 at most.
const LONGEST_ID: usize = 128;
/// The longest cause that is logged, in characters.
const LONGEST_CAUSE: usize = 2_000;

/// What is known of a request when it is answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// What Lambda or the gateway calls the request.
    pub request_id: String,
    /// The trace that it is part of, where there is one.
    pub trace_id: Option<String>,
    /// The function that answered.
    pub route: &'static str,
    /// The method.
    pub method: String,
    /// The name of the caller's token; `anyone` under open access; [`UNKNOWN`] when
    /// no authorizer has let the request in.
    pub caller: String,
    /// The client's address, or that of the proxy in front of this.
    pub ip: String,
    /// The object that the request acts on, if it is known.
    pub subject: Option<Subject>,
    /// The status of the answer.
    pub status: u16,
    /// Nomad's index of a write.
    pub nomad_index: Option<u64>,
    /// How long it took.
    pub took: Duration,
    /// Requests sent to Nomad, repeats included.
    pub nomad_calls: u32,
    /// Time spent waiting for Nomad, summed over calls that may have overlapped.
    pub nomad_took: Duration,
    /// Whether it failed because no Nomad server answered, or none led.
    pub nomad_down: bool,
    /// Whose fault it is, for every answer of 4xx and 5xx.
    pub fault: Option<Fault>,
    /// Whether it was the first of this process.
    pub cold_start: bool,
    /// Why the request failed, for every answer of 4xx and 5xx. It holds nothing of
    /// a Config.
    pub cause: Option<String>,
}

impl Record {
    /// Whether the request was one that may change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    /// Whether the request was as it should be, and its answer is not. This is what
    /// alarms go by: a caller cannot set one off.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        matches!(self.fault, Some(Fault::Nomad | Fault::Gateway))
    }

    /// The ID of its subject, if that is of this kind.
    fn id_of(&self, kind: Kind) -> Option<&str> {
        self.subject.as_ref()?.id_of(kind)
    }
}

/// Whose fault it is that a request failed. The status does not tell: 2.x answers 500
/// for a region that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is not as it should be, or asks for what there is not or nobody may.
    Caller,
    /// Nomad, the network to it, or Consul.
    Nomad,
    /// This program, its settings or its secrets.
    Gateway,
}

impl Fault {
    /// Its name in a log line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Nomad => "nomad",
            Self::Gateway => "gateway",
        }
    }
}

/// The kind of object that a request acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A job.
    Job,
    /// An allocation.
    Allocation,
    /// An evaluation.
    Evaluation,
    /// A node.
    Node,
    /// Servers, by address, ID or name.
    Server,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Job,
        Self::Allocation,
        Self::Evaluation,
        Self::Node,
        Self::Server,
    ];

    /// The field of a log line that its ID stands in.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Allocation => "allocation",
            Self::Evaluation => "evaluation",
            Self::Node => "node",
            Self::Server => "server",
        }
    }
}

/// The object that a request acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    kind: Kind,
    id: String,
}

impl Subject {
    /// The object with this ID.
    #[must_use]
    pub fn new(kind: Kind, id: &str) -> Self {
        Self {
            kind,
            id: line(id, LONGEST_ID).into_owned(),
        }
    }

    /// The object that `{id}` names in a route's path, such as `/v1/job/{id}/pause`.
    #[must_use]
    pub fn of_path(route_path: &str, id: &str) -> Option<Self> {
        let (before, _) = route_path.split_once("/{id}")?;
        let named = before.rsplit('/').next()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.field() == named)?;
        Some(Self::new(kind, id))
    }

    /// Its ID, if it is of this kind.
    #[must_use]
    pub fn id_of(&self, kind: Kind) -> Option<&str> {
        (self.kind == kind).then_some(&self.id)
    }
}

/// A text on one line, at most so many characters of it. Line ends, escape codes of
/// terminals, and marks that turn the direction of writing are spelled out.
#[must_use]
pub fn line(text: &str, longest: usize) -> Cow<'_, str> {
    let text = text.trim_end();
    if !text.contains(is_harmful) && text.len() <= longest {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().min(longest));
    for (position, c) in text.chars().enumerate() {
        if position == longest {
            shown.push('…');
            break;
        }
        if is_harmful(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The cause of a failure in the form that the log may show.
#[must_use]
pub fn cause(text: &str) -> String {
    line(text, LONGEST_CAUSE).into_owned()
}

/// What is done with a record.
pub type Observer = Box<dyn Fn(&Record) + Send + Sync>;

/// Writes a record as a log line: `write` for what may change something, `request`
/// for the rest.
pub fn to_log(record: &Record) {
    /// One line under a target and a name, which the macro wants to be constant.
    macro_rules! put {
        ($target:expr, $name:literal) => {
            tracing::info!(
                target: $target,
                id = record.request_id,
                route = record.route,
                method = record.method,
                status = record.status,
                caller = record.caller,
                ip = record.ip,
                job = record.id_of(Kind::Job),
                allocation = record.id_of(Kind::Allocation),
                evaluation = record.id_of(Kind::Evaluation),
                node = record.id_of(Kind::Node),
                server = record.id_of(Kind::Server),
                nomad_index = record.nomad_index,
                ms = millis(record.took),
                nomad_calls = record.nomad_calls,
                nomad_ms = millis(record.nomad_took),
                fault = record.fault.map(Fault::as_str),
                cause = record.cause,
                $name
            )
        };
    }
    if record.is_write() {
        put!(AUDIT, "write");
    } else {
        put!(module_path!(), "request");
    }
}

/// Writes records as JSON lines on standard output, which CloudWatch takes as a
/// log and, by its embedded metric format, as metrics of that namespace: once for
/// all routes together, once a route, and what tells a bad release once a release.
#[must_use]
pub fn to_cloudwatch(namespace: String, release: String) -> Observer {
    Box::new(move |record| {
        let line = cloudwatch_line(record, &namespace, &release, SystemTime::now());
        // Nobody is left to be told when standard output is gone.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    })
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

const fn count(name: &'static str) -> Metric {
    let unit = "Count";
    Metric { name, unit }
}

const fn time(name: &'static str) -> Metric {
    let unit = "Milliseconds";
    Metric { name, unit }
}

const REQUESTS: Metric = count("Requests");
/// Requests that failed by a fault of Nomad's or of the gateway's.
const FAULTS: Metric = count("Faults");
const METRICS: &[Metric] = &[
    REQUESTS,
    FAULTS,
    time("Latency"),
    time("NomadLatency"),
    count("NomadUnreachable"),
    count("ColdStarts"),
];

/// A record in CloudWatch's embedded metric format, on one line.
#[must_use]
pub fn cloudwatch_line(record: &Record, namespace: &str, release: &str, now: SystemTime) -> String {
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
            }, {
                "Namespace": namespace,
                "Dimensions": [["Service", "Release"]],
                "Metrics": [REQUESTS, FAULTS]
            }]
        },
        "Service": "dtle",
        "Route": record.route,
        "Release": release,
        "Requests": 1,
        "Faults": u8::from(record.is_fault()),
        "Latency": millis(record.took),
        "NomadLatency": millis(record.nomad_took),
        "NomadUnreachable": u8::from(record.nomad_down),
        "ColdStarts": u8::from(record.cold_start),
        "request_id": record.request_id,
        "method": record.method,
        "status": record.status,
        "caller": record.caller,
        "ip": record.ip,
        "nomad_calls": record.nomad_calls
    });
    if let Some(fields) = line.as_object_mut() {
        let known = [
            record
                .subject
                .as_ref()
                .map(|it| (it.kind.field(), json!(it.id))),
            record
                .nomad_index
                .map(|index| ("nomad_index", json!(index))),
            record.trace_id.as_ref().map(|id| ("trace_id", json!(id))),
            record.fault.map(|fault| ("fault", json!(fault.as_str()))),
            record.cause.as_ref().map(|cause| ("cause", json!(cause))),
        ];
        for (name, value) in known.into_iter().flatten() {
            fields.insert(name.to_owned(), value);
        }
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
            route: "job-delete",
            method: "DELETE".to_owned(),
            caller: "deploy".to_owned(),
            subject: Some(Subject::new(Kind::Job, "a\n{\"caller\":\"b\"}")),
            status: 502,
            nomad_index: Some(7),
            took: Duration::from_micros(1_234),
            nomad_down: true,
            fault: Some(Fault::Nomad),
            cause: Some("Nomad is unreachable: timed out".to_owned()),
            ..Record::default()
        };
        let line = cloudwatch_line(&record, "dtle/test", "2611251430", SystemTime::now());
        assert!(!line.contains('\n'));
        let line: Value = serde_json::from_str(&line).unwrap();
        assert!(line["_aws"]["Timestamp"].is_u64());
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
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
        }
        assert_eq!(line["Latency"], 1.234);
        assert_eq!(line["Faults"], 1);
        assert_eq!(line["fault"], "nomad");
        assert_eq!(line["Release"], "2611251430");
        assert_eq!(line["NomadUnreachable"], 1);
        assert_eq!(line["caller"], "deploy");
        assert_eq!(line["job"], r#"a\u{a}{"caller":"b"}"#);
        assert_eq!(line["nomad_index"], 7);
    }

    #[test]
    fn a_text_of_a_callers_stays_on_its_line_and_moves_no_cursor() {
        for (text, expected) in [
            ("db1-to-db2", "db1-to-db2"),
            ("404 page not found\n", "404 page not found"),
            ("a\nb\r\tc", r"a\u{a}b\u{d}\u{9}c"),
            ("\u{1b}[2Jx\u{9b}1A", r"\u{1b}[2Jx\u{9b}1A"),
            ("a\u{2028}b\u{202e}c", r"a\u{2028}b\u{202e}c"),
            ("任务", "任务"),
        ] {
            assert_eq!(line(text, 40), expected);
        }
        assert_eq!(line(&"é".repeat(50), 40), format!("{}…", "é".repeat(40)));
    }

    #[test]
    fn a_subject_is_what_the_path_names() {
        for (path, expected) in [
            ("/v1/job/{id}", Some(Kind::Job)),
            ("/job/{id}/allocations", Some(Kind::Job)),
            ("/v1/agent/allocation/{id}/stats", Some(Kind::Allocation)),
            ("/v1/evaluation/{id}/allocations", Some(Kind::Evaluation)),
            ("/v1/node/{id}/evaluate", Some(Kind::Node)),
            ("/v1/order/{id}", None),
            ("/v1/jobs", None),
        ] {
            let expected = expected.map(|kind| Subject::new(kind, "x"));
            assert_eq!(Subject::of_path(path, "x"), expected, "{path}");
        }
    }
}
