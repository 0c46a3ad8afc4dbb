//! `POST`, `PUT /v1/jobs`: the values of a Config come back as they were sent.

use serde_json::{Value, json};
use tests::cluster::task;
use tests::sent::{expected, job_with, lasting, received_none, survives};
use tests::{Cluster, Generation, on_both};

on_both!(
    template_characters_reach_the_plugin_as_they_were_sent,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let texts = [
            "${1}",
            "$${1}",
            "$$${1}",
            "%{x}",
            "%%{x}",
            "$1",
            "100%",
            "${",
            "%{",
            "$",
            "%",
            "$$",
            "%%",
            "${node.unique.name}",
            "a ${b} %{ if c } d %{ endif } $${e}",
            "\\${1}",
            "$\\{1}",
            "${env.HOME}",
            "{{ key \"x\" }}",
            "$%{a}",
            "%${a}",
            "\"${1}\"",
        ];
        let dbs: Vec<Value> = texts.iter().map(|text| json!({
        "TableSchemaRegex": "db(.)",
        "TableSchemaRename": text,
        "Tables": [{"TableRegex": "t(.)", "TableRename": text, "Where": format!("c = '{text}'")}],
    })).collect();
        let src = json!({
            "ReplicateDoDb": dbs,
            "SqlFilter": texts,
            "mine": {"${1}": {"%{x}": texts}, "$${1}": 1, "%%{x}": 2},
            "${top}": "%{x}",
            "MySQLVersion": "${1}",
            "ConnectionConfig": {"Host": "10.9.8.7", "Port": "3306", "User": "%{u}", "Password": "p${1}$${2}%{3}%%{4}"},
        });
        survives(
            &cluster,
            &job_with("templates", &src, &json!({"mine": {"%{a}": "${b}"}})),
        )
        .await;
        let received = cluster.received("templates", "Src").await;
        assert_eq!(received["ReplicateDoDb"], src["ReplicateDoDb"]);
        assert_eq!(received["SqlFilter"], src["SqlFilter"]);
        let connection = match generation {
            Generation::Split => "ConnectionConfig",
            Generation::Merged => "SrcConnectionConfig",
        };
        assert_eq!(received[connection], src["ConnectionConfig"]);
        received_none(
            &received,
            &json!({"mine": 1, "${top}": 1, "MySQLVersion": 1}),
        );
    }
);

on_both!(
    numbers_keep_their_value_and_their_type,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let src = json!({
            "BinlogPos": 18_446_744_073_709_551_615_u64,
            "MaxRetries": 9_007_199_254_740_993_u64,
            "ChunkSize": "2000",
            "GroupTimeout": 9_007_199_254_740_992_u64,
            "TrafficAgainstLimits": -1,
            "mine": [
                9_007_199_254_740_993_i64, -9_007_199_254_740_993_i64, i64::MIN, i64::MAX, u64::MAX,
                0, -1, 0.1, -2.5, 1e300, 5e-324, 0.30000000000000004, "1", "1.0", "01",
            ],
        });
        let job = survives(&cluster, &job_with("numbers", &src, &json!({}))).await;
        let config = &task(&job, "Src")["Config"];
        assert_eq!(config["BinlogPos"].to_string(), "18446744073709551615");
        assert_eq!(config["MaxRetries"].to_string(), "9007199254740993");
        // The plugin can hold them only if they do not pass through a float.
        let received = cluster.received("numbers", "Src").await;
        let digits = |value: &Value| value.to_string().trim_matches('"').to_owned();
        assert_eq!(digits(&received["BinlogPos"]), "18446744073709551615");
        assert_eq!(digits(&received["MaxRetries"]), "9007199254740993");
        assert_eq!(received["GroupTimeout"], 9_007_199_254_740_992_u64);
        assert_eq!(received["ChunkSize"], "2000");

        // Whole numbers in Go's other spelling are whole numbers.
        let body = tests::cluster::job("floats")
            .to_string()
            .replace(r#""Port":3306"#, r#""Port":3306.0"#);
        assert!(body.contains("3306.0"));
        let answer = cluster
            .api
            .send("POST", "/v1/jobs", &[], body.as_bytes())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.shown());
        let answer = cluster.api.get("/v1/job/floats").await;
        assert!(
            answer.text().contains(r#""Port":3306,"#),
            "{}",
            answer.text()
        );
    }
);

on_both!(nulls_and_empty_values_come_back, async |generation| {
    let cluster = Cluster::start(generation).await;
    let src = json!({
        "SqlFilter": null,
        "ReplicateDoDb": [],
        "ReplicateIgnoreDb": null,
        "BinlogFile": "",
        "GtidStart": null,
        "NatsAddr": null,
        "mine": {"null": null, "list": [], "object": {}, "text": "", "nested": [null, [null], {"a": null}]},
    });
    survives(
        &cluster,
        &job_with(
            "nulls",
            &src,
            &json!({"ParallelWorkers": null, "mine": null}),
        ),
    )
    .await;
    let received = cluster.received("nulls", "Src").await;
    assert_eq!(received["BinlogFile"], "");
    assert_eq!(received["ReplicateDoDb"], json!([]));
});

on_both!(any_language_comes_back, async |generation| {
    let cluster = Cluster::start(generation).await;
    let words = [
        "库名",
        "表_Ω",
        "naïve",
        "e\u{301}",
        "🦀\u{200d}",
        "\u{202e}rtl",
        "tab\tnew\nline",
        "\u{7f}\u{1}",
        "\u{fffd}\u{feff}",
    ];
    let mut sent = job_with(
        "languages",
        &json!({
            "ReplicateDoDb": words.map(|word| json!({"TableSchema": word, "Tables": [{"TableName": word, "Where": word}]})),
            "库": {"🦀": words},
        }),
        &json!({}),
    );
    sent["Name"] = json!("数据复制 \"任务\" \\ ${1} %{x} 🦀");
    survives(&cluster, &sent).await;
    let received = cluster.received("languages", "Src").await;
    assert_eq!(
        received["ReplicateDoDb"],
        sent["Tasks"][0]["Config"]["ReplicateDoDb"]
    );
});

on_both!(
    a_job_as_deep_as_one_may_be_is_read_wherever_it_shows,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let nested = |levels| (0..levels).fold(json!("x"), |inner, _| json!([inner]));
        // Four levels of a body are above a Config's values.
        let deep = job_with(
            "deep",
            &json!({"NatsAddr": nested(60), "unknown": nested(60)}),
            &json!({}),
        );
        cluster.create(&deep).await;
        assert_eq!(lasting(cluster.read("deep").await), expected(&deep));
        let node = cluster.api.get("/v1/nodes").await.ok()[0]["ID"].clone();
        let node = node.as_str().unwrap();
        for target in ["/v1/jobs", &format!("/v1/node/{node}/allocations")] {
            let text = cluster.api.get(target).await;
            assert_eq!(text.status, 200, "{}", text.shown());
        }
        for pause_or_resume in ["pause", "resume"] {
            let target = format!("/v1/job/deep/{pause_or_resume}");
            let reply = cluster.api.post_json(&target, &json!({})).await.ok();
            assert_eq!(reply["Success"], true, "{pause_or_resume}");
        }
        assert_eq!(lasting(cluster.read("deep").await), expected(&deep));

        // One that could not be read would be in the way of every list.
        for levels in [61, 119, 123, 1000] {
            let deeper = job_with("deeper", &json!({"unknown": nested(levels)}), &json!({}));
            let answer = cluster.api.post_json("/v1/jobs", &deeper).await;
            assert_eq!(answer.status, 400, "{levels}: {}", answer.shown());
        }
        assert_eq!(cluster.api.get("/v1/job/deeper").await.status, 404);
    }
);
