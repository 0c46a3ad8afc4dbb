//! `template.yaml` against the table of routes: the two lists that must agree.
//! What the template comes to once it is transformed, tests/template/check.py
//! looks at.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that meets something odd should stop and say so"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use dtle_compat::routes::TABLE;
use serde_norway::Value;

type Routes = BTreeMap<String, BTreeSet<(String, String)>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The functions of the template: name of the binary, properties.
fn functions() -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let template: Value = serde_norway::from_str(&text).unwrap();
    let resources = template["Resources"].as_mapping().unwrap();
    resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function")
        .map(|(_, resource)| {
            let metadata = &resource["Metadata"];
            assert_eq!(metadata["BuildMethod"], "rust-cargolambda");
            let binary = metadata["BuildProperties"]["Binary"].as_str().unwrap();
            (binary.to_owned(), resource["Properties"].clone())
        })
        .collect()
}

fn routes_of_template() -> Routes {
    let mut routes = Routes::new();
    for (function, properties) in functions() {
        let mut own = BTreeSet::new();
        for (name, event) in properties["Events"].as_mapping().into_iter().flatten() {
            assert_eq!(event["Type"], "HttpApi", "{function} {name:?}");
            let text = |key| event["Properties"][key].as_str().unwrap().to_owned();
            assert!(own.insert((text("Method"), text("Path"))));
        }
        let earlier = routes.insert(function.clone(), own);
        assert!(earlier.is_none(), "{function} is there twice");
    }
    routes
}

fn routes_of_table() -> Routes {
    let pairs = TABLE.iter().map(|route| {
        let pairs = route.methods.iter().flat_map(|method| {
            let pair = |path: &&str| ((*method).to_owned(), (*path).to_owned());
            route.paths.iter().map(pair)
        });
        (route.function.to_owned(), pairs.collect())
    });
    pairs.collect()
}

#[test]
fn template_and_table_have_the_same_functions_with_the_same_routes() {
    let mut expected = routes_of_table();
    // They are no rows of the table.
    let default = ("ANY".to_owned(), "$default".to_owned());
    expected.insert("not-found".to_owned(), BTreeSet::from([default]));
    expected.insert("authorizer".to_owned(), BTreeSet::new());

    let found = routes_of_template();
    let names = |routes: &Routes| routes.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected));
    for (function, routes) in &expected {
        assert_eq!(&found[function], routes, "{function}");
    }
}

#[test]
fn every_function_of_the_template_is_a_binary_and_every_binary_a_function() {
    let manifest = std::fs::read_to_string(root().join("functions/Cargo.toml")).unwrap();
    let binaries: BTreeSet<String> = manifest
        .split("[[bin]]")
        .skip(1)
        .map(|entry| entry.split('"').nth(1).unwrap().to_owned())
        .collect();
    let files = std::fs::read_dir(root().join("functions/src/bin")).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| {
            let path = file.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(files, binaries, "functions/Cargo.toml lists the binaries");
    let named: BTreeSet<String> = functions().into_iter().map(|(name, _)| name).collect();
    assert_eq!(named, binaries);
}

#[test]
fn functions_outside_the_network_do_not_ask_nomad() {
    let mut outside = 0;
    for (function, properties) in functions() {
        // Globals put a function into the VPC; to stay out it has to say so.
        if properties.get("VpcConfig").is_none() || function == "authorizer" {
            continue;
        }
        outside += 1;
        let file = format!("shared/src/routes/{}.rs", function.replace('-', "_"));
        let code = std::fs::read_to_string(root().join(file)).unwrap();
        for asks in ["context.nomad", "cluster::"] {
            assert!(!code.contains(asks), "{function} asks Nomad: {asks}");
        }
    }
    assert_eq!(outside, 3);
}
