//! Times as 2.x prints them: RFC 3339 in UTC, up to nine decimals, trailing
//! zeros dropped, as Go does.

use jiff::Timestamp;

/// Unix nanoseconds as text.
pub(super) fn of_nanos(nanos: i64) -> String {
    Timestamp::from_nanosecond(i128::from(nanos)).map_or_else(
        |_| "1970-01-01T00:00:00Z".to_owned(),
        |time| time.to_string(),
    )
}

/// A time of Nomad's, in UTC; `None` for one that is not set, which Go prints
/// as the beginning of the year 1.
pub(super) fn of_text(text: Option<&str>) -> Option<String> {
    let text = text.filter(|text| !text.is_empty() && !text.starts_with("0001-01-01T"))?;
    Some(
        text.parse::<Timestamp>()
            .map_or_else(|_| text.to_owned(), |time| time.to_string()),
    )
}

/// Unix nanoseconds of a time of Nomad's; `None` for one that is not set.
pub(super) fn nanos_of(text: Option<&str>) -> Option<i64> {
    let text = text.filter(|text| !text.is_empty() && !text.starts_with("0001-01-01T"))?;
    let time = text.parse::<Timestamp>().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_as_go_prints_them() {
        assert_eq!(
            of_nanos(1_795_423_281_543_760_400),
            "2026-11-23T08:41:21.5437604Z"
        );
        assert_eq!(of_nanos(1_795_423_281_000_000_000), "2026-11-23T08:41:21Z");
        assert_eq!(
            of_text(Some("2026-11-23T16:41:21.668098372+08:00")).as_deref(),
            Some("2026-11-23T08:41:21.668098372Z")
        );
        assert_eq!(of_text(Some("0001-01-01T00:00:00Z")), None);
        assert_eq!(of_text(None), None);
    }
}
