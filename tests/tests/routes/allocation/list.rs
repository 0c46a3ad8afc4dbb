//! `GET /v1/allocations`

use tests::stage::{
    MIXED, RUNNING, Stage, index, like, nomad_index, of_2x, shape_of_allocations, shaped,
    sorted_by_id,
};
use tests::{Generation, on_both};

on_both!(
    the_list_of_allocations_reads_as_from_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let nomad = stage.recorded("045-allocations-running");
        let answer = stage.get("/v1/allocations").await;
        let list = shaped(&answer, &of_2x("026-allocations"), &shape_of_allocations());
        sorted_by_id(&list);
        assert_eq!(
            list.as_array().unwrap().len(),
            nomad.json().as_array().unwrap().len()
        );
        assert_eq!(index(&answer), nomad_index(&nomad));

        // Later their statistics have been read, which leaves events behind that 2.x
        // knows nothing of.
        let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
        let told = stage.recorded("092-allocations-mixed").json().to_string();
        assert!(told.contains("Signaling"));
        assert_eq!(
            told.contains("Task receive signal"),
            generation == Generation::Merged
        );
        let answer = stage.get("/v1/allocations").await;
        assert!(!answer.text().contains("Signaling"));
        assert!(!answer.text().contains("Task receive signal"));
    }
);

on_both!(no_allocations_are_an_empty_array, async |generation| {
    let stage = Stage::at(
        generation,
        &["010-jobs", "011-allocations", "012-evaluations"],
    )
    .await;
    let answer = stage.get("/v1/allocations").await;
    like(&answer, &of_2x("016-job-allocations-unknown-job"));
    assert_eq!(answer.text(), "[]");
});
