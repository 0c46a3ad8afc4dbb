//! Values that must never be printed.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A token or a key. `Debug` shows that there is one, never what it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the value in.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

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
    fn debug_output_shows_no_secret() {
        let config = TaskConfig(
            serde_json::from_str(r#"{"ConnectionConfig":{"Password":"hush"},"Gtid":"g"}"#).unwrap(),
        );
        let shown = format!("{:?} {config:?}", Secret::new("hush"));
        assert!(!shown.contains("hush"), "{shown}");
        assert!(shown.contains("ConnectionConfig"), "{shown}");
    }
}
