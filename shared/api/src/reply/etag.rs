//! Conditional requests: an answer's `ETag`, and `304 Not Modified` for a caller who has
//! the answer already. 2.x had neither; a client that does not ask sees one header more.
//!
//! The tag is a hash of the answer's JSON. Nomad's index would not do: the cause of a
//! failure, the progress out of Consul, and what a prefix leaves out change without it.
//! The tag is weak, because the same JSON is sent plain and compressed.

use std::hash::{DefaultHasher, Hash, Hasher};

use lambda_http::http::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};

/// The tag of an answer. Functions of one release agree on it; another release may
/// hash in another way, and then an answer is sent once more.
pub(super) fn tag(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The tag as a header.
pub(super) fn header(tag: u64) -> Option<HeaderValue> {
    HeaderValue::try_from(written(tag)).ok()
}

fn written(tag: u64) -> String {
    format!("W/\"{tag:016x}\"")
}

/// What a caller says it has: the tags of `If-None-Match`.
#[derive(Clone, Debug, Default)]
pub struct Known(Vec<String>);

impl Known {
    /// Reads them from a request.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(IF_NONE_MATCH).iter();
        let texts = lines.filter_map(|line| line.to_str().ok());
        Self(
            texts
                .flat_map(|text| text.split(','))
                .map(|tag| tag.trim().to_owned())
                .collect(),
        )
    }

    /// Whether the answer with that tag is among them. Weak and strong tags compare
    /// equal here [RFC 9110, 13.1.2].
    pub(super) fn has(&self, tag: u64) -> bool {
        self.0.iter().any(|known| {
            let opaque = known.strip_prefix("W/").unwrap_or(known);
            known == "*" || written(tag).strip_prefix("W/") == Some(opaque)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(lines: &[&'static str]) -> Known {
        let lines = lines.iter().map(|line| HeaderValue::from_static(line));
        Known::of(&lines.map(|line| (IF_NONE_MATCH, line)).collect())
    }

    #[test]
    fn a_tag_is_found_in_every_form_that_a_caller_may_send() {
        let tag = 0x12;
        for line in [
            "W/\"0000000000000012\"",
            "\"0000000000000012\"",
            "*",
            "\"x\", W/\"0000000000000012\"",
        ] {
            assert!(known(&[line]).has(tag), "{line}");
        }
        assert!(known(&["\"x\"", "\"0000000000000012\""]).has(tag));
        for line in ["", "\"\"", "0000000000000012", "W/\"0000000000000013\""] {
            assert!(!known(&[line]).has(tag), "{line}");
        }
        assert!(!known(&[]).has(tag));
    }

    #[test]
    fn another_text_has_another_tag() {
        assert_eq!(tag("[1]"), tag("[1]"));
        assert_ne!(tag("[1]"), tag("[2]"));
    }
}
