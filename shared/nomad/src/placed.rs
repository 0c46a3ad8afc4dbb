//! A job document with the namespace it goes to.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// A job document whose Namespace is the gateway's, whatever it was. Nomad before
/// 1.2.16 takes the namespace of a register from the document alone, and every
/// version does so for a validation.
pub(super) struct Placed<'a> {
    pub(super) job: &'a Map<String, Value>,
    pub(super) namespace: &'a str,
}

impl Serialize for Placed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = Value::from(self.namespace);
        // Nomad reads names of fields without regard to case, the last one counts.
        let others = self
            .job
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("Namespace"))
            .map(|(name, value)| (name.as_str(), value));
        serializer.collect_map(others.chain([("Namespace", &named)]))
    }
}
