//! The body of a create or update, in the forms that people send.
//!
//! Field names match without regard to case, as in 2.x. All faults of a body are
//! named together in one line, so that a client does not have to find them one
//! request at a time.

use serde_json::{Map, Value};

use super::at::At;
use super::check::{self, Found, kind};
use super::spec::{JobSpec, TaskSpec, fault_of_id};
use super::{Driver, Side, keys, nomad_job, numbers};
use crate::config::TaskConfig;

/// How deep a body may be nested. serde_json reads 127 levels. Nomad's answers and
/// the record in Meta wrap a Config in more levels than a body does; a job that can
/// be registered and then not read would make every list fail.
const DEEPEST: usize = 64;

/// What a body holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A 2.x job.
    Job(JobSpec),
    /// A Nomad job (`{"Job": {"TaskGroups": …}}`), with the index of its wrapper.
    NomadJob {
        /// The job document.
        job: Map<String, Value>,
        /// Whether the write is a compare-and-set.
        enforce_index: bool,
        /// The index it expects.
        job_modify_index: u64,
    },
}

/// Why a body is no job: one line, without any value of a Config.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is not a JSON object; the line says where it stops being one.
    #[error("{0}")]
    Syntax(String),
    /// It is one, and no job that can run; the line names every fault.
    #[error("{0}")]
    Faults(String),
}

/// Reads a body.
///
/// # Errors
/// When it is not a JSON object, or the job in it has faults.
pub fn parse(bytes: &[u8]) -> Result<Body, BodyError> {
    let fields = object(bytes).map_err(BodyError::Syntax)?;
    let mut faults = Vec::new();
    let body = read(fields, &mut faults);
    if faults.is_empty() {
        // A body without faults is complete.
        body.ok_or_else(|| BodyError::Faults("the body is not a job".to_owned()))
    } else {
        Err(BodyError::Faults(faults.join("; ")))
    }
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Err("the body is empty; a job in JSON is expected".to_owned());
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        // serde_json's own texts can quote the value, which may be a password.
        let kind = match error.classify() {
            serde_json::error::Category::Eof => "the JSON ends too early",
            _ if error.to_string().starts_with("recursion limit") => {
                "the JSON is nested too deeply"
            }
            _ => "the body is not valid JSON",
        };
        format!("{kind} (line {}, column {})", error.line(), error.column())
    })?;
    if depth(&value) > DEEPEST {
        return Err(format!(
            "the JSON is nested too deeply: {DEEPEST} levels are taken"
        ));
    }
    match numbers::tidy(value) {
        Value::Object(fields) => Ok(fields),
        other => Err(format!("the body is {}, a job is expected", kind(&other))),
    }
}

/// How many arrays and objects stand in each other.
fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    1 + deepest.unwrap_or(0)
}

fn read(fields: Map<String, Value>, faults: &mut Vec<String>) -> Option<Body> {
    let mut outer = Fields::new(fields, "", faults);
    match outer.take("Job") {
        None => job(outer, faults).map(Body::Job),
        Some(Value::Object(inner)) => {
            let enforce_index = outer.boolean("EnforceIndex", faults);
            let job_modify_index = outer.index("JobModifyIndex", faults);
            if nomad_job::is_nomad_job(&inner) {
                return Some(Body::NomadJob {
                    job: inner,
                    enforce_index,
                    job_modify_index,
                });
            }
            let mut spec = job(Fields::new(inner, "", faults), faults)?;
            if enforce_index {
                spec.enforce_index = true;
                spec.job_modify_index = job_modify_index;
            }
            Some(Body::Job(spec))
        }
        Some(other) => {
            faults.push(format!("Job is {}, an object is expected", kind(&other)));
            None
        }
    }
}

fn job(mut fields: Fields, faults: &mut Vec<String>) -> Option<JobSpec> {
    let mut warnings = Vec::new();
    let name = fields.text("Name", faults);
    match &name {
        None if faults.is_empty() => faults.push("Job Name hasn't been provided".to_owned()),
        Some(name) if name.trim().is_empty() => faults.push("Name is empty".to_owned()),
        _ => {}
    }
    let id = fields.text("ID", faults);
    faults.extend(id.as_deref().and_then(fault_of_id));
    let region = fields.text("Region", faults).filter(|r| !r.is_empty());
    let datacenters = fields.texts("Datacenters", faults).unwrap_or_default();
    let failover = fields.boolean("Failover", faults);
    let orders = fields.texts("Orders", faults);
    let enforce_index = fields.boolean("EnforceIndex", faults);
    let job_modify_index = fields.index("JobModifyIndex", faults);
    let tasks = match fields.take("Tasks") {
        Some(Value::Array(items)) => tasks(items, faults, &mut warnings),
        Some(other) => {
            faults.push(format!("Tasks is {}, an array is expected", kind(&other)));
            return None;
        }
        None => {
            // A body without a Name is no job at all; 2.x says so and no more [094].
            if name.is_some() {
                faults.push("Tasks are missing: one Src and one Dest are needed".to_owned());
            }
            return None;
        }
    };
    fields.warn_of_the_rest(&mut warnings);
    Some(JobSpec {
        id,
        name: name?,
        region,
        datacenters,
        failover,
        orders,
        enforce_index,
        job_modify_index,
        tasks,
        warnings,
    })
}

fn tasks(items: Vec<Value>, faults: &mut Vec<String>, warnings: &mut Vec<String>) -> Vec<TaskSpec> {
    let mut tasks = Vec::new();
    let mut types_are_known = true;
    let mut sides = Vec::new();
    for (position, item) in items.into_iter().enumerate() {
        let at = format!("Tasks[{position}]");
        let Value::Object(fields) = item else {
            faults.push(format!("{at} is {}, an object is expected", kind(&item)));
            types_are_known = false;
            continue;
        };
        let mut fields = Fields::new(fields, &at, faults);
        let side = match fields.text("Type", faults) {
            Some(name) => {
                let side = [Side::Src, Side::Dest]
                    .into_iter()
                    .find(|side| side.as_str() == name);
                if side.is_none() {
                    faults.push(format!(
                        "{at}.Type is {}, neither Src nor Dest",
                        quoted(&name)
                    ));
                }
                side
            }
            None => {
                faults.push(format!("{at}.Type is missing: Src or Dest"));
                None
            }
        };
        types_are_known &= side.is_some();
        sides.extend(side);
        let task = task(fields, &at, side.unwrap_or(Side::Src), faults, warnings);
        tasks.extend(task);
    }
    if types_are_known {
        let count = |side| sides.iter().filter(|s| **s == side).count();
        match (count(Side::Src), count(Side::Dest)) {
            (1, 1) => {}
            (0, 0) => faults.push("Tasks are empty: one Src and one Dest are needed".to_owned()),
            (src, dest) => faults.push(format!(
                "Tasks hold {src} Src and {dest} Dest: one of each is needed"
            )),
        }
    }
    tasks
}

fn task(
    mut fields: Fields,
    at: &str,
    side: Side,
    faults: &mut Vec<String>,
    warnings: &mut Vec<String>,
) -> Option<TaskSpec> {
    let driver = match fields.text("Driver", faults).filter(|d| !d.is_empty()) {
        None => Driver::default(),
        Some(name) => match Driver::of_name(&name) {
            Some(driver) if driver != Driver::Kafka || side == Side::Dest => driver,
            Some(driver) => {
                faults.push(format!("{at}.Driver {} is for Dest only", driver.as_str()));
                driver
            }
            None => {
                faults.push(format!(
                    "{at}.Driver is {}, none of MySQL, Kafka, Oracle",
                    quoted(&name)
                ));
                Driver::default()
            }
        },
    };
    let node_id = fields.text("NodeID", faults).unwrap_or_default();
    let node_name = fields.text("NodeName", faults).unwrap_or_default();
    let leader = fields.boolean("Leader", faults);
    let config = match fields.take("Config") {
        Some(Value::Object(config)) => config,
        Some(other) => {
            faults.push(format!(
                "{at}.Config is {}, an object is expected",
                kind(&other)
            ));
            return None;
        }
        None => {
            faults.push(format!("{at}.Config is missing"));
            return None;
        }
    };
    let known = if driver == Driver::Kafka {
        keys::KAFKA
    } else {
        keys::DATABASE
    };
    let at = &At::Root(at);
    let at = &At::Key(at, "Config");
    let config = keys::canonical(config, known, at, faults);
    if let Some(connection) = config.get("ConnectionConfig")
        && !connection.is_object()
    {
        faults.push(format!(
            "{at}.ConnectionConfig is {}, an object is expected",
            kind(connection)
        ));
    }
    let mut found = Found::default();
    check::task(side, driver, &config, at, &mut found);
    faults.append(&mut found.faults);
    warnings.append(&mut found.warnings);
    fields.warn_of_the_rest(warnings);
    Some(TaskSpec {
        side,
        driver,
        node_id,
        node_name,
        leader,
        config: TaskConfig(config),
    })
}

/// The fields of an object, by name without regard to case.
struct Fields {
    fields: Vec<(String, Value)>,
    at: String,
}

/// The names that mean something, in their canonical spelling.
pub const NAMES: &[&str] = &[
    "Config",
    "Datacenters",
    "Driver",
    "EnforceIndex",
    "Failover",
    "ID",
    "Job",
    "JobModifyIndex",
    "Leader",
    "Name",
    "NodeID",
    "NodeName",
    "Orders",
    "Region",
    "Tasks",
    "Type",
];

/// The names that only 2.x's answers have, which are often sent back.
const OF_ANSWERS: &[&str] = &[
    "ConfigLock",
    "Constraints",
    "CreateIndex",
    "JobSummary",
    "ModifyIndex",
    "Status",
    "StatusDescription",
];

impl Fields {
    fn new(fields: Map<String, Value>, at: &str, faults: &mut Vec<String>) -> Self {
        let prefix = if at.is_empty() {
            String::new()
        } else {
            format!("{at}.")
        };
        let mut seen: Vec<&str> = Vec::new();
        for name in fields.keys() {
            if let Some(known) = NAMES.iter().find(|n| n.eq_ignore_ascii_case(name)) {
                if seen.contains(known) {
                    faults.push(format!("{prefix}{known} is given twice, once as `{name}`"));
                }
                seen.push(known);
            }
        }
        Self {
            fields: fields.into_iter().collect(),
            at: prefix,
        }
    }

    /// Warns of the fields that nobody has taken and that 2.x does not answer with.
    fn warn_of_the_rest(&self, warnings: &mut Vec<String>) {
        let rest = self.fields.iter().map(|(name, _)| name.as_str());
        let known = [NAMES, OF_ANSWERS].concat();
        check::names(rest, &known, &self.at, warnings);
    }

    /// Takes a field; `null` is as good as absent.
    fn take(&mut self, name: &str) -> Option<Value> {
        let position = self
            .fields
            .iter()
            .position(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(self.fields.swap_remove(position).1).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str, faults: &mut Vec<String>) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => {
                faults.push(format!(
                    "{}{name} is {}, a text is expected",
                    self.at,
                    kind(&other)
                ));
                None
            }
        }
    }

    fn texts(&mut self, name: &str, faults: &mut Vec<String>) -> Option<Vec<String>> {
        let value = self.take(name)?;
        let texts = value.as_array().and_then(|items| {
            items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        });
        if texts.is_none() {
            faults.push(format!("{}{name} is not an array of texts", self.at));
        }
        texts
    }

    fn boolean(&mut self, name: &str, faults: &mut Vec<String>) -> bool {
        match self.take(name) {
            None => false,
            Some(Value::Bool(value)) => value,
            Some(other) => {
                faults.push(format!(
                    "{}{name} is {}, true or false is expected",
                    self.at,
                    kind(&other)
                ));
                false
            }
        }
    }

    fn index(&mut self, name: &str, faults: &mut Vec<String>) -> u64 {
        match self.take(name) {
            None => 0,
            Some(value) => value.as_u64().unwrap_or_else(|| {
                faults.push(format!("{}{name} is not a whole number", self.at));
                0
            }),
        }
    }
}

/// A short text, quoted and on one line.
fn quoted(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: &str) -> String {
        parse(body.as_bytes()).unwrap_err().to_string()
    }

    const TASKS: &str = r#"[{"Type":"Src","Config":{"ConnectionConfig":{"Host":"h","Port":1,"User":"u","Password":"p"}}},{"type":"Dest","config":{"connectionConfig":{"host":"h","port":1,"user":"u","password":"p"}}}]"#;

    #[test]
    fn every_fault_is_named_in_one_line() {
        let message = faults(
            r#"{"Name":"x","ID":"a b","Tasks":[{"Type":"src","Driver":"Nope","Config":{}},null]}"#,
        );
        for part in [
            "a space",
            "Tasks[0].Type is \"src\"",
            "Tasks[0].Driver is \"Nope\"",
            "Tasks[1] is null",
        ] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!message.contains('\n'));
    }

    #[test]
    fn bodies_that_are_no_job() {
        for (body, part) in [
            ("", "empty"),
            ("{", "ends too early (line 1, column 1)"),
            ("{bad", "not valid JSON (line 1, column 2)"),
            ("[]", "an array"),
            ("null", "null"),
            ("5", "a number"),
            (r#"{"Job":5}"#, "Job is a number"),
            (r#"{"Name":5}"#, "Name is a number"),
            (r#"{"Name":"x"}"#, "Tasks are missing"),
            (r#"{"Name":"x","Tasks":{}}"#, "Tasks is an object"),
            (r#"{"Name":"x","Tasks":[]}"#, "Tasks are empty"),
            (
                r#"{"Name":"x","Tasks":[{"Type":"Src","Config":{}}]}"#,
                "1 Src and 0 Dest",
            ),
            (
                r#"{"Name":"x","Tasks":[{"Type":"Src"},{"Type":"Dest","Config":{}}]}"#,
                "Tasks[0].Config is missing",
            ),
            (r#"{"Name":"x","name":"y"}"#, "Name is given twice"),
        ] {
            let message = faults(body);
            assert!(message.contains(part), "{body}: {message}");
        }
        assert_eq!(faults("{}"), "Job Name hasn't been provided");
    }

    #[test]
    fn ids_that_cannot_be() {
        let long = "x".repeat(65);
        for id in ["", "a b", "a/b", "..", "é", "a\\nb", &long] {
            let body = format!(r#"{{"Name":"x","ID":"{id}","Tasks":{TASKS}}}"#);
            assert!(faults(&body).contains("ID"), "{id}");
        }
        for id in ["a", "A.b_c:d-9", &"x".repeat(64)] {
            let body = format!(r#"{{"Name":"x","ID":"{id}","Tasks":{TASKS}}}"#);
            assert!(parse(body.as_bytes()).is_ok(), "{id}");
        }
    }

    #[test]
    fn names_match_without_regard_to_case_and_a_byte_order_mark_is_passed_over() {
        let body = format!("\u{feff}{{\"name\":\"x\",\"TASKS\":{TASKS},\"failOver\":true}}");
        let Ok(Body::Job(spec)) = parse(body.as_bytes()) else {
            panic!("a job");
        };
        assert!(spec.failover);
        assert_eq!(spec.tasks.len(), 2);
    }

    #[test]
    fn the_command_lines_wrapper_brings_its_index() {
        let body = format!(
            r#"{{"Job":{{"Name":"x","Tasks":{TASKS}}},"EnforceIndex":true,"JobModifyIndex":7}}"#
        );
        let Ok(Body::Job(spec)) = parse(body.as_bytes()) else {
            panic!("a job");
        };
        assert_eq!((spec.enforce_index, spec.job_modify_index), (true, 7));
    }

    #[test]
    fn a_fault_never_quotes_a_config_value() {
        for body in [
            r#"{"Name":"x","Tasks":[{"Type":"Src","Config":{"ConnectionConfig":"hush"}},{"Type":"Dest","Config":"hush"}]}"#,
            r#"{"Name":"x","Tasks":[{"Config":{"Password":"hush" x}}]}"#,
        ] {
            assert!(!faults(body).contains("hush"), "{body}");
        }
    }

    #[test]
    fn deep_nesting_is_a_fault_and_no_crash() {
        let body = format!("{{\"Name\":{}", "[".repeat(100_000));
        assert!(faults(&body).contains("nested too deeply"));
        let nested = |levels| {
            let value = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            format!(r#"{{"Name":"x","Tasks":{TASKS},"Other":{value}}}"#)
        };
        assert!(faults(&nested(DEEPEST)).contains("nested too deeply"));
        assert!(parse(nested(DEEPEST - 1).as_bytes()).is_ok());
    }
}
