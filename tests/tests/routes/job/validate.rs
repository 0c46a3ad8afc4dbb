//! `POST`, `PUT /v1/validate/job`

use serde_json::{Value, json};
use tests::client::own_headers;
use tests::cluster::job;
use tests::stage::{RUNNING, Stage, of_2x, shaped};
use tests::{Cluster, Shape, on_both, on_every_cluster};

on_every_cluster!(a_validation_reports_and_registers_nothing, async |site| {
    let id = site.id("valid");
    let report = site
        .api
        .post_json("/v1/validate/job", &site.job(&id))
        .await
        .ok();
    assert_eq!(report["Error"], "");
    assert_eq!(report["ValidationTasks"].as_array().unwrap().len(), 2);
    for task in report["ValidationTasks"].as_array().unwrap() {
        for check in [
            "Binlog",
            "Connection",
            "GtidMode",
            "LogSlaveUpdates",
            "MaxAllowedPacket",
            "Privileges",
            "ServerID",
        ] {
            assert_eq!(
                task[check],
                json!({"Error": "", "Success": false}),
                "{check}"
            );
        }
    }
    let mut bad = site.job(&id);
    bad["Tasks"][0]["Type"] = json!("Sink");
    let report = site.api.put_json("/v1/validate/job", &bad).await.ok();
    assert!(
        report["Error"].as_str().unwrap().contains("Sink"),
        "{report}"
    );
    assert_eq!(report["DriverConfigValidated"], false);
    let answer = site.api.send("POST", "/v1/validate/job", &[], b"{").await;
    assert_eq!(answer.status, 400);
    site.api
        .get(&format!("/v1/job/{id}"))
        .await
        .fails(404, "job not found");
});

on_both!(a_validation_has_the_report_of_2x, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, &["079-validate-job"]].concat()).await;
    let expected = of_2x("110-validate");
    let mut body = expected.request_json();
    // Without an ID there would be a warning, which 2.x has not.
    body["ID"] = json!("its-own");
    let answer = stage.api.post_json("/v1/validate/job", &body).await;
    let report = shaped(&answer, &expected, &Shape::of([expected.json()]));
    let types = |report: &Value| -> Vec<Value> {
        let tasks = report["ValidationTasks"].as_array().unwrap().iter();
        tasks.map(|task| task["Type"].clone()).collect()
    };
    assert_eq!(types(&report), types(expected.json()));
    assert_eq!(
        report["DriverConfigValidated"],
        expected.json()["DriverConfigValidated"]
    );
    assert_eq!(report["Error"], expected.json()["Error"]);
    // Nobody connected to a database: no such check may read as passed.
    for task in report["ValidationTasks"].as_array().unwrap() {
        for (key, check) in task
            .as_object()
            .unwrap()
            .iter()
            .filter(|(key, _)| *key != "Type")
        {
            assert_eq!(check["Success"], false, "{key}");
            assert_eq!(check["Error"], "", "{key}");
        }
    }
    let expected = of_2x("111-validate-bad");
    let answer = stage
        .api
        .send("POST", "/v1/validate/job", &[], &expected.request_body)
        .await;
    assert_eq!(answer.status, expected.status);
    assert_eq!(answer.header_names(), own_headers(&expected.headers));
});

on_both!(
    a_validation_says_what_a_create_would_refuse_and_warn_of,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let mut bad = job("bad");
        bad["Tasks"][0]["Config"]["ReplicateDoDb"][0]["Table"] = json!([]);
        bad["Tasks"][1]["Config"]["ConnectionConfig"]["Port"] = json!("33o6");
        let report = cluster.api.post_json("/v1/validate/job", &bad).await.ok();
        let created = cluster.api.post_json("/v1/jobs", &bad).await;
        assert_eq!(created.status, 400);
        assert_eq!(report["Error"], created.text());
        for words in [
            "did you mean Tables?",
            "Tasks[1].Config.ConnectionConfig.Port",
        ] {
            assert!(created.text().contains(words), "{}", created.text());
        }

        cluster.create(&job("one")).await;
        let mut odd = job("other");
        odd["Tasks"][0]["Config"]["ChunkSzie"] = json!(1);
        odd["Failovr"] = json!(true);
        let answer = cluster.api.post_json("/v1/validate/job", &odd).await;
        let report = answer.ok();
        assert_eq!(report["Error"], "");
        let warnings = report["Warnings"].as_array().unwrap();
        let all = report["Warnings"].to_string();
        for words in [
            "did you mean ChunkSize?",
            "did you mean Failover?",
            "the job one writes the same: db1.tb1 on 10.9.8.6:3306",
        ] {
            assert!(all.contains(words), "{all}");
        }
        assert_eq!(answer.warnings().len(), warnings.len());
        cluster
            .api
            .get("/v1/job/other")
            .await
            .fails(404, "job not found");
    }
);
