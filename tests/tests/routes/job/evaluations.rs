//! `GET /v1/job/{id}/evaluations`

use tests::on_both;
use tests::stage::{JOB, MIXED, RUNNING, Stage, of_2x, shape_of_evaluations, shaped};

on_both!(a_jobs_evaluations_read_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let answer = stage.get(&format!("/v1/job/{JOB}/evaluations")).await;
    let list = shaped(
        &answer,
        &of_2x("017-job-evaluations"),
        &shape_of_evaluations(),
    );
    assert!(!list.as_array().unwrap().is_empty());
});

on_both!(
    the_evaluations_of_a_job_that_no_node_takes_say_for_what_it_waits,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
        let answer = stage.get("/v1/job/pinned-1/evaluations").await;
        let expected = of_2x("088-nodename-unknown-evaluations");
        let list = shaped(&answer, &expected, &shape_of_evaluations());
        // By Status, then ID.
        let order: Vec<(&str, &str)> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|eval| {
                (
                    eval["Status"].as_str().unwrap(),
                    eval["ID"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(order.len(), 2);
        assert!(order.is_sorted(), "{order:?}");
        assert!(list.to_string().contains("nosuchnode"));
    }
);
