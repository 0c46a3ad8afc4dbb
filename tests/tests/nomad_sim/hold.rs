//! A recording, and an answer against it.

use std::path::{Path, PathBuf};

use nomad_sim::Plugin;
use serde_json::{Value, json};

use super::client::Reply;
use super::compare;

pub(crate) fn recordings(set: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("recordings")
        .join(set);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap_or_else(|error| panic!("{}: {error}", root.display()))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    assert!(files.len() > 5, "{set} is there");
    files
}

pub(crate) fn load(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a recording")).expect("JSON")
}

pub(crate) fn number(path: &Path) -> u32 {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name");
    name.split('-')
        .next()
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

/// Status, headers and body of an answer against a recording's.
pub(crate) fn hold(recording: &Value, reply: &Reply, hide_numbers: bool, faults: &mut Vec<String>) {
    let response = &recording["response"];
    if response["status"] != json!(reply.status) {
        faults.push(format!(
            "status {} recorded, {} here: {}",
            response["status"], reply.status, reply.body
        ));
        return;
    }
    let mut recorded: Vec<String> = response["headers"]
        .as_object()
        .expect("headers")
        .keys()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    recorded.sort();
    let mut here: Vec<String> = reply
        .headers
        .iter()
        .map(|(name, _)| name.clone())
        .filter(|name| name != "date" && name != "connection")
        .collect();
    here.sort();
    if recorded != here {
        faults.push(format!("headers {recorded:?} recorded, {here:?} here"));
    }
    for (name, value) in response["headers"].as_object().expect("headers") {
        let name = name.to_ascii_lowercase();
        if matches!(name.as_str(), "x-nomad-index" | "content-length") {
            continue;
        }
        if reply.header(&name) != value.as_str() {
            faults.push(format!(
                "{name}: {value} recorded, {:?} here",
                reply.header(&name)
            ));
        }
    }
    if let Some(text) = response["text"].as_str() {
        let same = if hide_numbers {
            compare::numbers_hidden(text) == compare::numbers_hidden(&reply.body)
        } else {
            text == reply.body
        };
        if !same {
            faults.push(format!("text {text:?} recorded, {:?} here", reply.body));
        }
    } else if response["headers"]["Content-Type"] == "application/json" {
        match serde_json::from_str::<Value>(&reply.body) {
            Ok(body) => compare::json(&response["json"], &body, "", faults),
            Err(error) => faults.push(format!("{error} in {:?}", reply.body)),
        }
    } else {
        // An error whose text happens to be JSON.
        let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
        compare::json(&response["json"], &body, "", faults);
    }
}

/// Base64, without a crate for it.
pub(crate) fn decode(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let value = alphabet
            .iter()
            .position(|known| *known == byte)
            .expect("base64");
        bits = bits << 6 | u32::try_from(value).expect("six bits");
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).expect("eight bits"));
        }
    }
    String::from_utf8(out).expect("text")
}

/// What differs in a recording for reasons that lie outside this story.
pub(crate) fn cut(number: u32, played: (Plugin, &str), recording: &mut Value) {
    let body = &mut recording["response"]["json"];
    if played == (Plugin::V4, "1.1.2") {
        // The 4.x cluster had logging switched on,
        if number == 1 {
            let config = body["config"]["Plugins"][0]["Config"]
                .as_object_mut()
                .expect("settings");
            config.remove("log_file");
            config.remove("log_level");
            config["api_addr"] = json!("127.0.0.1:8190");
        }
        // and a failed job from before the story.
        if matches!(number, 12 | 47) {
            body.as_array_mut()
                .expect("a list")
                .retain(|eval| eval["JobID"] != "j4bad");
        }
        // Its disk was another.
        if number == 13 {
            body["Resources"]["DiskMB"] = json!(77061);
            body["NodeResources"]["Disk"]["DiskMB"] = json!(77061);
            body["Links"]["consul"] = json!("dc1.vm");
        }
    }
    let before = body.to_string().len();
    without_deployments(body);
    let after = body.to_string().len();
    // A list that became short is sent in one piece.
    let headers = &mut recording["response"]["headers"];
    let emptied = matches!(number, 12 | 47) && played.1 == "1.1.2";
    if emptied || (before > 2048 && after <= 2048) {
        let headers = headers.as_object_mut().expect("headers");
        headers.remove("Transfer-Encoding");
        headers.insert("Content-Length".to_owned(), json!("0"));
    }
}

/// The in-memory Nomad has no deployments, and its evaluations do not tell what was
/// planned: what a real one's leave behind is taken out of its answer.
fn without_deployments(recorded: &mut Value) {
    match recorded {
        Value::Array(items) => {
            items.retain(|item| {
                item["TriggeredBy"] != "deployment-watcher"
                    && item["Type"] != "Alloc Unhealthy"
                    && item.get("IsMultiregion").is_none()
            });
            items.iter_mut().for_each(without_deployments);
        }
        Value::Object(fields) => {
            fields.remove("DeploymentID");
            fields.remove("PlanAnnotations");
            // Lists show the field in any case.
            if fields.contains_key("JobVersion") && fields.contains_key("DeploymentStatus") {
                fields["DeploymentStatus"] = Value::Null;
            } else {
                fields.remove("DeploymentStatus");
            }
            if let Some(stable) = fields.get_mut("Stable") {
                *stable = json!(false);
            }
            if let Some(reschedule) = fields.get_mut("Reschedule") {
                *reschedule = Value::Null;
            }
            fields.values_mut().for_each(without_deployments);
        }
        _ => {}
    }
}

/// The list right after a create catches each job at some point of its start:
/// that it is one is all that can be held.
pub(crate) fn early(list: &mut Value) {
    for job in list.as_array_mut().expect("a list") {
        assert!(
            job["Status"] == "pending" || job["Status"] == "running",
            "{job}"
        );
        job["Status"] = json!("pending");
        for counts in job["JobSummary"]["Summary"]
            .as_object_mut()
            .expect("groups")
            .values_mut()
        {
            let begun = counts["Starting"].as_i64().expect("a number")
                + counts["Running"].as_i64().expect("a number");
            assert!(begun <= 1, "{counts}");
            counts["Starting"] = json!(0);
            counts["Running"] = json!(0);
        }
    }
}

/// A real client reports events to the servers up to 200 ms late, and these
/// lists were asked for sooner after the signals before them. Here they are
/// told at once: they are taken out again, and must have been there.
pub(crate) fn unsignalled(reply: &mut Reply) {
    let mut body = reply.json();
    let mut taken = 0;
    for alloc in body.as_array_mut().expect("a list") {
        for state in alloc["TaskStates"]
            .as_object_mut()
            .expect("states")
            .values_mut()
        {
            state["Events"]
                .as_array_mut()
                .expect("events")
                .retain(|event| {
                    let signal = event["Type"] == "Signaling"
                        || event["DriverMessage"] == "Task receive signal stats";
                    taken += usize::from(signal);
                    !signal
                });
        }
    }
    assert!(taken >= 2, "two signals went out before this list");
    reply.body = body.to_string();
}
