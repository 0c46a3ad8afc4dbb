use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lambda_http::Body;

use super::*;
use crate::reply::{Known, Reply, render};

fn texts() -> Vec<(&'static str, BTreeMap<String, String>)> {
    let read = |(language, text): &(&'static str, &str)| {
        let texts = serde_json::from_str(text).unwrap();
        (*language, texts)
    };
    TEXTS.iter().map(read).collect()
}

/// The `{places}` of a text.
fn places(text: &str) -> BTreeSet<&str> {
    let parts = text.split('{').skip(1);
    parts.filter_map(|part| part.split('}').next()).collect()
}

/// Whether the script names a key, or makes it up of a beginning that it names.
fn is_used(key: &str) -> bool {
    let named = |text: &str| MODULES.iter().any(|(_, module)| module.contains(text));
    let mut begins = key.match_indices('.').map(|(dot, _)| &key[..=dot]);
    named(&format!("\"{key}\"")) || begins.any(|begin| named(&format!("\"{begin}\" +")))
}

#[test]
fn both_languages_have_the_same_texts_with_the_same_places() {
    let all = texts();
    let [(_, english), (_, chinese)] = &all[..] else {
        panic!("two languages")
    };
    for (key, text) in english {
        if let Some(many) = key.strip_suffix(".one") {
            assert!(places(text).is_subset(&places(&english[many])), "{key}");
            continue;
        }
        let other = chinese.get(key).unwrap_or_else(|| panic!("zh lacks {key}"));
        assert_eq!(places(text), places(other), "{key}");
    }
    for key in chinese.keys() {
        assert!(english.contains_key(key), "en lacks {key}");
    }
}

#[test]
fn every_text_is_used() {
    for key in texts().remove(0).1.keys() {
        let key = key.strip_suffix(".one").unwrap_or(key);
        assert!(is_used(key), "{key} is not used");
    }
}

#[test]
fn every_text_that_the_script_asks_for_is_there() {
    let known = texts().remove(0).1;
    for (name, module) in MODULES {
        for call in module.split(" t(\"").chain(module.split("(t(\"")).skip(1) {
            let (key, after) = call.split_once('"').unwrap();
            // Of what is made up, the beginning is there.
            let made = after.starts_with(" +") && known.keys().any(|it| it.starts_with(key));
            let whole = known.contains_key(key);
            let text = after.starts_with(',') || after.starts_with(')') || after.starts_with(" +");
            assert!(whole || made || !text, "{name}: {key}");
        }
    }
}

#[test]
fn every_module_of_the_folder_is_in_the_page_and_imports_only_earlier_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../console/src");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let listed = MODULES.iter().map(|(name, _)| format!("{name}.js"));
    assert_eq!(files, listed.collect());
    for (position, (name, module)) in MODULES.iter().enumerate() {
        for line in module.lines().filter(|line| line.starts_with("import ")) {
            let from = line.split("from \"./").nth(1).unwrap();
            let from = from.strip_suffix(".js\";").unwrap();
            let earlier = MODULES[..position].iter().any(|(other, _)| *other == from);
            assert!(earlier, "{name}: {line}");
        }
    }
}

#[test]
fn what_a_module_imports_is_used_there_and_exported_elsewhere() {
    for (name, module) in MODULES {
        let body: String = module
            .lines()
            .filter(|line| !line.starts_with("import "))
            .collect::<Vec<_>>()
            .join("\n");
        for line in module.lines().filter(|line| line.starts_with("import ")) {
            let (names, from) = line
                .trim_start_matches("import { ")
                .split_once(" } from \"./")
                .unwrap();
            let from = from.trim_end_matches(".js\";");
            let exporter = MODULES.iter().find(|(other, _)| *other == from).unwrap().1;
            for one in names.split(", ") {
                let word = |text: &str| {
                    text.split(|c: char| !c.is_alphanumeric() && c != '_')
                        .any(|it| it == one)
                };
                assert!(word(&body), "{name} does not use {one}");
                let exported = exporter
                    .lines()
                    .any(|line| line.starts_with("export ") && word(line));
                assert!(exported, "{from} does not export {one}");
            }
        }
    }
}

#[test]
fn nothing_is_taken_for_html_or_code_and_nothing_is_loaded() {
    for (name, module) in MODULES {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "createContextualFragment",
            "eval(",
            "new Function",
            "import(",
            "</script",
            "<!--",
        ] {
            assert!(!module.contains(word), "{name}: {word}");
        }
    }
    let page = page("/").unwrap();
    for attribute in [" src=", "url(", "@import", "<iframe", "<base"] {
        assert!(!page.body.contains(attribute), "{attribute}");
    }
    // Namespaces are names, no addresses.
    let addresses = page.body.matches("://").count();
    let names = page.body.matches("http://www.w3.org/2000/svg").count();
    assert_eq!(addresses, names);
}

#[test]
fn the_policy_allows_what_stands_in_the_page_and_nothing_else() {
    for path in ["/", "/docs"] {
        let page = page(path).unwrap();
        let policy = page.policy.as_deref().unwrap();
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        for part in [
            "default-src 'none'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.split("; ").any(|it| it == part), "{path}: {part}");
        }
        assert_eq!(policy.matches("'sha256-").count(), 2, "{path}");
        assert!(!page.body.contains("{{"), "{path}");
    }
}

#[test]
fn the_console_has_at_most_60_kilobytes_on_the_wire() {
    let response = render(
        Reply::page(page("/").unwrap()),
        true,
        &Known::default(),
        None,
    );
    let Body::Binary(bytes) = response.body() else {
        panic!("not compressed")
    };
    assert!(bytes.len() <= 60_000, "{}", bytes.len());
}
