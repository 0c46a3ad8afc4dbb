//! Any text is understood or refused, wherever one is read.
//!
//! `SAFETY_CASES` makes these tests longer.

use dtle_api::{duration::go_duration, request::Query};
use dtle_translate::Side;
use dtle_translate::body::parse;
use dtle_translate::statistics::of_signal;
use dtle_translate::template::{escape_value, unescape_value};
use proptest::prelude::*;
use serde_json::json;
use tests::cluster::job;
use tests::proxy::garbled;

use crate::cases;

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn any_bytes_are_a_body_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn a_damaged_body_is_a_body_or_a_fault_and_shows_no_password(seed in any::<u64>()) {
        let whole = job("x").to_string();
        if let Err(error) = parse(&garbled(whole.as_bytes(), seed)) {
            prop_assert!(!error.to_string().contains("secret-of"), "{error}");
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn any_text_is_a_query(text in ".{0,200}") {
        let query = Query::parse(&text);
        let _ = (query.pretty(), query.read_options(), query.flag("all"), query.get("prefix"));
    }

    #[test]
    fn any_text_is_statistics_or_none(text in ".{0,300}", seed in any::<u64>()) {
        let _ = of_signal(&text, Side::Src);
        let good = "rpc error: code = Unknown desc = {\"CurrentCoordinates\":{\"File\":\"\",\"Position\":0,\"GtidSet\":\"a:1-5\"},\"DelayCount\":{\"Num\":0,\"Time\":0},\"Timestamp\":1}";
        let damaged = garbled(good.as_bytes(), seed);
        let _ = of_signal(&String::from_utf8_lossy(&damaged), Side::Dest);
    }

    #[test]
    fn template_characters_come_back_as_they_went(text in "[${}%a-c\\\\~]{0,40}") {
        let value = json!({"a": [text.clone()], format!("{text}~"): null});
        let mut escaped = value.clone();
        escape_value(&mut escaped);
        let mut back = escaped.clone();
        unescape_value(&mut back);
        prop_assert_eq!(back, value);
        // Nothing is left that Nomad's template engine would take for its own.
        let literal = escaped["a"][0].as_str().unwrap().replace("$${", "#").replace("%%{", "#");
        prop_assert!(!literal.contains("${") && !literal.contains("%{"), "{literal}");
    }

    #[test]
    fn any_text_is_a_duration_or_none(text in "[-+0-9.nuµmsh ]{0,30}") {
        let _ = go_duration(&text);
    }
}
