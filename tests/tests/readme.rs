//! The READMEs' tables of routes against the table in the code.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets something odd should stop and say so"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dtle_api::routes::TABLE;

/// Methods and paths by function.
type Routes = BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>;

/// The rows of a page whose last cell is the name of a function.
fn rows(page: &str) -> Routes {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page));
    let text = text.unwrap();
    let mut routes = Routes::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        // A mark, methods, paths, answer, function.
        let [_, methods, paths, .., function] = cells[..] else {
            continue;
        };
        let is_upper = |word: &&str| word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase());
        let methods: BTreeSet<String> = methods
            .split(|c: char| !c.is_ascii_alphabetic())
            .filter(is_upper)
            .map(str::to_owned)
            .collect();
        let paths: BTreeSet<String> = paths
            .split('`')
            .filter(|text| text.starts_with('/'))
            .map(|text| text.split('?').next().unwrap().to_owned())
            .collect();
        if methods.is_empty() || paths.is_empty() {
            continue;
        }
        let function = function.trim_matches('`').to_owned();
        let earlier = routes.insert(function, (methods, paths));
        assert!(earlier.is_none(), "{page}: {line}");
    }
    routes
}

#[test]
fn both_readmes_list_every_route_with_its_methods_and_paths_and_no_other() {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let expected: Routes = TABLE
        .iter()
        .map(|route| {
            let sets = (texts(route.methods), texts(route.paths));
            (route.function.to_owned(), sets)
        })
        .collect();
    for page in ["README.md", "README.zh-CN.md"] {
        assert_eq!(rows(page), expected, "{page}");
    }
}
