//! What happens to a task, as Nomad's client tells it.

use serde_json::{Value, json};

use crate::go;
use crate::json::extend;

/// A task event; `fields` are those that are set.
fn event(kind: &str, display: &str, details: Value, fields: Value) -> Value {
    let mut event = json!({
        "DisplayMessage": display, "Time": go::now_nanoseconds(), "Type": kind,
        "DiskLimit": 0, "DownloadError": "", "DriverError": "", "DriverMessage": "", "ExitCode": 0,
        "FailedSibling": "", "FailsTask": false, "GenericSource": "", "KillError": "",
        "KillReason": "", "KillTimeout": 0, "Message": "", "RestartReason": "", "SetupError": "",
        "Signal": 0, "StartDelay": 0, "TaskSignal": "", "TaskSignalReason": "",
        "ValidationError": "", "VaultError": "",
    });
    extend(&mut event, fields);
    extend(&mut event, Value::from_iter([("Details", details)]));
    event
}

pub(crate) fn plain(kind: &str, display: &str) -> Value {
    event(kind, display, json!({}), json!({}))
}

/// An event with one field, which stands among the details too.
fn of_one(kind: &str, display: &str, detail: &str, field: &str, value: &str) -> Value {
    let (details, fields) = (json!({ detail: value }), json!({ field: value }));
    event(kind, display, details, fields)
}

/// The client has received the task and builds its folder.
pub(crate) fn received() -> [Value; 2] {
    let setup = "Building Task Directory";
    [
        plain("Received", "Task received by client"),
        of_one("Task Setup", setup, "message", "Message", setup),
    ]
}

/// Its Config does not pass the plugin's schema.
pub(crate) fn failed_validation(why: &str) -> Value {
    let (detail, field) = ("validation_error", "ValidationError");
    of_one("Failed Validation", why, detail, field, why)
}

/// Its driver refuses to start it.
pub(crate) fn driver_failure(why: &str) -> Value {
    of_one("Driver Failure", why, "driver_error", "DriverError", why)
}

/// What the plugin tells of itself.
pub(crate) fn driver(message: &str) -> Value {
    let fields = json!({ "DriverMessage": message });
    event("Driver", message, Value::Null, fields)
}

pub(crate) fn signaling(signal: &str) -> Value {
    let details = json!({ "signal": signal });
    event("Signaling", "Task being sent a signal", details, json!({}))
}

/// Its driver gave up.
pub(crate) fn terminated(message: &str) -> Value {
    let display = format!("Exit Code: 2, Exit Message: {message:?}");
    let details =
        json!({"exit_code": "2", "signal": "0", "oom_killed": "false", "exit_message": message});
    let fields = json!({"ExitCode": 2, "Message": message});
    event("Terminated", &display, details, fields)
}

/// It starts again after so many nanoseconds.
pub(crate) fn restarting(delay: i64, reason: &str) -> Value {
    let display = format!("Task restarting in {}", go::duration(delay));
    let details = json!({"start_delay": delay.to_string(), "restart_reason": reason});
    let fields = json!({"RestartReason": reason, "StartDelay": delay});
    event("Restarting", &display, details, fields)
}

pub(crate) fn not_restarting(reason: &str) -> Value {
    let details = json!({"restart_reason": reason, "fails_task": "true"});
    let fields = json!({"RestartReason": reason, "FailsTask": true});
    event("Not Restarting", reason, details, fields)
}

/// Another task of its allocation has failed.
pub(crate) fn sibling_failed(name: &str) -> Value {
    let display = format!("Task's sibling {name:?} failed");
    let (detail, field) = ("failed_sibling", "FailedSibling");
    of_one("Sibling Task Failed", &display, detail, field, name)
}

/// A running task is stopped, with so many nanoseconds until it is killed.
pub(crate) fn stopping(timeout: i64) -> [Value; 2] {
    let shown = go::duration(timeout);
    let display = format!("Sent interrupt. Waiting {shown} before force killing");
    let details = json!({ "kill_timeout": shown });
    let fields = json!({ "KillTimeout": timeout });
    let exit = json!({"exit_code": "0", "signal": "0", "oom_killed": "false"});
    [
        event("Killing", &display, details, fields),
        event("Terminated", "Exit Code: 0", exit, json!({})),
    ]
}
