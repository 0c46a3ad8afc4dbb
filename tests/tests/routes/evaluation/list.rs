//! `GET /v1/evaluations`

use tests::on_both;
use tests::stage::{
    RUNNING, Stage, index, like, nomad_index, of_2x, shape_of_evaluations, shaped, sorted_by_id,
};

on_both!(
    the_list_of_evaluations_reads_as_from_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let nomad = stage.recorded("047-evaluations-running");
        let answer = stage.get("/v1/evaluations").await;
        let list = shaped(&answer, &of_2x("030-evaluations"), &shape_of_evaluations());
        sorted_by_id(&list);
        // Some are left of jobs that were there before: those are gone.
        let jobs = stage.recorded("020-jobs-running");
        let expected = nomad.json().as_array().unwrap().iter().filter(|eval| {
            jobs.json().as_array().unwrap().iter().any(|job| {
                job["ID"] == eval["JobID"]
                    && eval["CreateIndex"].as_u64() >= job["CreateIndex"].as_u64()
            })
        });
        assert_eq!(list.as_array().unwrap().len(), expected.count());
        assert_eq!(index(&answer), nomad_index(&nomad));
    }
);

on_both!(no_evaluations_are_an_empty_array, async |generation| {
    let stage = Stage::at(
        generation,
        &["010-jobs", "011-allocations", "012-evaluations"],
    )
    .await;
    let answer = stage.get("/v1/evaluations").await;
    like(&answer, &of_2x("032-evaluation-allocations"));
    assert_eq!(answer.text(), "[]");
});
