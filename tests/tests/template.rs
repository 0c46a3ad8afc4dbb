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

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dtle_api::document::Source;
use dtle_api::observe::{Record, cloudwatch_line};
use dtle_api::outbound::secrets::Sources;
use dtle_api::routes::TABLE;
use dtle_api::settings::Settings;
use serde_norway::Value;

type Routes = BTreeMap<String, BTreeSet<(String, String)>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn template() -> Value {
    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    serde_norway::from_str(&text).unwrap()
}

/// The functions of the template: name of the binary, properties. The one for
/// preflights is there only when it is asked for, and is `not-found` once more.
fn functions() -> Vec<(String, Value)> {
    let template = template();
    let resources = template["Resources"].as_mapping().unwrap();
    resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function")
        .filter(|(_, resource)| resource.get("Condition").is_none())
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
    let files = std::fs::read_dir(root().join("functions/src/bin")).unwrap();
    let binaries: BTreeSet<String> = files
        .map(|file| {
            let path = file.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    let named: BTreeSet<String> = functions().into_iter().map(|(name, _)| name).collect();
    assert_eq!(named, binaries);
}

#[test]
fn functions_outside_the_network_are_those_that_do_not_ask_nomad() {
    let outside: BTreeSet<String> = functions()
        .into_iter()
        // Globals put a function into the VPC; to stay out it has to say so.
        .filter(|(_, properties)| properties.get("VpcConfig").is_some())
        .map(|(function, _)| function)
        // Its secret may be reachable from inside only.
        .filter(|function| function != "authorizer")
        .collect();
    let alone = TABLE
        .iter()
        .filter(|route| route.doc.source == Source::Gateway);
    let mut expected: BTreeSet<String> = alone.map(|route| route.function.to_owned()).collect();
    expected.insert("not-found".to_owned());
    assert_eq!(outside, expected);
}

#[test]
fn every_setting_that_the_code_reads_is_set_by_the_template_and_no_other() {
    let read = RefCell::new(BTreeSet::new());
    let lookup = |name: &'static str| {
        read.borrow_mut().insert(name.to_owned());
        // Without these, some others are not looked at.
        matches!(name, "NOMAD_ADDR" | "CONSUL_HTTP_ADDR").then(|| "http://a:1".to_owned())
    };
    Settings::from_lookup(lookup).unwrap();
    let _ = Sources::from_lookup(lookup);
    let mut read = read.into_inner();
    // The authorizer's own, and that of the statistics.
    let own = [
        "DTLE_OPEN_ACCESS",
        "DTLE_SAMPLES_TABLE",
        "DTLE_TOKENS",
        "DTLE_TRACING",
    ];
    read.extend(own.map(str::to_owned));

    let template = template();
    let mut set = BTreeSet::new();
    let globals = template["Globals"]["Function"].clone();
    for properties in functions().into_iter().map(|(_, own)| own).chain([globals]) {
        let variables = properties.get("Environment").map(|it| &it["Variables"]);
        for name in variables.and_then(Value::as_mapping).into_iter().flatten() {
            set.insert(name.0.as_str().unwrap().to_owned());
        }
    }
    let only = |a: &BTreeSet<String>, b| a.difference(b).cloned().collect::<Vec<_>>();
    // Which release came before is there for deploy/rollback, which reads it from outside.
    // The log reads its level itself.
    assert_eq!(only(&set, &read), ["DTLE_RELEASE_BEFORE", "RUST_LOG"]);
    assert_eq!(
        only(&read, &set),
        [
            // Secrets come from Secrets Manager.
            "CONSUL_HTTP_TOKEN",
            "CONSUL_HTTP_TOKEN_FILE",
            // Lambda says itself how much time there is.
            "DTLE_DEADLINE",
            "DTLE_TOKENS",
            "NOMAD_CACERT",
            "NOMAD_CLIENT_CERT",
            "NOMAD_CLIENT_KEY",
            "NOMAD_TOKEN",
            "NOMAD_TOKEN_FILE",
        ]
    );
}

/// A metric with its dimensions: the value where one is named, `*` for each.
type Metric = (String, BTreeMap<String, String>);

const NAMESPACE: &str = "dtle/${AWS::StackName}";

/// What functions write, and what is counted in the access log.
fn written(template: &Value) -> BTreeSet<Metric> {
    let record = Record {
        route: "job-get",
        method: "GET".to_owned(),
        status: 200,
        ..Record::default()
    };
    let line = cloudwatch_line(&record, NAMESPACE, "Release", SystemTime::now());
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let mut written = BTreeSet::new();
    let value = |name: &str| match name {
        "Route" => "*".to_owned(),
        _ => line[name].as_str().unwrap().to_owned(),
    };
    let list = |value: &serde_json::Value| value.as_array().unwrap().clone();
    for directive in list(&line["_aws"]["CloudWatchMetrics"]) {
        for metric in list(&directive["Metrics"]) {
            for set in list(&directive["Dimensions"]) {
                let names = list(&set);
                let names = names.iter().map(|it| it.as_str().unwrap());
                let dimensions = names.map(|name| (name.to_owned(), value(name))).collect();
                written.insert((metric["Name"].as_str().unwrap().to_owned(), dimensions));
            }
        }
    }
    for (_, resource) in template["Resources"].as_mapping().unwrap() {
        if resource["Type"] == "AWS::Logs::MetricFilter" {
            let metric = &resource["Properties"]["MetricTransformations"][0];
            assert_eq!(metric["MetricNamespace"].as_str(), Some(NAMESPACE));
            let name = metric["MetricName"].as_str().unwrap().to_owned();
            written.insert((name, BTreeMap::new()));
        }
    }
    written
}

/// What alarms and the dashboard ask for in the stack's own namespace.
fn asked_for(template: &Value) -> BTreeSet<Metric> {
    let mut asked = BTreeSet::new();
    for (_, resource) in template["Resources"].as_mapping().unwrap() {
        if resource["Type"] != "AWS::CloudWatch::Alarm" {
            continue;
        }
        let alarm = &resource["Properties"];
        let parts = alarm.get("Metrics").and_then(Value::as_sequence);
        let parts = parts.into_iter().flatten();
        let parts = parts.filter_map(|part| Some(&part.get("MetricStat")?["Metric"]));
        for metric in parts.chain([alarm]) {
            if metric.get("Namespace").and_then(Value::as_str) == Some(NAMESPACE) {
                let dimensions = metric.get("Dimensions").and_then(Value::as_sequence);
                let text = |it: &Value, key| it[key].as_str().unwrap().to_owned();
                let dimensions = dimensions.into_iter().flatten();
                let dimensions = dimensions.map(|it| (text(it, "Name"), text(it, "Value")));
                asked.insert((text(metric, "MetricName"), dimensions.collect()));
            }
        }
    }
    let board = &template["Resources"]["OperatorDashboard"]["Properties"]["DashboardBody"];
    let board: serde_json::Value = serde_json::from_str(board.as_str().unwrap()).unwrap();
    for widget in board["widgets"].as_array().unwrap() {
        let mut before: Vec<String> = Vec::new();
        for row in widget["properties"]["metrics"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let row = row.as_array().unwrap();
            if let Some(search) = row[0]["expression"].as_str() {
                let (head, name) = search.split_once(" MetricName=\"").unwrap();
                assert_eq!(head, format!("SEARCH('{{\"{NAMESPACE}\",Route,Service}}"));
                let name = name.split('"').next().unwrap().to_owned();
                let dimensions = [("Route", "*"), ("Service", "dtle")];
                let dimensions =
                    dimensions.map(|(name, value)| (name.to_owned(), value.to_owned()));
                asked.insert((name, dimensions.into()));
                continue;
            }
            let words: Vec<&str> = row.iter().filter_map(|it| it.as_str()).collect();
            if words == ["..."] {
                continue;
            }
            // A dot stands for what is above it.
            let same = |(at, word): (usize, &&str)| match *word {
                "." => before[at].clone(),
                word => word.to_owned(),
            };
            before = words.iter().enumerate().map(same).collect();
            if before[0] == NAMESPACE {
                let pairs = before[2..].chunks(2);
                let pairs = pairs.map(|pair| (pair[0].clone(), pair[1].clone()));
                asked.insert((before[1].clone(), pairs.collect()));
            }
        }
    }
    asked
}

#[test]
fn alarms_and_the_dashboard_ask_for_metrics_that_there_are() {
    let template = template();
    let (written, asked) = (written(&template), asked_for(&template));
    let missing: Vec<_> = asked.difference(&written).collect();
    assert!(missing.is_empty(), "{missing:?} of {written:?}");
    // Each metric is looked at somewhere.
    let names = |metrics: &BTreeSet<Metric>| -> BTreeSet<String> {
        metrics.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&asked), names(&written));
}
