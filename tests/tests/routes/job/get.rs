//! `GET /v1/job/{id}`

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::cluster::{job, task};
use tests::sent::{expected, lasting, register_in_blocks};
use tests::site::written;
use tests::stage::{
    JOB, MIXED, PAUSED, RUNNING, SECOND, Stage, config, index, like, nomad_index, of_2x,
    shape_of_allocations, shape_of_job, shaped,
};
use tests::{Cluster, Generation, PATIENCE, eventually, gateway, on_both, on_every_cluster};

on_both!(a_running_job_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, RUNNING).await;
    let answer = stage.get(&format!("/v1/job/{JOB}")).await;
    let expected = of_2x("011-job-get");
    let job = shaped(&answer, &expected, &shape_of_job());
    let nomad = stage.recorded("024-job-get");
    let nomad = nomad.json();

    // On a single object the index is the object's own.
    assert_eq!(json!(index(&answer)), job["ModifyIndex"]);
    for key in [
        "CreateIndex",
        "JobModifyIndex",
        "ModifyIndex",
        "ID",
        "Datacenters",
        "Region",
    ] {
        assert_eq!(job[key], nomad[key], "{key}");
    }
    // Both stories run the same job.
    for key in [
        "Constraints",
        "EnforceIndex",
        "Failover",
        "Orders",
        "Region",
        "Status",
        "StatusDescription",
        "Type",
        "ID",
        "Datacenters",
    ] {
        assert_eq!(job[key], expected.json()[key], "{key}");
    }
    for side in ["Src", "Dest"] {
        let (task, expected) = (task(&job, side), task(expected.json(), side));
        for key in [
            "ConfigLock",
            "Constraints",
            "Driver",
            "Leader",
            "NodeID",
            "NodeName",
        ] {
            assert_eq!(task[key], expected[key], "{side}.{key}");
        }
    }
    assert_eq!(config(&job, "Src"), config(expected.json(), "Src"));
    let mut dest = config(expected.json(), "Dest");
    // The two stories wrote to different servers.
    dest["ConnectionConfig"]["Port"] = match generation {
        Generation::Split => json!(3319),
        Generation::Merged => json!(3317),
    };
    assert_eq!(config(&job, "Dest"), dest);
    // Whole numbers print without a fraction.
    assert!(nomad.to_string().contains(r#""ParallelWorkers":2.0"#));
    assert!(
        answer.text().contains(r#""ParallelWorkers":2}"#),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains(".0,"), "{}", answer.text());
    // Src sent an empty Gtid and nothing else is known of progress.
    assert_eq!(task(&job, "Dest")["Config"]["Gtid"], "");
});

on_both!(a_paused_job_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, PAUSED].concat()).await;
    let expected = of_2x("056-job-get-paused");
    let job = shaped(
        &stage.get(&format!("/v1/job/{JOB}")).await,
        &expected,
        &shape_of_job(),
    );
    assert_eq!(job["Status"], expected.json()["Status"]);
    assert_eq!(
        job["StatusDescription"],
        expected.json()["StatusDescription"]
    );
});

on_both!(a_stopped_job_is_complete, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, &["094-job-get-stopped"]].concat()).await;
    let answer = stage.get(&format!("/v1/job/{SECOND}")).await;
    let job = shaped(&answer, &of_2x("011-job-get"), &shape_of_job());
    assert_eq!(job["Status"], "complete");
});

on_both!(a_failed_job_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
    let expected = of_2x("082-failing-get");
    let answer = stage.get("/v1/job/failing-1").await;
    let job = shaped(&answer, &expected, &shape_of_job());
    assert_eq!(job["Status"], "dead");
    assert_eq!(expected.json()["Status"], "dead");
    let words = "dial tcp 127.0.0.1:1: connect: connection refused";
    assert_eq!(expected.json()["StatusDescription"], words);
    assert!(
        job["StatusDescription"].as_str().unwrap().contains(words),
        "{job}"
    );

    let expected = of_2x("083-failing-allocations");
    let answer = stage.get("/v1/job/failing-1/allocations").await;
    let list = shaped(&answer, &expected, &shape_of_allocations());
    let list = list.as_array().unwrap();
    let source = list
        .iter()
        .find(|allocation| allocation["Task"] == "Src")
        .unwrap();
    assert_eq!(source["ClientStatus"], "failed");
    assert_eq!(source["DesiredDescription"], job["StatusDescription"]);
    assert_eq!(source["TaskStates"]["Src"]["State"], "dead");
    assert_eq!(source["TaskStates"]["Src"]["Failed"], true);
    assert!(source["TaskStates"]["Src"]["FinishedAt"].is_string());
    // A task that runs is none that failed.
    let dest = list
        .iter()
        .find(|allocation| allocation["Task"] == "Dest")
        .unwrap();
    if dest["ClientStatus"] == "running" {
        assert_eq!(dest["DesiredDescription"], "");
        assert_eq!(dest["TaskStates"]["Dest"]["FinishedAt"], Value::Null);
    }
});

on_every_cluster!(a_job_that_cannot_work_is_dead_and_says_why, async |site| {
    let id = site.id("dead");
    let mut job = site.job(&id);
    job["Tasks"][0]["Config"]["ConnectionConfig"]["Host"] = json!("127.0.0.1");
    job["Tasks"][0]["Config"]["ConnectionConfig"]["Port"] = json!(1);
    written(&site.api.post_json("/v1/jobs", &job).await);
    let dead = site.becomes(&id, "dead").await;
    let words = dead["StatusDescription"].as_str().unwrap().to_owned();
    assert!(
        words.contains("dial tcp 127.0.0.1:1: connect: connection refused"),
        "{words}"
    );
    let list = site.allocations(&id).await;
    let failed = list.iter().find(|one| one["Task"] == "Src").unwrap();
    assert_eq!(
        (&failed["ClientStatus"], &failed["DesiredDescription"]),
        (&json!("failed"), &json!(words))
    );
    assert_eq!(failed["TaskStates"]["Src"]["State"], "dead");

    // Its resume tries again; its pause is one.
    written(&site.api.post(&format!("/v1/job/{id}/resume")).await);
    let end = Instant::now() + PATIENCE;
    while site
        .allocations(&id)
        .await
        .iter()
        .filter(|one| one["Task"] == "Src")
        .count()
        < 2
    {
        assert!(Instant::now() < end, "it was not tried again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    site.becomes(&id, "dead").await;
    written(&site.api.post(&format!("/v1/job/{id}/pause")).await);
    site.becomes(&id, "pause").await;
    // And an update with a server that answers makes it run.
    written(
        &site
            .api
            .put_json(&format!("/v1/job/{id}"), &site.job(&id))
            .await,
    );
    site.becomes(&id, "running").await;
});

on_both!(
    while_nomad_still_tries_the_cause_and_its_side_are_shown,
    async |generation| {
        // The second attempt comes after the test.
        let cluster = Cluster::with(generation, &[("DTLE_RESTART_DELAY", "24h")]).await;
        for (number, side) in ["Src", "Dest"].into_iter().enumerate() {
            let id = format!("wrong-{side}");
            let mut wrong = job(&id);
            let connection = &mut wrong["Tasks"][number]["Config"]["ConnectionConfig"];
            connection["Host"] = json!("127.0.0.1");
            connection["Port"] = json!(1);
            cluster.create(&wrong).await;
            let words = "dial tcp 127.0.0.1:1: connect: connection refused (attempt 1 of 4)";
            let expected = json!(format!("{side}: {words}"));
            eventually(&format!("{id} says {expected}"), async || {
                let job = cluster.read(&id).await;
                assert_ne!(job["Status"], "dead");
                match job["StatusDescription"] == expected {
                    true => Ok(()),
                    false => Err(job["StatusDescription"].to_string()),
                }
            })
            .await;
            let list = cluster.api.get("/v1/jobs").await.ok();
            let entries = list.as_array().unwrap();
            let entry = entries.iter().find(|one| one["ID"] == *id).unwrap();
            assert_eq!(entry["StatusDescription"], expected);
            assert_eq!(entry["JobSummary"]["StatusDescription"], expected);
            let list = cluster.api.get(&format!("/v1/job/{id}/allocations")).await;
            let list = list.ok();
            let allocations = list.as_array().unwrap();
            let own = allocations.iter().find(|one| one["Task"] == side).unwrap();
            assert_eq!(own["DesiredDescription"], words, "{own:#}");
            assert_eq!(own["DesiredStatus"], "run");
        }
        // An update that puts it right clears it.
        cluster.create(&job("wrong-Dest")).await;
        let now = cluster.running("wrong-Dest").await;
        assert_eq!(now["StatusDescription"], "");
    }
);

on_both!(
    a_job_that_runs_costs_no_call_for_its_cause,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        cluster.create(&job("well")).await;
        cluster.running("well").await;
        // The first look at a new job is one.
        cluster.read("well").await;
        assert!(cluster.api.get("/v1/jobs").await.ok().is_array());
        let asked = || {
            let path = "/v1/job/well/allocations";
            cluster.nomad.requests().count("GET", path)
        };
        let before = asked();
        for _ in 0..5 {
            assert_eq!(cluster.read("well").await["StatusDescription"], "");
            assert!(cluster.api.get("/v1/jobs").await.ok().is_array());
        }
        assert_eq!(asked(), before);
    }
);

on_both!(
    a_config_that_the_plugin_refuses_shows_why,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
        let job = stage.get("/v1/job/badcfg-1").await;
        let job = shaped(&job, &of_2x("082-failing-get"), &shape_of_job());
        assert_eq!(job["Status"], "dead");
        // Nomad says so in its own recording 074, in a field that 2.x has not.
        let said = stage.recorded("074-unknown-config-key-allocations");
        let said = said.json().to_string();
        assert!(said.contains("Invalid label"), "{said}");
        assert!(
            job["StatusDescription"]
                .as_str()
                .unwrap()
                .contains("Invalid label"),
            "{job}"
        );
        let answer = stage.get("/v1/job/badcfg-1/allocations").await;
        let list = shaped(
            &answer,
            &of_2x("083-failing-allocations"),
            &shape_of_allocations(),
        );
        assert!(list.to_string().contains("Invalid label"));
    }
);

on_both!(
    a_job_that_no_node_takes_waits_and_says_for_what,
    async |generation| {
        let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
        let expected = of_2x("087-nodename-unknown-get");
        let answer = stage.get("/v1/job/pinned-1").await;
        let job = shaped(&answer, &expected, &shape_of_job());
        assert_eq!(job["Status"], "pending");
        let words = job["StatusDescription"].as_str().unwrap();
        assert!(
            words.contains("Src") && words.contains("nosuchnode"),
            "{words}"
        );
        // The constraint that binds the task reads as its NodeName.
        assert_eq!(task(&job, "Src")["NodeName"], "nosuchnode");
        assert_eq!(task(expected.json(), "Src")["NodeName"], "nosuchnode");
    }
);

on_both!(a_kafka_job_reads_as_from_2x, async |generation| {
    let stage = Stage::at(generation, &[RUNNING, MIXED].concat()).await;
    let expected = of_2x("079-kafka-get");
    let job = shaped(
        &stage.get("/v1/job/kafka-1").await,
        &expected,
        &shape_of_job(),
    );
    assert_eq!(task(&job, "Dest")["Driver"], "Kafka");
    assert_eq!(task(&job, "Src")["Driver"], "MySQL");
    let mut dest = config(&job, "Dest");
    // In this generation's recording the job was registered with workers too.
    let workers = dest.remove("ParallelWorkers");
    assert_eq!(
        workers,
        (generation == Generation::Merged).then(|| json!(2))
    );
    assert_eq!(dest, config(expected.json(), "Dest"));
    assert_eq!(config(&job, "Src"), config(expected.json(), "Src"));
    assert_eq!(job["Status"], "dead");
    assert!(
        job["StatusDescription"]
            .as_str()
            .unwrap()
            .contains("kafka: client has run out of available brokers"),
        "{job}"
    );
    let answer = stage.get("/v1/job/kafka-1/allocations").await;
    shaped(
        &answer,
        &of_2x("080-kafka-allocations"),
        &shape_of_allocations(),
    );
});

on_both!(
    blocks_of_a_job_file_read_as_objects_and_hide_their_passwords,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let connection = |host: &str| json!({"Host": host, "Port": 3306, "User": "u", "Password": format!("secret-of-{host}")});
        let kafka = json!({"Brokers": ["k:9092"], "Topic": "t", "Converter": "json"});
        let (src, dest) = (connection("src"), connection("dest"));
        let (to_mysql, to_kafka) = match generation {
            Generation::Split => (
                [
                    json!({"ConnectionConfig": [src]}),
                    json!({"ConnectionConfig": [dest]}),
                ],
                [
                    json!({"ConnectionConfig": [src]}),
                    json!({"KafkaConfig": [kafka]}),
                ],
            ),
            Generation::Merged => (
                [
                    json!({"SrcConnectionConfig": [src], "DestConnectionConfig": [dest]}),
                    json!({"DestType": "mysql"}),
                ],
                [
                    json!({"SrcConnectionConfig": [src], "KafkaConfig": [kafka]}),
                    json!({"DestType": "kafka"}),
                ],
            ),
        };
        register_in_blocks(&cluster, "to-mysql", &to_mysql[0], &to_mysql[1]).await;
        register_in_blocks(&cluster, "to-kafka", &to_kafka[0], &to_kafka[1]).await;

        let job = cluster.read("to-mysql").await;
        assert_eq!(job["Tasks"][0]["Config"]["ConnectionConfig"], src);
        assert_eq!(job["Tasks"][1]["Config"]["ConnectionConfig"], dest);
        let job = cluster.read("to-kafka").await;
        assert_eq!(job["Tasks"][0]["Config"]["ConnectionConfig"], src);
        assert_eq!(job["Tasks"][1]["Driver"], "Kafka");
        for (key, value) in kafka.as_object().unwrap() {
            assert_eq!(&job["Tasks"][1]["Config"][key], value, "{key}");
        }
        let list = cluster.api.get("/v1/jobs").await;
        assert!(!list.text().contains("secret-of"), "{}", list.text());

        // What the list shows can be sent back.
        let mut shown = list.json()[1]["JobSummary"].clone();
        assert_eq!(shown["ID"], "to-mysql");
        shown["Name"] = json!("renamed");
        cluster.create(&shown).await;
        let job = cluster.read("to-mysql").await;
        assert_eq!(job["Tasks"][0]["Config"]["ConnectionConfig"], src);
        assert_eq!(job["Tasks"][1]["Config"]["ConnectionConfig"], dest);
    }
);

on_both!(
    live_progress_is_all_that_is_added_with_consul,
    async |generation| {
        // The gateway has to know Consul's address before it starts.
        let cluster = Cluster::start(generation).await;
        let consul = cluster.nomad.consul_url();
        let (_server, api) = gateway(&cluster.nomad.url(), &[("CONSUL_HTTP_ADDR", &consul)]).await;
        let sent = job("progress");
        cluster.create(&sent).await;
        cluster.running("progress").await;
        let job = eventually("a task has reported", || async {
            let job = api.get("/v1/job/progress").await.ok();
            if task(&job, "Src")["Config"]["BinlogFile"].is_string() {
                Ok(job)
            } else {
                Err(job)
            }
        })
        .await;
        // What 2.x adds once a task has reported, on both sides.
        let mut rest = lasting(job.clone());
        for side in [0, 1] {
            let config = rest["Tasks"][side]["Config"].as_object_mut().unwrap();
            assert!(config.remove("BinlogFile").unwrap().is_string());
            assert!(config.remove("BinlogPos").unwrap().is_u64());
            let address = config.remove("NatsAddr").unwrap();
            assert!(
                address
                    .as_str()
                    .unwrap()
                    .parse::<std::net::SocketAddr>()
                    .is_ok()
            );
            let gtid = config.insert("Gtid".to_owned(), json!("")).unwrap();
            assert_ne!(gtid, "");
        }
        assert_eq!(rest, expected(&sent));
    }
);

on_every_cluster!(ids_match_exactly_and_whole, async |site| {
    let id = site.create("Exact.b_c:d").await;
    for same in [
        id.clone(),
        id.replace('E', "%45"),
        id.replace(':', "%3A"),
        id.replace('-', "%2D"),
    ] {
        let job = site.api.get(&format!("/v1/job/{same}")).await.ok();
        assert_eq!(job["ID"], id, "{same}");
    }
    for other in [
        id.to_lowercase(),
        id[..8].to_owned(),
        format!("{id}x"),
        "a%20b".to_owned(),
        "%E5%BA%93".to_owned(),
        format!("%20{id}"),
    ] {
        site.api
            .get(&format!("/v1/job/{other}"))
            .await
            .fails(404, "job not found");
    }
    // A slash in an ID is no ID.
    let answer = site.api.get("/v1/job/x/y").await;
    answer.fails(404, "404 page not found\n");
    let answer = site.api.get(&format!("/v1/job/{id}%2Fallocations")).await;
    assert_eq!(answer.status, 404, "{}", answer.shown());
    let answer = site.api.get("/v1/job/..%2F..%2Fv1%2Fagent%2Fself").await;
    assert_eq!(answer.status, 404, "{}", answer.shown());
});

on_both!(
    an_unknown_job_is_404_in_the_words_of_2x,
    async |generation| {
        let stage = Stage::at(generation, &["025-job-get-unknown", "020-jobs-running"]).await;
        let answer = stage.api.get("/v1/job/nope").await;
        like(&answer, &of_2x("013-job-get-unknown"));
        assert_eq!(
            index(&answer),
            nomad_index(&stage.recorded("025-job-get-unknown"))
        );
    }
);

on_both!(
    how_far_a_job_is_shows_when_it_is_asked_for,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let consul = cluster.nomad.consul_url();
        let (_server, api) = gateway(&cluster.nomad.url(), &[("CONSUL_HTTP_ADDR", &consul)]).await;
        cluster.create(&job("far")).await;
        cluster.running("far").await;
        let job = eventually("a task has reported", || async {
            let job = api.get("/v1/job/far?progress=true").await.ok();
            match job["Progress"]["Gtid"] == "" {
                true => Err(job),
                false => Ok(job),
            }
        })
        .await;
        let progress = &job["Progress"];
        assert!(
            task(&job, "Src")["Config"]["Gtid"].is_string(),
            "it is live as well"
        );
        let list = api.get("/v1/jobs?progress=true").await.ok();
        let in_list = &list[0]["JobSummary"]["Progress"];
        match generation {
            // Plugin 3.x stores neither [recording 200].
            Generation::Split => {
                assert_eq!(progress["JobStage"], "");
                assert_eq!(progress["RowsTotal"], 0);
            }
            Generation::Merged => {
                assert_eq!(progress["JobStage"], "job_stage_incr");
                assert_eq!(progress["RowsCopied"], progress["RowsTotal"]);
                assert_ne!(progress["RowsTotal"], 0);
            }
        }
        assert_eq!(in_list["JobStage"], progress["JobStage"]);
        // 2.x has no such field.
        for target in ["/v1/job/far", "/v1/jobs", "/v1/jobs?progress=false"] {
            let plain = api.get(target).await;
            assert!(!plain.text().contains("\"Progress\":"), "{target}");
        }
    }
);

on_both!(
    without_consul_what_it_would_say_is_absent_and_a_warning_says_so,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        cluster.create(&job("silent")).await;
        cluster.running("silent").await;
        // Nobody listens there.
        let consul = [("CONSUL_HTTP_ADDR", "http://127.0.0.1:1")];
        let (server, api) = gateway(&cluster.nomad.url(), &consul).await;
        for target in [
            "/v1/job/silent",
            "/v1/jobs",
            "/v1/jobs?pretty",
            "/v1/job/silent?progress=1",
        ] {
            let answer = api.get(target).await;
            let shown = answer.ok();
            let job = match &shown[0]["JobSummary"] {
                Value::Null => &shown,
                job => job,
            };
            for side in ["Src", "Dest"] {
                let config = task(job, side)["Config"].as_object().unwrap();
                for key in ["Gtid", "BinlogFile", "BinlogPos", "NatsAddr"] {
                    assert_eq!(config.get(key), None, "{target}: {key}");
                }
                assert!(config.contains_key("ConnectionConfig"));
            }
            let [warning] = answer.warnings()[..] else {
                panic!("{target}: {:?}", answer.warnings())
            };
            assert!(warning.contains("Consul does not answer"), "{warning}");
        }
        let health = api.get("/health").await.ok();
        assert_eq!(
            (&health["ok"], &health["status"]),
            (&json!(true), &json!("degraded"))
        );
        drop(server);

        let consul = cluster.nomad.consul_url();
        let (_server, api) = gateway(&cluster.nomad.url(), &[("CONSUL_HTTP_ADDR", &consul)]).await;
        let answer = api.get("/v1/job/silent").await;
        assert_eq!(answer.warnings(), Vec::<&str>::new());
        assert_eq!(api.get("/health").await.ok()["status"], "ok");
    }
);
