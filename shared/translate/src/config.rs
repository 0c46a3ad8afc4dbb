//! The Config of a task, which holds database passwords.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The Config of a task: a JSON object that holds database passwords, so its
/// `Debug` names the keys and shows no value.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "openapi",
    schemars(
        description = "What the driver is told: the keys that were sent, in their canonical spelling, their values as they were sent."
    )
)]
#[serde(transparent)]
pub struct TaskConfig(pub Map<String, Value>);

impl fmt::Debug for TaskConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_names_the_keys_and_shows_no_value() {
        let config = TaskConfig(
            serde_json::from_str(r#"{"ConnectionConfig":{"Password":"hush"},"Gtid":"g"}"#).unwrap(),
        );
        let shown = format!("{config:?}");
        assert!(!shown.contains("hush"), "{shown}");
        assert!(shown.contains("ConnectionConfig"), "{shown}");
    }
}
