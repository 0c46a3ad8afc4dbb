//! What `?forget=true` cannot remove, and the command that can.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::process::{Command, Output};
use std::time::Duration;

use nomad_sim::{NomadSim, Options};
use serde_json::json;
use tests::cluster::{job, running};
use tests::process::executable;
use tests::{Client, Generation, gateway, on_both};

const ID: &str = "rewound";

async fn api(generation: Generation) -> (Client, String, impl Sized) {
    let nomad = NomadSim::start(Options {
        plugin: generation.plugin(),
        ..Options::default()
    })
    .await
    .unwrap();
    let consul = nomad.consul_url();
    let settings = [
        ("DTLE_LAYOUT", generation.layout()),
        ("CONSUL_HTTP_ADDR", &consul),
    ];
    let (server, api) = gateway(&nomad.url(), &settings).await;
    let url = format!("http://{}", server.address());
    (api, url, (server, nomad))
}

on_both!(
    a_forgotten_job_is_answered_with_the_command_that_forgets_the_rest,
    async |generation| {
        let (api, _, _cluster) = api(generation).await;
        api.post_json("/v1/jobs", &job(ID)).await.succeeds();
        running(&api, ID, Duration::from_secs(10)).await;
        let answer = api.delete(&format!("/v1/job/{ID}?forget=true")).await;
        answer.succeeds();
        let warning = answer.header("x-dtle-warning").expect("a warning");
        assert!(
            warning.ends_with("dtle-gateway forget --id rewound --dest mysql://u@10.9.8.6:3306"),
            "{warning}"
        );
        assert!(
            warning.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
            "{warning}"
        );
        // Gone already: where it wrote is not known any more.
        let again = api.delete(&format!("/v1/job/{ID}?forget=true")).await;
        let warning = again.header("x-dtle-warning").expect("a warning");
        assert!(
            warning.ends_with("--id rewound --dest mysql://USER@HOST:PORT"),
            "{warning}"
        );
    }
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_warning_where_nothing_is_left_or_nothing_was_to_be_forgotten() {
    let (api, _, _cluster) = api(Generation::Merged).await;
    api.post_json("/v1/jobs", &job(ID)).await.succeeds();
    let plain = api.delete(&format!("/v1/job/{ID}")).await;
    plain.succeeds();
    assert_eq!(plain.header("x-dtle-warning"), None);

    let mut kafka = job("to-kafka");
    kafka["Tasks"][1] = json!({"Type": "Dest", "Driver": "Kafka", "Config": {
        "Brokers": ["10.9.8.5:9092"], "Topic": "t", "Converter": "json"
    }});
    api.post_json("/v1/jobs", &kafka).await.succeeds();
    let answer = api.delete("/v1/job/to-kafka?forget=true").await;
    answer.succeeds();
    assert_eq!(answer.header("x-dtle-warning"), None);
}

/// The command, with nothing in its environment but these variables.
async fn forget(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(executable());
    command
        .env_clear()
        .envs(environment.iter().copied())
        .arg("forget")
        .args(arguments)
        .stdin(std::process::Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_refuses_while_the_job_is_there() {
    let (api, url, _cluster) = api(Generation::Merged).await;
    api.post_json("/v1/jobs", &job(ID)).await.succeeds();
    // Nothing listens at the destination: it must not even be asked.
    let dest = "mysql://dtle@127.0.0.1:1";
    let output = forget(
        &["--id", ID, "--dest", dest, "--api", &url, "--yes"],
        &[("DTLE_MYSQL_PASSWORD", "p")],
    )
    .await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        said.contains("the job rewound is") && said.contains("DELETE /v1/job/rewound?forget=true"),
        "{said}"
    );

    api.delete(&format!("/v1/job/{ID}")).await.succeeds();
    let output = forget(
        &["--id", ID, "--dest", dest, "--api", &url, "--yes"],
        &[("DTLE_MYSQL_PASSWORD", "p")],
    )
    .await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("127.0.0.1:1: "), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_has_no_place_on_the_command_line() {
    let output = forget(
        &["--id", ID, "--dest", "mysql://dtle:hush@127.0.0.1:1"],
        &[],
    )
    .await;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("--password-file") && !said.contains("hush"),
        "{said}"
    );

    let output = forget(&["--id", ID, "--dest", "mysql://dtle@127.0.0.1:1"], &[]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no password"), "{said}");
}
