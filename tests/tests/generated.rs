//! What is made from the table of routes and committed: the functions' programs, the
//! READMEs' tables, the OpenAPI document, the list of the routes' test files. `WRITE_GENERATED=1` writes them, every other
//! run compares.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that meets something odd should stop and say so"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use dtle_api::document::Readme;
use dtle_api::route::Route;
use dtle_api::routes::{MODULES, TABLE};

/// Functions that are no rows of the table.
const OTHERS: [&str; 2] = ["authorizer", "not-found"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Holds a file against what it should be, or writes it.
fn check(path: &str, expected: &str) {
    let file = root().join(path);
    if std::env::var_os("WRITE_GENERATED").is_some() {
        fs::write(file, expected).unwrap();
    } else {
        let found = fs::read_to_string(file).unwrap_or_default();
        assert!(
            found == expected,
            "{path} is not current: WRITE_GENERATED=1 cargo test -p tests --test generated"
        );
    }
}

/// A file with the text between two marks replaced.
fn between(path: &str, begin: &str, end: &str, text: &str) -> String {
    let file = fs::read_to_string(root().join(path)).unwrap();
    let from = file
        .find(begin)
        .unwrap_or_else(|| panic!("{path}: {begin}"))
        + begin.len();
    let to = from
        + file[from..]
            .find(end)
            .unwrap_or_else(|| panic!("{path}: {end}"));
    format!("{}{text}{}", &file[..from], &file[to..])
}

#[test]
fn each_route_has_its_program_and_each_program_its_route() {
    let mut names = BTreeSet::from(OTHERS.map(str::to_owned));
    for (route, module) in TABLE.iter().zip(MODULES) {
        let (_, verb) = module.split_once("::").unwrap();
        let asked: Vec<String> = route
            .paths
            .iter()
            .map(|path| format!("`{} {path}`", route.methods.join(", ")))
            .collect();
        // Only this function links the client of the table that instances share.
        let run = match route.function {
            "allocation-stats" => format!("lambda::run_with(&{verb}::ROUTE, dtle_table::share)"),
            _ => format!("lambda::run(&{verb}::ROUTE)"),
        };
        let program = format!(
            "//! {}.\n\n\
             use std::process::ExitCode;\n\n\
             use dtle_api::{{lambda, routes::{module}}};\n\n\
             fn main() -> ExitCode {{\n    {run}\n}}\n",
            asked.join(",\n//! ")
        );
        check(
            &format!("functions/src/bin/{}.rs", route.function),
            &program,
        );
        names.insert(route.function.to_owned());
    }
    let files: BTreeSet<String> = fs::read_dir(root().join("functions/src/bin"))
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(files, names);

    let mut bins = String::new();
    for name in &names {
        let _ = write!(
            bins,
            "\n[[bin]]\nname = \"{name}\"\npath = \"src/bin/{name}.rs\"\ntest = false\n"
        );
    }
    let begin = "each would be linked once more.\n";
    let manifest = fs::read_to_string(root().join("functions/Cargo.toml")).unwrap();
    let head = &manifest[..manifest.find(begin).unwrap() + begin.len()];
    check("functions/Cargo.toml", &format!("{head}{bins}"));
}

/// The rows of one README, in the order of the document's headings, the vendor's first in each.
fn rows(comma: &str, answers: impl Fn(&Readme) -> &'static str) -> String {
    let headings = [
        "Jobs",
        "Nodes",
        "Servers",
        "Allocations",
        "Evaluations",
        "Billing",
        "Console",
    ];
    let place = |route: &&Route| {
        let heading = headings.iter().position(|one| *one == route.doc.tag);
        heading.unwrap_or_else(|| panic!("{}: its tag has no place", route.function))
    };
    let mut routes: Vec<&Route> = TABLE.iter().collect();
    routes.sort_by_key(|route| {
        let path = route.paths[0];
        let depth = path.matches('/').count();
        (place(route), !route.doc.readme.vendor, depth, path)
    });
    let mut text = String::new();
    for route in routes {
        let readme = &route.doc.readme;
        assert!(!readme.english.is_empty() && !readme.chinese.is_empty());
        let paths: Vec<String> = route.paths.iter().map(|path| format!("`{path}`")).collect();
        let _ = writeln!(
            text,
            "| {}{} | {} | {} | `{}` |",
            if readme.vendor { "● | " } else { "| " },
            route.methods.join(", "),
            paths.join(comma),
            answers(readme),
            route.function
        );
    }
    text
}

#[test]
fn both_readmes_list_every_route() {
    let pages = [
        ("README.md", rows(", ", |readme| readme.english)),
        ("README.zh-CN.md", rows("、", |readme| readme.chinese)),
    ];
    for (page, rows) in pages {
        let begin = "<!-- routes -->\n";
        let file = fs::read_to_string(root().join(page)).unwrap();
        // The two lines of the table's head are the page's own.
        let head = file.split(begin).nth(1).expect("the mark").lines().take(2);
        let head: String = head.map(|line| format!("{line}\n")).collect();
        let text = between(page, begin, "| | ANY |", &format!("{head}{rows}"));
        check(page, &text);
    }
}

/// The modules below a folder, which are its files and folders.
fn modules(folder: &Path, indent: usize) -> String {
    let mut names: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name != "main.rs"))
        .collect();
    names.sort();
    let mut text = String::new();
    for path in names {
        let name = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() {
            let inner = modules(&path, indent + 4);
            let _ = write!(
                text,
                "{:indent$}mod {name} {{\n{inner}{:indent$}}}\n",
                "", ""
            );
        } else {
            let _ = writeln!(text, "{:indent$}mod {name};", "");
        }
    }
    text
}

#[test]
fn every_file_of_the_routes_tests_is_compiled() {
    let folder = root().join("tests/tests/routes");
    let file = fs::read_to_string(folder.join("main.rs")).unwrap();
    let mark = "--test generated\n";
    let head = &file[..file.find(mark).expect("the mark") + mark.len()];
    let text = format!("{head}{}", modules(&folder, 0));
    check("tests/tests/routes/main.rs", &text);
}

#[test]
fn openapi_json_is_current() {
    check("openapi.json", local::openapi::text());
}
