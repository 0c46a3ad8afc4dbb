//! What happens to a task, as Nomad's client tells it.

use serde_json::{Value, json};

use crate::go;
use crate::json::extend;

/// A task event; `fields` are those that are set.
pub(crate) fn event(kind: &str, display: &str, details: Value, fields: Value) -> Value {
    let mut event = json!({
        "Details": details, "DisplayMessage": display, "Time": go::now_nanoseconds(), "Type": kind,
        "DiskLimit": 0, "DownloadError": "", "DriverError": "", "DriverMessage": "", "ExitCode": 0,
        "FailedSibling": "", "FailsTask": false, "GenericSource": "", "KillError": "",
        "KillReason": "", "KillTimeout": 0, "Message": "", "RestartReason": "", "SetupError": "",
        "Signal": 0, "StartDelay": 0, "TaskSignal": "", "TaskSignalReason": "",
        "ValidationError": "", "VaultError": "",
    });
    extend(&mut event, fields);
    event
}

pub(crate) fn plain(kind: &str, display: &str) -> Value {
    event(kind, display, json!({}), json!({}))
}

/// The client has received the task and builds its folder.
pub(crate) fn received() -> [Value; 2] {
    let (setup, told) = ("Building Task Directory", "Task received by client");
    let details = json!({ "message": setup });
    [
        plain("Received", told),
        event("Task Setup", setup, details, json!({ "Message": setup })),
    ]
}

/// Its Config does not pass the plugin's schema.
pub(crate) fn failed_validation(message: &str) -> Value {
    let details = json!({ "validation_error": message });
    let fields = json!({ "ValidationError": message });
    event("Failed Validation", message, details, fields)
}

/// Its driver refuses to start it.
pub(crate) fn driver_failure(error: &str) -> Value {
    let details = json!({ "driver_error": error });
    event(
        "Driver Failure",
        error,
        details,
        json!({ "DriverError": error }),
    )
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
    let fields = json!({ "FailedSibling": name });
    event(
        "Sibling Task Failed",
        &display,
        json!({ "failed_sibling": name }),
        fields,
    )
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
