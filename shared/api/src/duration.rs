//! Durations as Go's `time.ParseDuration` reads them, since 2.x did.

/// Not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadDuration;

/// Nanoseconds of a Go duration: `30s`, `1m30s`, `1.5h`, `-2us`. A number
/// needs a unit, only `0` goes without.
///
/// # Errors
/// For everything that Go refuses, overflow of 63 bits included.
pub fn go_duration(text: &str) -> Result<i64, BadDuration> {
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(BadDuration);
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (term, after) = term(rest)?;
        total = total.checked_add(term).ok_or(BadDuration)?;
        rest = after;
    }
    if negative {
        // One more than fits the positive side, as in Go.
        0i64.checked_sub_unsigned(total).ok_or(BadDuration)
    } else {
        i64::try_from(total).map_err(|_| BadDuration)
    }
}

/// One `number unit`, in nanoseconds, and what follows it.
fn term(text: &str) -> Result<(u64, &str), BadDuration> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole_length = digits(text);
    let (whole, rest) = text.split_at(whole_length);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => after.split_at(digits(after)),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(BadDuration);
    }
    let unit_length = rest
        .find(|c: char| c == '.' || c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_length);
    let unit: u64 = match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(BadDuration),
    };
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_| BadDuration)?
    };
    let whole = whole.checked_mul(unit).ok_or(BadDuration)?;
    // Go adds the fraction in floating point, and stops reading it at 63 bits.
    let mut digits: u64 = 0;
    let mut scale = 1.0;
    for digit in fraction.bytes() {
        let next = digits
            .checked_mul(10)
            .and_then(|d| d.checked_add(u64::from(digit - b'0')));
        match next.filter(|next| i64::try_from(*next).is_ok()) {
            Some(next) => digits = next,
            None => break,
        }
        scale *= 10.0;
    }
    let part = (digits as f64 * (unit as f64 / scale)) as u64;
    Ok((whole.checked_add(part).ok_or(BadDuration)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases from the table of Go's own test of ParseDuration.
    #[test]
    fn durations_are_read_as_go_reads_them() {
        const SECOND: i64 = 1_000_000_000;
        for (text, nanos) in [
            ("0", 0),
            ("5s", 5 * SECOND),
            ("30s", 30 * SECOND),
            ("1478s", 1478 * SECOND),
            ("-5s", -5 * SECOND),
            ("+5s", 5 * SECOND),
            ("-0", 0),
            ("+0", 0),
            ("5.0s", 5 * SECOND),
            ("5.6s", 5 * SECOND + 600_000_000),
            ("5.s", 5 * SECOND),
            (".5s", 500_000_000),
            ("1.004s", 1_004_000_000),
            ("100.00100s", 100_001_000_000),
            ("10ns", 10),
            ("11us", 11_000),
            ("12µs", 12_000),
            ("12μs", 12_000),
            ("13ms", 13_000_000),
            ("15m", 900 * SECOND),
            ("16h", 57_600 * SECOND),
            ("3h30m", 12_600 * SECOND),
            ("10.5s4m", 250 * SECOND + 500_000_000),
            ("-2m3.4s", -(123 * SECOND + 400_000_000)),
            ("1h2m3s4ms5us6ns", 3_723_004_005_006),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
        ] {
            assert_eq!(go_duration(text), Ok(nanos), "{text}");
        }
        for text in [
            "",
            "3",
            "-",
            "s",
            ".",
            "-.",
            ".s",
            "+.s",
            "1d",
            "xx",
            "1s ",
            " 1s",
            "1 s",
            "é",
            "9223372036854775808ns",
            "-9223372036854775809ns",
            "3000000h",
            "1e3s",
        ] {
            assert_eq!(go_duration(text), Err(BadDuration), "{text}");
        }
    }
}
