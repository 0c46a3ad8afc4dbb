//! `GET /v1/evaluation/{id}/allocations`

use tests::stage::{RUNNING, Stage, like, of_2x, shape_of_allocations};
use tests::{ids, on_both};

on_both!(
    an_evaluations_allocations_read_as_from_2x,
    async |generation| {
        let stage = Stage::at(generation, RUNNING).await;
        let nomad = stage.recorded("048-evaluation-get");
        let id = nomad.json()["ID"].as_str().unwrap();
        let answer = stage.get(&format!("/v1/evaluation/{id}/allocations")).await;
        like(&answer, &of_2x("032-evaluation-allocations"));
        let placed = stage.recorded("049-evaluation-allocations");
        let list = answer.json();
        assert_eq!(shape_of_allocations().faults(&list), Vec::<String>::new());
        let mut expected = ids(placed.json());
        expected.sort_unstable();
        assert_eq!(ids(&list), expected);
    }
);
