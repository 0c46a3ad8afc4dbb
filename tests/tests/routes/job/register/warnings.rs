//! `POST`, `PUT /v1/jobs`: what is refused before it runs, and what is warned of.

use serde_json::json;
use tests::cluster::job;
use tests::{Cluster, on_both};

on_both!(
    a_job_that_cannot_run_is_refused_before_anything_runs,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let with = |side: usize, key: &str, value| {
            let mut body = job("bad");
            body["Tasks"][side]["Config"][key] = value;
            body
        };
        let mut empty = job("bad");
        empty["Tasks"][0]["Config"] = json!({});
        let mut port = job("bad");
        port["Tasks"][0]["Config"]["ConnectionConfig"]["Port"] = json!("33o6");
        for (body, words) in [
            (empty, "Tasks[0].Config.ConnectionConfig is missing"),
            (port, "Tasks[0].Config.ConnectionConfig.Port is"),
            (with(0, "ReplicateDoDb", json!("x")), "an array is expected"),
            (with(0, "Gtid", json!("garbage")), "Gtid is no GTID set"),
            (
                with(
                    0,
                    "ReplicateDoDb",
                    json!([{"TableSchema": "a", "Table": []}]),
                ),
                "did you mean Tables?",
            ),
            (with(1, "ParallelWorkers", json!("two")), "a whole number"),
        ] {
            let answer = cluster.api.post_json("/v1/jobs", &body).await;
            assert_eq!(answer.status, 400, "{}", answer.shown());
            assert!(answer.text().contains(words), "{}", answer.text());
            assert!(!answer.text().contains("secret"), "{}", answer.text());
        }
        cluster
            .api
            .get("/v1/job/bad")
            .await
            .fails(404, "job not found");
    }
);

on_both!(
    an_unknown_key_passes_comes_back_and_is_named,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let mut body = job("odd");
        body["Tasks"][0]["Config"]["ChunkSzie"] = json!(7);
        body["Tasks"][1]["Config"]["mine"] = json!({"\u{5e93}": 1});
        let answer = cluster.api.post_json("/v1/jobs", &body).await;
        assert_eq!(answer.ok()["Success"], true);
        assert_eq!(
            answer.warnings(),
            [
                "Tasks[0].Config.ChunkSzie is no key of dtle and does nothing: did you mean ChunkSize?",
                "Tasks[1].Config.mine is no key of dtle and does nothing",
            ]
        );
        assert_eq!(
            cluster.read("odd").await["Tasks"][0]["Config"]["ChunkSzie"],
            7
        );
        // What this API answers with can be sent back without a word.
        let shown = cluster.read("odd").await;
        let mut again = shown.clone();
        again["Tasks"][0]["Config"]
            .as_object_mut()
            .unwrap()
            .remove("ChunkSzie");
        again["Tasks"][1]["Config"]
            .as_object_mut()
            .unwrap()
            .remove("mine");
        let answer = cluster.api.post_json("/v1/jobs", &again).await;
        assert_eq!(answer.warnings(), Vec::<&str>::new());
    }
);

on_both!(
    a_create_says_where_its_job_is_and_that_an_id_was_made_up,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let answer = cluster.api.post_json("/v1/jobs", &job("named")).await;
        assert_eq!(answer.header("location"), Some("/v1/job/named"));
        assert_eq!(answer.warnings(), Vec::<&str>::new());
        let answer = cluster.api.post_json("/v1/jobs", &job("named")).await;
        assert_eq!(answer.header("location"), None);

        let mut nameless = job("");
        nameless.as_object_mut().unwrap().remove("ID");
        nameless["Tasks"][1]["Config"]["ConnectionConfig"]["Port"] = json!(3399);
        let answer = cluster.api.post_json("/v1/jobs", &nameless).await;
        let path = answer.header("location").unwrap();
        assert_eq!(cluster.api.get(path).await.ok()["Name"], nameless["Name"]);
        let id = path.strip_prefix("/v1/job/").unwrap();
        let [warning] = answer.warnings()[..] else {
            panic!("{:?}", answer.warnings())
        };
        assert!(
            warning.contains("no ID") && warning.contains(id),
            "{warning}"
        );
    }
);

on_both!(
    tables_added_to_a_job_and_two_jobs_on_one_table_are_warned_of,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        cluster.create(&job("first")).await;
        let mut wider = job("first");
        wider["Tasks"][0]["Config"]["ReplicateDoDb"] = json!([
            {"TableSchema": "db1", "Tables": [{"TableName": "tb1"}, {"TableName": "tb2"}]},
            {"TableSchema": "db2"},
        ]);
        let answer = cluster.api.post_json("/v1/jobs", &wider).await;
        assert_eq!(answer.ok()["Success"], true);
        let [warning] = answer.warnings()[..] else {
            panic!("{:?}", answer.warnings())
        };
        assert!(warning.starts_with("db1.tb2, db2.*: added"), "{warning}");
        // The same again adds nothing.
        let answer = cluster.api.post_json("/v1/jobs", &wider).await;
        assert_eq!(answer.warnings(), Vec::<&str>::new());

        let answer = cluster.api.post_json("/v1/jobs", &job("second")).await;
        let [warning] = answer.warnings()[..] else {
            panic!("{:?}", answer.warnings())
        };
        assert!(
            warning.contains("the job first writes the same: db1.tb1 on 10.9.8.6:3306"),
            "{warning}"
        );
        // It has been said; what the job writes has to change for it to be said again.
        let answer = cluster.api.post_json("/v1/jobs", &job("second")).await;
        assert_eq!(answer.warnings(), Vec::<&str>::new());
        let mut more = job("second");
        more["Tasks"][0]["Config"]["ReplicateDoDb"] = json!([{"TableSchema": "db1"}]);
        let answer = cluster.api.post_json("/v1/jobs", &more).await;
        let again = "the job first writes the same: db1.tb1, db1.tb2 on";
        assert!(
            answer.warnings().iter().any(|one| one.contains(again)),
            "{:?}",
            answer.warnings()
        );
        let mut elsewhere = job("third");
        elsewhere["Tasks"][1]["Config"]["ConnectionConfig"]["Port"] = json!(3399);
        let answer = cluster.api.post_json("/v1/jobs", &elsewhere).await;
        assert_eq!(answer.warnings(), Vec::<&str>::new());
    }
);
