//! Go durations.
#![no_main]

use dtle_api::duration::go_duration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(nanos) = go_duration(text) else { return };
    // The other sign is the other number, but for the one that has no opposite.
    if let Some(rest) = text.strip_prefix('-') {
        assert!(nanos <= 0);
        if nanos != i64::MIN && !rest.starts_with(['+', '-']) {
            assert_eq!(go_duration(rest), Ok(-nanos));
        }
    }
});
