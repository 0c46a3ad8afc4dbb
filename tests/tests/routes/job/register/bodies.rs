//! `POST`, `PUT /v1/jobs`: bodies that are no job, odd ones that are, and those that
//! were built to hurt.

use serde_json::{Value, json};
use tests::client::own_headers;
use tests::cluster::task;
use tests::hostile::{hostile_bodies, tables_read};
use tests::site::written;
use tests::stage::{RUNNING, Stage, like, of_2x};
use tests::{Cluster, Generation, ids, on_both, on_every_cluster};

on_every_cluster!(bodies_are_taken_as_people_send_them, async |site| {
    let bom = "\u{feff}";
    for (number, kind) in [
        None,
        Some("application/json"),
        Some("application/json; charset=utf-8"),
        Some("application/x-www-form-urlencoded"),
        Some("text/plain"),
        Some("application/octet-stream"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = site.id(&format!("form{number}"));
        let headers: Vec<(&str, &str)> = kind
            .map(|kind| ("Content-Type", kind))
            .into_iter()
            .collect();
        let mark = if number % 2 == 0 { "" } else { bom };
        let body = format!("{mark}{}\n", site.job(&id));
        written(
            &site
                .api
                .send("POST", "/v1/jobs", &headers, body.as_bytes())
                .await,
        );
        assert_eq!(site.get(&id).await["ID"], id);
        written(&site.api.delete(&format!("/v1/job/{id}")).await);
    }
    let id = site.id("wrapped");
    written(
        &site
            .api
            .post_json("/v1/jobs", &json!({"Job": site.job(&id)}))
            .await,
    );
    assert_eq!(site.get(&id).await["Name"], format!("name of {id}"));
    let id = site.id("lower");
    let lower = site
        .job(&id)
        .to_string()
        .replace("\"ID\"", "\"id\"")
        .replace("\"Name\"", "\"NAME\"")
        .replace("\"Tasks\"", "\"tasks\"")
        .replace("\"Type\"", "\"type\"")
        .replace("\"Config\"", "\"config\"")
        .replace("\"ConnectionConfig\"", "\"connectionconfig\"")
        .replace("\"Host\"", "\"HOST\"");
    written(
        &site
            .api
            .send("POST", "/v1/jobs", &[], lower.as_bytes())
            .await,
    );
    let job = site.running(&id).await;
    assert_eq!(
        task(&job, "Src")["Config"]["ConnectionConfig"]["Host"],
        site.source["Host"]
    );
});

on_every_cluster!(
    faults_of_a_body_are_named_together_and_nothing_is_registered,
    async |site| {
        let before = ids(&site
            .api
            .get(&format!("/v1/jobs?prefix=bad-{}", site.run))
            .await
            .ok());
        assert!(before.is_empty());
        let id = site.id("bad");
        let good = site.job(&id);
        let with = |change: &dyn Fn(&mut Value)| {
            let mut job = good.clone();
            change(&mut job);
            job.to_string()
        };
        let cases: Vec<(String, Vec<&str>)> = vec![
            ("{bad".to_owned(), vec!["line 1"]),
            ("{".to_owned(), vec!["line 1"]),
            (String::new(), vec!["empty"]),
            ("null".to_owned(), vec!["null"]),
            ("[]".to_owned(), vec!["array"]),
            ("\"x\"".to_owned(), vec!["text"]),
            ("{}".to_owned(), vec!["Job Name hasn't been provided"]),
            (
                with(&|job| {
                    job.as_object_mut().unwrap().remove("Name");
                }),
                vec!["Job Name hasn't been provided"],
            ),
            (with(&|job| job["Name"] = json!("")), vec!["Name"]),
            (with(&|job| job["Name"] = json!(5)), vec!["Name"]),
            (
                with(&|job| {
                    job.as_object_mut().unwrap().remove("Tasks");
                }),
                vec!["Tasks"],
            ),
            (with(&|job| job["Tasks"] = json!([])), vec!["Tasks"]),
            (with(&|job| job["Tasks"] = json!({})), vec!["Tasks"]),
            (
                with(&|job| {
                    job["Tasks"].as_array_mut().unwrap().pop();
                }),
                vec!["Dest"],
            ),
            (
                with(&|job| job["Tasks"][1]["Type"] = json!("Src")),
                vec!["Src"],
            ),
            (with(&|job| job["Tasks"][1] = Value::Null), vec!["null"]),
            (
                with(&|job| {
                    job["Tasks"][1].as_object_mut().unwrap().remove("Config");
                }),
                vec!["Config"],
            ),
            (
                with(&|job| job["Tasks"][1]["Config"] = Value::Null),
                vec!["Config"],
            ),
            (
                with(&|job| job["Tasks"][1]["Type"] = json!("Sink")),
                vec!["Sink"],
            ),
            (
                with(&|job| {
                    job["Tasks"][1].as_object_mut().unwrap().remove("Type");
                }),
                vec!["Type"],
            ),
            (
                with(&|job| job["Tasks"][1]["Driver"] = json!("Postgres")),
                vec!["Postgres"],
            ),
            (with(&|job| job["ID"] = json!("")), vec!["ID"]),
            (with(&|job| job["ID"] = json!("a b")), vec!["ID", "space"]),
            (
                with(&|job| job["ID"] = json!("x".repeat(65))),
                vec!["ID", "64"],
            ),
            (with(&|job| job["ID"] = json!("a/b")), vec!["ID"]),
            (with(&|job| job["ID"] = json!("库")), vec!["ID"]),
            (with(&|job| job["ID"] = json!("..")), vec!["ID"]),
            // All of them at once, in one line.
            (
                with(&|job| {
                    job["ID"] = json!("a b");
                    job["Name"] = json!("");
                    job["Tasks"][0]["Driver"] = json!("Postgres");
                    job["Tasks"][1]["Type"] = json!("Sink");
                }),
                vec!["ID", "Name", "Postgres", "Sink"],
            ),
        ];
        for (body, parts) in cases {
            for (method, target) in [("POST", "/v1/jobs"), ("PUT", "/v1/jobs")] {
                let answer = site.api.send(method, target, &[], body.as_bytes()).await;
                assert_eq!(answer.status, 400, "{body}: {}", answer.shown());
                assert_eq!(
                    answer.header("content-type"),
                    Some("text/plain; charset=utf-8")
                );
                assert_eq!(answer.header_names(), ["content-type", "vary"], "{body}");
                assert!(!answer.text().contains('\n'), "{body}");
                for part in &parts {
                    assert!(answer.text().contains(part), "{body}: {}", answer.text());
                }
                let password = site.source["Password"].as_str().unwrap();
                assert!(!answer.text().contains(password), "{}", answer.text());
            }
        }
        let mut ordered = good.clone();
        ordered["Orders"] = json!(["o-1"]);
        site.api
            .post_json("/v1/jobs", &ordered)
            .await
            .fails(404, "order not found");
        site.api
            .get(&format!("/v1/job/{id}"))
            .await
            .fails(404, "job not found");
        let list = site.api.get("/v1/jobs").await;
        assert!(
            !ids(&list.ok())
                .iter()
                .any(|id| id == "a b" || id == ".." || id.contains('/'))
        );
    }
);

on_both!(
    bodies_that_are_no_job_are_400_with_the_headers_of_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        for name in [
            "092-err-bad-json",
            "093-err-empty-body",
            "096-err-wrong-type",
            "097-err-array",
        ] {
            let expected = of_2x(name);
            let answer = stage
                .api
                .send("POST", "/v1/jobs", &[], &expected.request_body)
                .await;
            // The words are Go's there; here they say where.
            assert_eq!(answer.status, expected.status, "{name}");
            assert_eq!(
                answer.header_names(),
                own_headers(&expected.headers),
                "{name}"
            );
            assert_eq!(
                answer.header("content-type"),
                expected.header("content-type")
            );
            assert!(
                !answer.text().is_empty() && !answer.text().contains('\n'),
                "{name}"
            );
        }
        let answer = stage
            .api
            .post_json("/v1/jobs", &of_2x("089-failover-create").request_json())
            .await;
        like(&answer, &of_2x("089-failover-create"));
        // What 2.x took and then lost.
        for name in [
            "095-err-name-only",
            "098-err-id-with-space",
            "099-err-duplicate-task-type",
            "100-err-unknown-driver",
            "101-err-one-task",
        ] {
            let answer = stage
                .api
                .post_json("/v1/jobs", &of_2x(name).request_json())
                .await;
            assert_eq!(answer.status, 400, "{name}: {}", answer.shown());
            assert_eq!(answer.header_names(), ["content-type", "vary"], "{name}");
            assert!(!answer.text().contains('\n'), "{name}");
        }
        assert_eq!(stage.nomad.writes().len(), 0);
    }
);

on_every_cluster!(a_body_over_four_megabytes_is_413, async |site| {
    let id = site.id("big");
    let mut job = site.job(&id);
    job["Tasks"][0]["Config"]["SqlFilter"] = json!(["x".repeat(4 << 20)]);
    let answer = site.api.post_json("/v1/jobs", &job).await;
    assert_eq!(answer.status, 413);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    site.api
        .get(&format!("/v1/job/{id}"))
        .await
        .fails(404, "job not found");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_were_built_to_hurt_are_refused_or_taken_and_nothing_breaks() {
    let cluster = Cluster::with(Generation::Merged, &[("DTLE_DEADLINE", "10m")]).await;
    for (what, body, wanted) in hostile_bodies(10_000) {
        let answer = cluster.api.send("POST", "/v1/jobs", &[], &body).await;
        let good = match wanted {
            0 => matches!(answer.status, 200 | 400 | 413),
            status => answer.status == status,
        };
        assert!(good, "{what}: {} {:.300}", answer.status, answer.shown());
        assert!(
            answer.body.len() < 4_096,
            "{what}: an answer of {}",
            answer.body.len()
        );
    }
    // It comes back whole.
    assert_eq!(tables_read(&cluster.api).await, Some(10_000));
}
