//! The text that answers the signal `stats`.
#![no_main]

use dtle_translate::Side;
use dtle_translate::statistics::of_signal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for side in [Side::Src, Side::Dest] {
        if let Some(statistics) = of_signal(text, side) {
            serde_json::to_string(&statistics).expect("JSON");
        }
    }
});
