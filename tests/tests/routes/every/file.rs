//! The files of these tests.

use std::path::{Path, PathBuf};

use dtle_api::routes::TABLE;

/// The first lines of the files here.
fn first_lines(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let of = |path: &PathBuf| {
        if path.is_dir() {
            return first_lines(path);
        }
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().take(1).map(str::to_owned).collect()
    };
    paths.iter().flat_map(of).collect()
}

#[test]
fn every_route_has_a_file_that_begins_with_its_methods_and_path() {
    let lines = first_lines(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/routes"));
    for route in TABLE {
        let name = format!("`{} {}`", route.methods.join("`, `"), route.paths[0]);
        assert!(
            lines.iter().any(|line| line.contains(&name)),
            "no file of tests begins with //! {name}"
        );
    }
}
