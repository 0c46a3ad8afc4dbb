//! A path against every route, and a query.
#![no_main]

use dtle_api::path::values;
use dtle_api::request::Query;
use dtle_api::routes::TABLE;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    for route in TABLE {
        for (_, value) in values(route.paths, path).into_iter().flatten() {
            assert!(!value.is_empty() && !value.contains('/'));
        }
    }
    let query = Query::parse(query);
    let _ = (query.pretty(), query.read_options(), query.flag("all"));
    assert_ne!(query.get("prefix"), Some(""));
});
