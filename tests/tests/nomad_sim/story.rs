//! The recordings' story, told to the in-memory Nomad: the same requests in
//! the same order, each answer held against the recorded one.
//!
//! Between two exchanges the real cluster had seconds; here the story waits
//! for the state the next recording was taken in. Random IDs in a path are
//! replaced by the ones of the same allocation or evaluation here.

use std::time::Duration;

use nomad_sim::{Acl, NomadSim, Options, Pace, Plugin};

use serde_json::Value;

use super::client::send;
use super::hold::{cut, early, hold, load, number, recordings, unsignalled};
use super::told::Told;

async fn tell(plugin: Plugin, build: &str, set: &str) {
    let recordings = recordings(set);
    let node = load(&recordings[5])["response"]["json"][0].clone();
    let sim = NomadSim::start(Options {
        plugin,
        build: build.to_owned(),
        version: node["Drivers"]["dtle"]["Attributes"]["driver.dtle.version"]
            .as_str()
            .map(str::to_owned),
        pace: Pace {
            statistics: Duration::from_secs(15),
            ..Pace::instant()
        },
        node_name: node["Name"].as_str().expect("a name").to_owned(),
        // Not the recorded one: IDs must be this agent's own.
        node_id: "0f0e0d0c-0b0a-0908-0706-050403020100".to_owned(),
        ..Options::default()
    })
    .await
    .expect("a server");
    let told = Told {
        sim,
        plugin,
        node_recorded: node["ID"].as_str().expect("an ID").to_owned(),
    };
    let trigger = recordings
        .iter()
        .find(|path| number(path) == 48)
        .map(|path| {
            load(path)["response"]["json"]["TriggeredBy"]
                .as_str()
                .expect("a trigger")
                .to_owned()
        })
        .expect("recording 048");
    let mut report = Vec::new();
    let mut compared = 0;
    let mut unchanged = [0, 0];
    for path in &recordings {
        let number = number(path);
        let mut recording = load(path);
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a name")
            .to_owned();
        let mut faults = Vec::new();
        if number == 200 {
            told.consul(&recording, &mut faults).await;
        } else if matches!(number, 48 | 49) && trigger == "deployment-watcher" {
            // An evaluation that the in-memory Nomad does not have.
            continue;
        } else {
            cut(number, (plugin, build), &mut recording);
            told.ready(number).await;
            let request = &recording["request"];
            let target = told
                .path(number, request["path"].as_str().expect("a path"), &trigger)
                .await;
            let body = told.body(number, request).await;
            let method = request["method"].as_str().expect("a method");
            let url = told.sim.url();
            let reply = send(&url, method, &target, &[], body.as_deref());
            let mut reply = reply.await.expect("an answer");
            let hide_numbers = matches!(number, 34 | 35 | 37 | 38 | 61);
            if matches!(number, 45 | 46 | 51) || (number == 49 && trigger == "job-register") {
                unsignalled(&mut reply);
            }
            if number == 19 {
                early(&mut recording["response"]["json"]);
                let mut body = reply.json();
                early(&mut body);
                reply.body = body.to_string();
            }
            hold(&recording, &reply, hide_numbers, &mut faults);
            // Which of a job's indexes an unchanged register answers with.
            let both = || [recording["response"]["json"].clone(), reply.json()];
            match number {
                111 => unchanged = both().map(|answer| index(&answer, "JobModifyIndex")),
                112 => {
                    let names = ["JobModifyIndex", "ModifyIndex"];
                    let [recorded, here] = both();
                    let [told, told_here] = unchanged;
                    assert_ne!(index(&recorded, names[0]), index(&recorded, names[1]));
                    let mut names = names.iter();
                    let name = names.find(|name| index(&recorded, name) == told);
                    assert_eq!(told_here, index(&here, name.expect("one of them")));
                }
                _ => {}
            }
        }
        compared += 1;
        report.extend(faults.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    let skipped = if trigger == "deployment-watcher" {
        2
    } else {
        0
    };
    assert_eq!(compared + skipped, recordings.len());
    assert!(
        report.is_empty(),
        "{} differences:\n{}",
        report.len(),
        report.join("\n")
    );
}

fn index(answer: &Value, name: &str) -> u64 {
    answer[name].as_u64().expect("an index")
}

#[tokio::test]
async fn it_answers_as_nomad_with_dtle_3_did() {
    tell(Plugin::V3, "1.1.2", "nomad-1.1.2-dtle-3.20.10").await;
}

#[tokio::test]
async fn it_answers_as_nomad_with_dtle_4_did() {
    tell(Plugin::V4, "1.1.2", "nomad-1.1.2-dtle-4.23.04").await;
}

#[tokio::test]
async fn it_answers_as_nomad_1_10_did() {
    tell(Plugin::V4, "1.10.5", "nomad-1.10.5-dtle-4.23.04").await;
}

#[tokio::test]
async fn it_answers_as_nomad_2_0_did() {
    tell(Plugin::V4, "2.0.5", "nomad-2.0.5-dtle-4.23.04").await;
}

#[tokio::test]
async fn with_acls_it_answers_as_nomad_did() {
    for build in ["1.1.2", "1.10.5", "2.0.5"] {
        let sim = NomadSim::start(Options {
            build: build.to_owned(),
            acl: Some(Acl::default()),
            ..Options::default()
        })
        .await
        .expect("a server");
        replay(&sim, &format!("nomad-{build}-acl"), &[]).await;
        let known = [("X-Nomad-Token", "22222222-2222-2222-2222-222222222222")];
        let reply = send(&sim.url(), "GET", "/v1/jobs", &known, None)
            .await
            .expect("an answer");
        assert_eq!(reply.status, 200);
    }
}

#[tokio::test]
async fn without_a_leader_it_answers_as_nomad_did() {
    let sim = NomadSim::start(Options {
        node_name: "nl1".to_owned(),
        leader: false,
        ..Options::default()
    })
    .await
    .expect("a server");
    // That server was one of three: its tags and settings say so.
    replay(&sim, "nomad-1.1.2-no-leader", &[5, 8]).await;
    let stale = send(&sim.url(), "GET", "/v1/jobs?stale", &[], None)
        .await
        .expect("an answer");
    assert_eq!(stale.header("x-nomad-index"), Some("0"));
}

/// The in-memory Nomad takes jobs always.
const NOT_PLAYED: &str = "022-registrations-off-register.json";

/// Exchanges that need no story; of those in `only_form` the JSON is not held.
async fn replay(sim: &NomadSim, set: &str, only_form: &[u32]) {
    let mut report = Vec::new();
    for path in recordings(set) {
        let mut recording = load(&path);
        if path.ends_with(NOT_PLAYED) {
            continue;
        }
        let request = recording["request"].clone();
        let headers: Vec<(&str, &str)> = request["headers"]
            .as_object()
            .map(|map| {
                map.iter()
                    .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
                    .collect()
            })
            .unwrap_or_default();
        let body = request
            .get("json")
            .filter(|body| !body.is_null())
            .map(ToString::to_string);
        let reply = send(
            &sim.url(),
            request["method"].as_str().expect("a method"),
            request["path"].as_str().expect("a path"),
            &headers,
            body.as_deref(),
        )
        .await
        .expect("an answer");
        if only_form.contains(&number(&path)) {
            recording["response"]["json"] = reply.json();
        }
        let mut faults = Vec::new();
        hold(&recording, &reply, false, &mut faults);
        report.extend(
            faults
                .into_iter()
                .map(|fault| format!("{}: {fault}", path.display())),
        );
    }
    assert!(report.is_empty(), "{}", report.join("\n"));
}
