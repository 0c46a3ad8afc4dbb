//! Where passwords are masked.

use serde_json::{Value, json};
use tests::cluster::task;
use tests::on_both;
use tests::stage::{JOB, RUNNING, Stage, of_2x};

on_both!(
    passwords_are_masked_in_the_list_and_only_there,
    async |generation| {
        // 2.x does so [005, 011].
        let masked = |list: &Value| -> Vec<Value> {
            let jobs = list.as_array().unwrap().iter();
            let tasks =
                jobs.flat_map(|stub| stub["JobSummary"]["Tasks"].as_array().unwrap().clone());
            tasks
                .map(|task| task["Config"]["ConnectionConfig"]["Password"].clone())
                .collect()
        };
        assert!(masked(of_2x("005-jobs-list-running").json()).contains(&json!("*")));

        let stage = Stage::at(generation, RUNNING).await;
        let list = stage.get("/v1/jobs").await;
        assert_eq!(masked(&list.ok()), vec![json!("*"); 4]);
        assert!(!list.text().contains("dtlepass"));
        let job = stage.get(&format!("/v1/job/{JOB}")).await.ok();
        for side in ["Src", "Dest"] {
            assert_eq!(
                task(&job, side)["Config"]["ConnectionConfig"]["Password"],
                "dtlepass"
            );
        }
        let node = stage.recorded("013-node-get").json()["ID"]
            .as_str()
            .unwrap()
            .to_owned();
        let whole = stage.get(&format!("/v1/node/{node}/allocations")).await;
        assert!(whole.text().contains("dtlepass"));

        let hidden = Stage::set(
            generation,
            RUNNING,
            &[("DTLE_MASK_PASSWORDS", "everywhere")],
        )
        .await;
        let source = stage.recorded("036-allocation-get-src").json()["ID"]
            .as_str()
            .unwrap()
            .to_owned();
        for target in [
            "/v1/jobs".to_owned(),
            format!("/v1/job/{JOB}"),
            format!("/v1/allocation/{source}"),
            format!("/v1/node/{node}/allocations"),
        ] {
            let answer = hidden.get(&target).await;
            assert!(answer.text().contains(r#""Password":"*""#), "{target}");
            assert!(!answer.text().contains("dtlepass"), "{target}");
        }
    }
);
