//! Query parameters, read as Go's `url.ParseQuery` reads them.

use std::time::Duration;

use dtle_nomad::ReadOptions;
use percent_encoding::percent_decode_str;

use crate::duration::go_duration;
use crate::reply::Error;

/// The parameters of a request, in their order.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c`. What is not UTF-8 after decoding is replaced, not refused.
    #[must_use]
    pub fn parse(raw: &str) -> Self {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        Self(
            raw.split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        )
    }

    /// Whether the parameter is there, with any value.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }

    /// The first value that is not empty.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self
            .0
            .iter()
            .find(|(name, value)| name == key && !value.is_empty())?;
        Some(value)
    }

    /// Every value that is not empty.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(name, value)| name == key && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// `pretty`: there, and anything but `0` (2.x's rule).
    #[must_use]
    pub fn pretty(&self) -> bool {
        self.0
            .iter()
            .find(|(name, _)| name == "pretty")
            .is_some_and(|(_, value)| value != "0")
    }

    /// A boolean as Go parses them; anything else counts as false.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        matches!(
            self.get(key),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True")
        )
    }

    /// `index`, `wait` and `stale` of a read. Both numbers are checked even
    /// when only one is there, `wait` first [recordings 105, 106].
    ///
    /// # Errors
    /// 400 `Invalid wait time`, 400 `Invalid index`.
    pub fn read_options(&self) -> Result<ReadOptions, Error> {
        let wait = self
            .get("wait")
            .map(|text| go_duration(text).map_err(|_| Error::bad_request("Invalid wait time")))
            .transpose()?;
        let index = self
            .get("index")
            .map(|text| {
                // Go's ParseUint takes digits only, Rust's takes a plus sign.
                if text.starts_with('+') {
                    return Err(Error::bad_request("Invalid index"));
                }
                text.parse()
                    .map_err(|_| Error::bad_request("Invalid index"))
            })
            .transpose()?;
        Ok(ReadOptions {
            stale: self.has("stale"),
            index,
            // A wait of nothing, or less, is Nomad's default wait, as in 2.x.
            wait: wait
                .and_then(|nanos| u64::try_from(nanos).ok())
                .filter(|nanos| *nanos > 0)
                .map(Duration::from_nanos),
            ..ReadOptions::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pretty_is_anything_but_zero() {
        for (query, pretty) in [
            ("pretty", true),
            ("pretty=", true),
            ("pretty=1", true),
            ("pretty=false", true),
            ("pretty=0", false),
            ("prefix=pretty", false),
            ("", false),
        ] {
            assert_eq!(Query::parse(query).pretty(), pretty, "{query}");
        }
    }

    #[test]
    fn values_are_decoded_once() {
        let query = Query::parse("prefix=a%2520b+c&x=%ff&address=1&address=&address=2");
        assert_eq!(query.get("prefix"), Some("a%20b c"));
        assert_eq!(query.get("x"), Some("\u{fffd}"));
        assert_eq!(query.all("address").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn bad_numbers_are_named_as_2x_names_them() {
        for (query, message) in [
            ("wait=xx", "Invalid wait time"),
            ("wait=xx&index=-1", "Invalid wait time"),
            ("index=-1", "Invalid index"),
            ("index=%2B1", "Invalid index"),
            ("index=18446744073709551616", "Invalid index"),
            ("wait=5", "Invalid wait time"),
        ] {
            let error = Query::parse(query).read_options().unwrap_err();
            assert_eq!(error.message(), message, "{query}");
        }
        let options = Query::parse("index=7&wait=1m30s&stale")
            .read_options()
            .unwrap();
        assert_eq!(options.index, Some(7));
        assert_eq!(options.wait, Some(Duration::from_secs(90)));
        assert!(options.stale);
    }
}
