//! `GET /metrics`

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;
use tests::cluster::job;
use tests::{Cluster, Generation, eventually, gateway, on_both};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn recorded(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// What the plugin served on its node.
fn of_plugin(generation: Generation) -> String {
    recorded(match generation {
        Generation::Split => "metrics/dtle-plugin-3.20.10.txt",
        Generation::Merged => "metrics/dtle-plugin-4.23.04.txt",
    })
}

/// A plugin that serves this text; returns its address.
async fn plugin(text: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 2_048];
            let length = stream.read(&mut asked).await.unwrap();
            assert!(asked[..length].starts_with(b"GET /metrics "));
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}

/// The names of the series with a task's name, without the host in 2.x's.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text
        .lines()
        .filter(|line| line.contains("task_name=\"orders_"));
    let names = lines.filter_map(|line| line.split('{').next());
    names
        .map(|name| name.replace("udup_vm_", "udup_"))
        .collect()
}

on_both!(
    the_series_of_2x_are_there_without_a_signal,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let node = plugin(of_plugin(generation)).await;
        let settings = [
            ("DTLE_PLUGIN_ADDRS", node.as_str()),
            ("CONSUL_HTTP_ADDR", &cluster.nomad.consul_url()),
        ];
        let (_server, api) = gateway(&cluster.nomad.url(), &settings).await;
        // The recorded plugin had this job; the name is that of 2.x's recording.
        let mut orders = job("orders-1");
        orders["Name"] = json!("orders");
        cluster.create(&orders).await;
        cluster.create(&job("other")).await;
        cluster.running("orders-1").await;

        let answer = api.get("/metrics").await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; version=0.0.4; charset=utf-8")
        );
        let text = answer.text();
        let mut expected = series(&recorded("metrics/dtle-2.19.11.1.txt"));
        // Plugins have no such queue.
        assert!(expected.remove("udup_buffer_dest_group_queue_size"));
        assert_eq!(series(text), expected);
        let port = node.rsplit('/').next().unwrap();
        let line = format!(
            "udup_network_out_msgs{{job_id=\"orders-1\",node=\"{port}\",task_name=\"orders_Src\"}} 6\n"
        );
        assert!(text.contains(&line), "{text}");
        for line in [
            "dtle_job_status{job_id=\"orders-1\",name=\"orders\",status=\"running\"} 1\n",
            "dtle_job_status{job_id=\"orders-1\",name=\"orders\",status=\"dead\"} 0\n",
            "dtle_job_paused{job_id=\"other\",name=\"name of other\"} 0\n",
            &format!("dtle_plugin_up{{node=\"{port}\"}} 1\n"),
            "dtle_cluster_up 1\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        // The plugin still names its own job, which is none of this cluster's tasks.
        assert!(!text.contains("task_name=\"orders-1_"), "{text}");
        let behind = "dtle_job_transactions_behind{job_id=\"orders-1\",name=\"orders\"} 0\n";
        assert!(text.contains(behind), "{text}");
        // Each series stands in one place, as Prometheus wants it.
        let mut seen = BTreeSet::new();
        let mut last = "";
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            let base = name.trim_end_matches("_bucket").trim_end_matches("_sum");
            let base = base.trim_end_matches("_count");
            assert!(base == last || seen.insert(base), "{name} stands twice");
            last = base;
        }
        assert_eq!(cluster.nomad.requests().count_below("/v1/client"), 0);
    }
);

on_both!(
    a_scrape_is_one_list_and_one_request_a_node,
    async |generation| {
        let cluster = Cluster::start(generation).await;
        let node = plugin(of_plugin(generation)).await;
        let (_server, api) = gateway(&cluster.nomad.url(), &[("DTLE_PLUGIN_ADDRS", &node)]).await;
        for number in 0..5 {
            cluster.create(&job(&format!("job-{number}"))).await;
            cluster.running(&format!("job-{number}")).await;
        }
        // The first scrape gets to know the jobs.
        assert_eq!(api.get("/metrics").await.status, 200);
        let asked = || cluster.nomad.requests().count_below("/v1/");
        let before = asked();
        assert_eq!(api.get("/metrics").await.status, 200);
        assert_eq!(asked() - before, 1);
    }
);

on_both!(what_has_failed_shows_since_when, async |generation| {
    let cluster = Cluster::start(generation).await;
    let mut wrong = job("wrong");
    let connection = &mut wrong["Tasks"][0]["Config"]["ConnectionConfig"];
    (connection["Host"], connection["Port"]) = (json!("127.0.0.1"), json!(1));
    cluster.create(&wrong).await;
    cluster.create(&job("resting")).await;
    cluster.running("resting").await;
    cluster.api.post("/v1/job/resting/pause").await.succeeds();
    let text = eventually("the job is dead", || async {
        let text = cluster.api.get("/metrics").await.text().to_owned();
        match text.contains("name=\"name of wrong\",status=\"dead\"} 1") {
            true => Ok(text),
            false => Err(text),
        }
    })
    .await;
    let line = "dtle_job_failed_since_seconds{job_id=\"wrong\",name=\"name of wrong\"} ";
    let (_, since) = text.split_once(line).unwrap_or_else(|| panic!("{text}"));
    let since: u64 = since.lines().next().unwrap().parse().unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!((now - 600..=now).contains(&since), "{since}");
    assert!(text.contains("dtle_job_paused{job_id=\"resting\",name=\"name of resting\"} 1"));
    // A node that is gone is seen, and takes nothing else with it.
    let settings = [("DTLE_PLUGIN_ADDRS", "http://127.0.0.1:1")];
    let (_server, api) = gateway(&cluster.nomad.url(), &settings).await;
    let text = api.get("/metrics").await.text().to_owned();
    assert!(
        text.contains("dtle_plugin_up{node=\"127.0.0.1:1\"} 0"),
        "{text}"
    );
    assert!(text.contains("dtle_job_status{job_id=\"wrong\""), "{text}");
});
