//! What a write asks of Nomad and leaves there: as few calls as its release allows,
//! nothing that is a version's own, and no restart for nothing.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::time::{Duration, Instant};

use local::gateway::Server;
use nomad_sim::{NomadSim, Options};
use serde_json::{Value, json};
use tests::cluster::{job, running};
use tests::contention::is_conflict;
use tests::proxy::{Fault, Received, Which};
use tests::{Client, PATIENCE, Proxy, gateway};

/// A Nomad of some release, and two gateways with a proxy each before it.
struct Setup {
    _nomad: NomadSim,
    direct: Client,
    proxies: Vec<Proxy>,
    apis: Vec<Client>,
    _servers: Vec<Server>,
}

impl Setup {
    async fn start(build: &str) -> Self {
        Self::of(build, Options::default()).await
    }

    /// With options of the Nomad besides its release.
    async fn of(build: &str, options: Options) -> Self {
        let write_window = options.write_window.max(Duration::from_millis(20));
        let nomad = NomadSim::start(Options {
            version: Some("4.23.04.0".to_owned()),
            build: build.to_owned(),
            atomic_enforce_index: build.starts_with('2'),
            write_window,
            ..options
        })
        .await
        .unwrap();
        let (mut proxies, mut apis, mut servers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..2 {
            let proxy = Proxy::start(nomad.address()).await;
            let (server, api) = gateway(&proxy.url(), &[("DTLE_LAYOUT", "merged")]).await;
            proxies.push(proxy);
            servers.push(server);
            apis.push(api);
        }
        Self {
            direct: Client::of_url(&nomad.url()),
            _nomad: nomad,
            proxies,
            apis,
            _servers: servers,
        }
    }

    /// What the first gateway asked, method and path each.
    fn asked(&self) -> Vec<String> {
        let log = self.proxies[0].log();
        let line = |one: &Received| {
            let path = one.target.split('?').next().unwrap_or_default();
            format!("{} {path}", one.method)
        };
        log.iter().map(line).collect()
    }

    /// The documents that the gateways sent to be registered.
    fn sent(&self) -> Vec<Value> {
        let logs = self.proxies.iter().flat_map(Proxy::log);
        let writes = logs.filter(|one| one.method == "PUT" && one.target.starts_with("/v1/jobs"));
        writes
            .map(|one| serde_json::from_slice::<Value>(&one.body).unwrap()["Job"].clone())
            .collect()
    }

    async fn versions(&self, id: &str) -> Vec<Value> {
        let answer = self.direct.get(&format!("/v1/job/{id}/versions")).await;
        answer.json()["Versions"].as_array().unwrap().clone()
    }
}

fn named(id: &str, name: &str) -> Value {
    let mut job = job(id);
    job["Name"] = json!(name);
    job
}

const MEMBERS: &str = "GET /v1/agent/members";
const VERSIONS: &str = "GET /v1/job/x/versions";

const READ: &str = "GET /v1/job/x";
const WRITE: &str = "PUT /v1/jobs";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_are_read_back_only_where_a_server_is_older_than_2_0_1() {
    for (build, is_read_back) in [
        ("1.1.2", true),
        ("2.0.0", true),
        ("dev", true),
        ("2.0.1", false),
        ("2.0.5+ent", false),
    ] {
        let setup = Setup::start(build).await;
        let api = &setup.apis[0];
        api.post_json("/v1/jobs", &job("x")).await.succeeds();
        // The first write of all asks for the release, which is remembered.
        let asked = setup.asked();
        let members = asked.iter().filter(|one| *one == MEMBERS).count();
        assert_eq!(members, 1, "{build}: {asked:?}");
        // What a document does not say Nomad fills in, and that is to stay: the first
        // change of it begins with what Nomad has.
        let mut sent = setup.versions("x").await[0].clone();
        sent["Priority"] = json!(70);
        for (is_sent, name) in [(false, "first"), (true, "next")] {
            if is_sent {
                let body = json!({ "Job": sent });
                api.put_json("/v1/job/x", &body).await.succeeds();
            }
            setup.proxies[0].forget();
            api.put_json("/v1/job/x", &named("x", name))
                .await
                .succeeds();
            let asked = setup.asked();
            assert_eq!(asked[..2], [READ, WRITE], "{build} {name}");
        }
        setup.proxies[0].forget();
        api.put_json("/v1/job/x", &named("x", "other"))
            .await
            .succeeds();
        api.post("/v1/job/x/pause").await.succeeds();
        let one = match is_read_back {
            // What was sent is what the next change begins with.
            true => [WRITE, READ],
            false => [READ, WRITE],
        };
        assert_eq!(setup.asked(), one.repeat(2), "{build}");
    }
}

/// The number of a version tells whether it follows the one that was changed, not
/// whether that one stands: where nobody has looked yet, the versions are read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_versions_are_read_where_the_number_does_not_tell() {
    let setup = Setup::start("1.1.2").await;
    let (first, second) = (&setup.apis[0], &setup.apis[1]);
    first.post_json("/v1/jobs", &job("x")).await.succeeds();
    let rename = async |api: &Client, name: &str| {
        let answer = api.put_json("/v1/job/x", &named("x", name)).await;
        answer.succeeds();
    };
    rename(first, "one").await;
    // This version is another process's.
    rename(second, "two").await;
    setup.proxies[0].forget();
    rename(first, "three").await;
    rename(first, "four").await;
    // Nomad refuses the first write: it is one of the version before.
    let by_versions = [WRITE, READ, WRITE, VERSIONS];
    let by_number = [READ, WRITE, READ];
    assert_eq!(setup.asked(), [&by_versions[..], &by_number].concat());

    // This one is that of other hands.
    let mut document = setup.versions("x").await[0].clone();
    document["Priority"] = json!(70);
    let by_others = json!({ "Job": document });
    let answer = setup.direct.put_json("/v1/jobs", &by_others).await;
    assert_eq!(answer.status, 200, "{}", answer.shown());
    setup.proxies[0].forget();
    rename(first, "five").await;
    assert_eq!(setup.asked(), by_versions);
}

/// A job that is made anew counts its versions from 0, so that a write of the job before
/// can have the number that it would have had there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_tells_nothing_where_the_job_was_made_anew() {
    let options = Options {
        write_window: Duration::from_secs(2),
        ..Options::default()
    };
    let setup = Setup::of("1.1.2", options).await;
    let api = &setup.apis[0];
    api.post_json("/v1/jobs", &job("x")).await.succeeds();
    let index = setup.versions("x").await[0]["JobModifyIndex"].clone();
    let mut of_others = setup.versions("x").await[0].clone();
    of_others["Meta"] = json!({ "of": "others" });
    setup.proxies[0].forget();
    let mut body = named("x", "late");
    body["EnforceIndex"] = json!(true);
    body["JobModifyIndex"] = index;
    let late = api.put_json("/v1/job/x", &body);
    let anew = async {
        while !setup.asked().iter().any(|one| one == WRITE) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The proxy has passed the write on; Nomad checks its index within that time.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let purged = setup.direct.delete("/v1/job/x?purge=true").await;
        assert_eq!(purged.status, 200, "{}", purged.shown());
        let body = json!({ "Job": of_others });
        let made = setup.direct.put_json("/v1/jobs", &body).await;
        assert_eq!(made.status, 200, "{}", made.shown());
    };
    let (late, ()) = tokio::join!(late, anew);
    let versions = setup.versions("x").await;
    assert_eq!(versions.len(), 3, "both were applied, and one put back");
    assert_eq!(versions[1]["Version"], 1);
    assert!(is_conflict(&late), "{} {}", late.status, late.shown());
    assert_eq!(versions[0]["Meta"], json!({ "of": "others" }));
}

/// What this process has written is only good for a change, which Nomad refuses if it is
/// not what is there. All else is decided on what Nomad has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_has_written_is_no_answer() {
    let setup = Setup::start("1.1.2").await;
    let (first, second) = (&setup.apis[0], &setup.apis[1]);
    first.post_json("/v1/jobs", &job("x")).await.succeeds();
    first.post("/v1/job/x/pause").await.succeeds();
    // It is paused for this process, and runs.
    second.post("/v1/job/x/resume").await.succeeds();
    let paused = first.post("/v1/job/x/pause").await.ok();
    assert_eq!(paused["Success"], true);
    // The other way round.
    second.post("/v1/job/x/resume").await.succeeds();
    second.post("/v1/job/x/pause").await.succeeds();
    let again = second.post("/v1/job/x/pause").await.ok();
    assert_eq!(again["Success"], false);
    first.post("/v1/job/x/resume").await.succeeds();

    // An index that was the last one here, and is not any more.
    let read = first.get("/v1/job/x").await.ok();
    second
        .put_json("/v1/job/x", &named("x", "theirs"))
        .await
        .succeeds();
    let mut late = named("x", "late");
    late["EnforceIndex"] = json!(true);
    late["JobModifyIndex"] = read["JobModifyIndex"].clone();
    let answer = first.put_json("/v1/job/x", &late).await;
    assert!(is_conflict(&answer), "{} {}", answer.status, answer.shown());
    assert_eq!(first.get("/v1/job/x").await.ok()["Name"], "theirs");

    // The next index, which this process does not know yet.
    let read = second.get("/v1/job/x").await.ok();
    late["JobModifyIndex"] = read["JobModifyIndex"].clone();
    first.put_json("/v1/job/x", &late).await.succeeds();

    // A job that is gone, and one that is another tenant's now.
    assert_eq!(second.delete("/v1/job/x").await.status, 200);
    assert_eq!(first.post("/v1/job/x/pause").await.status, 404);
    first.post_json("/v1/jobs", &job("x")).await.succeeds();
    let mut document = setup.versions("x").await[0].clone();
    let last = document["JobModifyIndex"].clone();
    for group in document["TaskGroups"].as_array_mut().unwrap() {
        group["Tasks"][0]["Driver"] = json!("exec");
    }
    let theirs = json!({ "Job": document });
    assert_eq!(setup.direct.put_json("/v1/jobs", &theirs).await.status, 200);
    let index = setup.versions("x").await[0]["JobModifyIndex"].clone();
    assert_eq!(first.post("/v1/job/x/pause").await.status, 404);
    let mut ours = named("x", "ours");
    let answer = first.put_json("/v1/job/x", &ours).await;
    assert_eq!(answer.status, 404, "{}", answer.shown());
    // Nor is their index told to who sets the one that was the last one here.
    ours["EnforceIndex"] = json!(true);
    ours["JobModifyIndex"] = last;
    let answer = first.put_json("/v1/job/x", &ours).await;
    assert_eq!(answer.status, 404, "{}", answer.shown());
    assert_eq!(setup.versions("x").await[0]["JobModifyIndex"], index);
}

/// A process that changes a job again begins with what it has sent. What comes of it is
/// what comes of beginning with what Nomad has, as two do who take turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_has_written_is_what_nomad_has() {
    let moved = |failover: bool| {
        let mut job = named("x", "moved");
        job["Failover"] = json!(failover);
        job["Tasks"][0]["NodeName"] = json!("nomad-dtle");
        job["Tasks"][0]["Config"]["ChunkSize"] = json!(9_007_199_254_740_993_u64);
        job["Tasks"][0]["Config"]["ReplicateDoDb"] = json!([{"TableSchema": "${a}"}]);
        job
    };
    let mut all = Vec::new();
    for takers in [1, 2] {
        let options = Options {
            job_tracked_versions: 100,
            ..Options::default()
        };
        let setup = Setup::of("1.1.2", options).await;
        let mut turns = setup.apis.iter().take(takers).cycle();
        let mut next = || turns.next().unwrap();
        next().post_json("/v1/jobs", &job("x")).await.succeeds();
        for priority in [60, 70] {
            next()
                .put_json("/v1/job/x", &named("x", "other"))
                .await
                .succeeds();
            next().put_json("/v1/job/x", &moved(true)).await.succeeds();
            next().post("/v1/job/x/pause").await.succeeds();
            next().put_json("/v1/job/x", &moved(false)).await.succeeds();
            next().post("/v1/job/x/pause").await.succeeds();
            next().post("/v1/job/x/resume").await.succeeds();
            // A Nomad job, in which Nomad reads every name and fills in the rest.
            let mut theirs = setup.versions("x").await[0].clone();
            let theirs = theirs.as_object_mut().unwrap();
            theirs.insert("Priority".to_owned(), json!(priority));
            let mut group = theirs["TaskGroups"][0].take();
            group.as_object_mut().unwrap().remove("Count");
            group["count"] = json!(1);
            theirs["TaskGroups"][0] = group;
            let theirs = json!({ "job": theirs });
            next().put_json("/v1/job/x", &theirs).await.succeeds();
            next().post("/v1/job/x/pause").await.succeeds();
            next().post("/v1/job/x/resume").await.succeeds();
        }
        let mut versions = setup.versions("x").await;
        for version in &mut versions {
            let text = version["Meta"]["dtle2"].as_str().unwrap();
            let mut kept: Value = serde_json::from_str(text).unwrap();
            for own in ["Mark", "Started"] {
                kept.as_object_mut().unwrap().remove(own);
            }
            version["Meta"]["dtle2"] = kept;
            for own in ["JobModifyIndex", "ModifyIndex", "Status", "SubmitTime"] {
                version.as_object_mut().unwrap().remove(own);
            }
        }
        all.push(versions);
    }
    assert_eq!(all[0].len(), 19);
    assert_eq!(all[0], all[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_cannot_be_asked_are_taken_for_old_ones() {
    let setup = Setup::start("2.0.5").await;
    let text = r#""build":"2.0.5""#;
    setup.proxies[0].set(Fault::Replace(text, "x"), Which::All);
    setup.apis[0]
        .post_json("/v1/jobs", &job("x"))
        .await
        .succeeds();
    let asked = setup.asked();
    assert_eq!(asked[..4], [READ, WRITE, MEMBERS, READ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_never_ask_for_the_release() {
    let setup = Setup::start("1.1.2").await;
    setup.apis[1]
        .post_json("/v1/jobs", &job("x"))
        .await
        .succeeds();
    for target in [
        "/v1/jobs",
        "/v1/job/x",
        "/v1/job/x/allocations",
        "/v1/nodes",
        "/v1/allocations",
    ] {
        setup.apis[0].get(target).await.succeeds();
    }
    setup.apis[0]
        .post("/v1/job/none/pause")
        .await
        .fails(404, "job not found");
    let asked = setup.asked();
    assert!(!asked.iter().any(|one| one == MEMBERS), "{asked:?}");
}

/// Nomad gives each version a number, and operators give one a tag (from 1.9): a
/// change that sent them back would take the tag along, or a number that is taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_sends_back_neither_version_nor_tag() {
    let setup = Setup::start("1.1.2").await;
    let api = &setup.apis[0];
    api.post_json("/v1/jobs", &job("x")).await.succeeds();
    let tag = r#""VersionTag":{"Name":"golden"},"Stable":"#;
    setup.proxies[0].set(Fault::Replace(r#""Stable":"#, tag), Which::All);
    setup.proxies[0].forget();
    // The same once more is no change, and the version keeps its tag.
    api.put_json("/v1/job/x", &job("x")).await.succeeds();
    api.put_json("/v1/job/x", &named("x", "other"))
        .await
        .succeeds();
    api.post("/v1/job/x/pause").await.succeeds();
    api.post("/v1/job/x/resume").await.succeeds();
    let whole = json!({"Job": setup.versions("x").await[0].clone()});
    let mut tagged = whole.clone();
    tagged["Job"]["VersionTag"] = json!({"Name": "golden"});
    tagged["Job"]["Priority"] = json!(70);
    api.put_json("/v1/job/x", &tagged).await.succeeds();
    let sent = setup.sent();
    assert_eq!(sent.len(), 5);
    for (number, document) in sent.iter().enumerate() {
        assert_eq!(document.get("Version"), None, "{number}");
        assert_eq!(
            document.get("VersionTag").is_some(),
            number == 0,
            "{number}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_back_is_the_first_of_two_without_its_number_and_tag() {
    let setup = Setup::start("1.1.2").await;
    setup.apis[0]
        .post_json("/v1/jobs", &job("x"))
        .await
        .succeeds();
    let tag = r#""VersionTag":{"Name":"golden"},"Stable":"#;
    for proxy in &setup.proxies {
        proxy.set(Fault::Replace(r#""Stable":"#, tag), Which::All);
        proxy.forget();
    }
    let index = setup.versions("x").await[0]["JobModifyIndex"].clone();
    let change = async |writer: usize| {
        let mut body = named("x", &format!("of {writer}"));
        body["EnforceIndex"] = json!(true);
        body["JobModifyIndex"] = index.clone();
        setup.apis[writer].put_json("/v1/job/x", &body).await
    };
    let answers: [_; 2] = tokio::join!(change(0), change(1)).into();
    let winner = answers
        .iter()
        .position(|answer| answer.status == 200)
        .unwrap();
    assert!(
        is_conflict(&answers[1 - winner]),
        "{}",
        answers[1 - winner].shown()
    );
    // Two changes, and one of them put back: with what it said, and a mark of its own.
    let versions = setup.versions("x").await;
    assert_eq!(versions.len(), 4);
    let text = |version: &Value| -> Value {
        serde_json::from_str(version["Meta"]["dtle2"].as_str().unwrap()).unwrap()
    };
    let (back, first) = (text(&versions[0]), text(&versions[2]));
    assert_eq!(back["Name"], format!("of {winner}"));
    assert_eq!(back["Name"], first["Name"]);
    assert_eq!(back["Mark"]["Base"], versions[2]["JobModifyIndex"]);
    assert_ne!(back["Mark"]["Name"], first["Mark"]["Name"]);
    assert_eq!(versions[0]["TaskGroups"], versions[2]["TaskGroups"]);
    for document in setup.sent() {
        assert_eq!(document.get("Version"), None);
        assert_eq!(document.get("VersionTag"), None);
    }
}

/// What an earlier release of this API kept in Meta: its marks mean nothing now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_with_the_marks_of_an_earlier_release_is_read_and_changed_as_any() {
    let setup = Setup::start("1.1.2").await;
    let api = &setup.apis[0];
    api.post_json("/v1/jobs", &job("x")).await.succeeds();
    let mut document = setup.versions("x").await[0].clone();
    let text = document["Meta"]["dtle2"].as_str().unwrap();
    let mut kept: Value = serde_json::from_str(text).unwrap();
    kept.as_object_mut().unwrap().remove("Mark");
    kept["Base"] = json!(4_711);
    kept["Write"] = json!("0b8f3c0e5d7a4f4e9f0d6c1b2a394857");
    kept["Again"] = json!("77665544332211000011223344556677");
    document["Meta"]["dtle2"] = json!(kept.to_string());
    let body = json!({"Job": document});
    assert_eq!(setup.direct.put_json("/v1/jobs", &body).await.status, 200);
    let version = async || setup.versions("x").await[0]["Version"].as_u64().unwrap();
    let before = version().await;

    let read = api.get("/v1/job/x").await.ok();
    assert_eq!(read["Name"], job("x")["Name"]);
    // Nothing changes, nothing restarts.
    api.put_json("/v1/job/x", &job("x")).await.succeeds();
    assert_eq!(version().await, before);
    assert_eq!(
        setup.versions("x").await[0]["Meta"]["dtle2"],
        kept.to_string()
    );
    // Each change is accepted, and none is taken for lost.
    api.post("/v1/job/x/pause").await.succeeds();
    api.post("/v1/job/x/resume").await.succeeds();
    let mut body = named("x", "other");
    body["EnforceIndex"] = json!(true);
    body["JobModifyIndex"] = api.get("/v1/job/x").await.ok()["JobModifyIndex"].clone();
    api.put_json("/v1/job/x", &body).await.succeeds();
    assert_eq!(version().await, before + 3);
    assert_eq!(api.get("/v1/job/x").await.ok()["Name"], "other");
}

/// Nomad restarts tasks whose Meta changed: an update that changes nothing must leave
/// every byte of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_changes_nothing_makes_no_version() {
    // From 1.11.2 on Nomad answers such a register with another index.
    for build in ["1.1.2", "2.0.0"] {
        let setup = Setup::start(build).await;
        let api = &setup.apis[0];
        api.post_json("/v1/jobs", &job("x")).await.succeeds();
        api.post("/v1/job/x/pause").await.succeeds();
        // Only a status that changes gives the job a ModifyIndex of its own, so Nomad has
        // to have stopped the tasks before they are started again.
        let end = Instant::now() + PATIENCE;
        while setup.direct.get("/v1/job/x").await.json()["Status"] != "dead" {
            assert!(Instant::now() < end, "the job does not stop");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        api.post("/v1/job/x/resume").await.succeeds();
        running(api, "x", PATIENCE).await;
        let before = setup.versions("x").await;
        assert_ne!(before[0]["ModifyIndex"], before[0]["JobModifyIndex"]);
        for _ in 0..3 {
            api.put_json("/v1/job/x", &job("x")).await.succeeds();
        }
        let whole = json!({"Job": before[0].clone()});
        api.put_json("/v1/job/x", &whole).await.succeeds();
        let now = setup.versions("x").await;
        assert_eq!(now.len(), before.len(), "{build}");
        assert_eq!(now[0]["Meta"], before[0]["Meta"], "{build}");
    }
}

/// `job_tracked_versions = 1`, which newer releases take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nomad_keeps_one_version_a_write_is_no_lost_one() {
    let options = Options {
        job_tracked_versions: 1,
        ..Options::default()
    };
    let setup = Setup::of("1.10.5", options).await;
    let api = &setup.apis[0];
    api.post_json("/v1/jobs", &job("x")).await.succeeds();
    api.put_json("/v1/job/x", &named("x", "other"))
        .await
        .succeeds();
    api.post("/v1/job/x/pause").await.succeeds();
    assert_eq!(setup.versions("x").await.len(), 1);
    assert_eq!(api.get("/v1/job/x").await.ok()["Name"], "other");
}

/// A writer who replaced a change unseen and died before he could put it back: the next
/// one does it, whatever he came for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_replacer_died_is_put_back_by_the_next_writer() {
    let setup = Setup::start("1.1.2").await;
    let api = &setup.apis[0];
    let late = async || {
        let mut document = setup.versions("x").await[0].clone();
        let base = document["JobModifyIndex"].clone();
        let text = document["Meta"]["dtle2"].as_str().unwrap();
        let mut kept: Value = serde_json::from_str(text).unwrap();
        kept["Name"] = json!("late");
        kept["Mark"] = json!({"Base": base, "Name": "of-a-writer-who-died"});
        document["Meta"]["dtle2"] = json!(kept.to_string());
        json!({"Job": document})
    };
    api.post_json("/v1/jobs", &job("x")).await.succeeds();
    let body = late().await;
    api.put_json("/v1/job/x", &named("x", "first"))
        .await
        .succeeds();
    assert_eq!(setup.direct.put_json("/v1/jobs", &body).await.status, 200);
    let read = api.get("/v1/job/x").await.ok();
    assert_eq!(read["Name"], "late");

    // Who set an index is told, and what stands is there again.
    let mut other = named("x", "other");
    other["EnforceIndex"] = json!(true);
    other["JobModifyIndex"] = read["JobModifyIndex"].clone();
    let answer = api.put_json("/v1/job/x", &other).await;
    assert!(is_conflict(&answer), "{} {}", answer.status, answer.shown());
    assert_eq!(api.get("/v1/job/x").await.ok()["Name"], "first");

    // Who set none has his change made on what stands.
    let body = late().await;
    api.put_json("/v1/job/x", &named("x", "second"))
        .await
        .succeeds();
    assert_eq!(setup.direct.put_json("/v1/jobs", &body).await.status, 200);
    api.post("/v1/job/x/pause").await.succeeds();
    let now = api.get("/v1/job/x").await.ok();
    assert_eq!(
        (&now["Name"], &now["Status"]),
        (&json!("second"), &json!("pause"))
    );
}
