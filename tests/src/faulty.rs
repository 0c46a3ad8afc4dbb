//! Nomad behind servers that things happen to, and every route asked once.

use std::time::{Duration, Instant};

use dtle_api::document::{Id, Query};
use dtle_api::route::Route;
use dtle_api::routes::TABLE;
use futures_util::future::join_all;
use local::gateway::Server;
use nomad_sim::{NomadSim, Options};
use serde_json::Value;

use crate::cluster::{job, running};
use crate::gateway::{Records, recorded_gateway};
use crate::proxy::{Fault, Which};
use crate::{Answer, Client, PATIENCE, Process, Proxy};

/// A Nomad behind one proxy or several, and the gateway in front of them all.
pub struct Faulty {
    /// The Nomad.
    pub nomad: NomadSim,
    /// What the gateway takes for its servers.
    pub servers: Vec<Proxy>,
    /// The gateway.
    pub api: Client,
    /// What was recorded of its requests.
    pub records: Records,
    _gateway: Server,
    objects: Objects,
}

/// What the routes are asked about.
struct Objects {
    allocation: String,
    evaluation: String,
    node: String,
    peer: String,
}

impl Faulty {
    /// Behind that many servers, the gateway with that `DTLE_DEADLINE`.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub async fn start(servers: usize, deadline: &str) -> Self {
        let nomad = NomadSim::start(Options {
            version: Some("4.23.04.0".to_owned()),
            atomic_enforce_index: true,
            ..Options::default()
        })
        .await
        .unwrap();
        let mut proxies = Vec::new();
        for _ in 0..servers {
            proxies.push(Proxy::start(nomad.address()).await);
        }
        let urls: Vec<String> = proxies.iter().map(Proxy::url).collect();
        let settings = [("DTLE_DEADLINE", deadline), ("DTLE_LAYOUT", "merged")];
        let (server, api, records) = recorded_gateway(&urls.join(","), &settings).await;
        for id in ["kept", "to-pause", "to-resume", "to-change", "to-delete"] {
            api.post_json("/v1/jobs", &job(id)).await.succeeds();
        }
        running(&api, "kept", PATIENCE).await;
        api.post("/v1/job/to-resume/pause").await.succeeds();
        let first = |list: Value| list[0]["ID"].as_str().unwrap().to_owned();
        let objects = Objects {
            allocation: first(api.get("/v1/job/kept/allocations").await.ok()),
            evaluation: first(api.get("/v1/job/kept/evaluations").await.ok()),
            node: first(api.get("/v1/nodes").await.ok()),
            peer: {
                let raft = api.get("/v1/operator/raft/configuration").await.ok();
                raft["Servers"][0]["Address"].as_str().unwrap().to_owned()
            },
        };
        Self {
            nomad,
            servers: proxies,
            api,
            records,
            _gateway: server,
            objects,
        }
    }

    /// Every route of the table once, by its first method and path.
    ///
    /// # Panics
    /// When the row of a route does not say what the `{id}` of its path is.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        TABLE.iter().map(|route| self.request(route)).collect()
    }

    fn request(&self, route: &Route) -> Request {
        let Objects {
            allocation,
            evaluation,
            node,
            peer,
        } = &self.objects;
        // Each write has a job of its own, so that all can be asked at once.
        let job_id = match route.function {
            "job-delete" => "to-delete",
            "job-pause" => "to-pause",
            "job-resume" => "to-resume",
            "job-update" => "to-change",
            "jobs-register" => "new",
            _ => "kept",
        };
        let id = || match route.doc.id.expect("what the id is") {
            Id::Job => job_id,
            Id::Allocation => allocation,
            Id::Evaluation => evaluation,
            Id::Node => node,
            Id::Order => "1",
        };
        let mut target = route.paths[0].to_owned();
        if target.contains("{id}") {
            target = target.replace("{id}", id());
        }
        for query in route.doc.query {
            match query {
                Query::Address => target.push_str(&format!("?address={peer}")),
                Query::Addresses => target.push_str("?address=127.0.0.1:1"),
                Query::Node => target.push_str("?node=x"),
                _ => {}
            }
        }
        let body = route.doc.body.map_or(Value::Null, |_| job(job_id));
        Request::new(route.function, route.methods[0], target, body)
    }

    /// All routes at once, in their order.
    pub async fn all(&self) -> Vec<Outcome> {
        let requests = self.requests();
        join_all(requests.iter().map(|request| request.send(&self.api))).await
    }
}

/// One request of a route.
pub struct Request {
    /// The route, as its function is called.
    pub route: &'static str,
    /// The method.
    pub method: &'static str,
    target: String,
    body: Value,
}

/// What became of a request.
pub struct Outcome {
    /// The route, as its function is called.
    pub route: &'static str,
    /// The answer.
    pub answer: Answer,
    /// How long it took.
    pub took: Duration,
}

impl Request {
    /// Without a body where that is null.
    #[must_use]
    pub fn new(route: &'static str, method: &'static str, target: String, body: Value) -> Self {
        Self {
            route,
            method,
            target,
            body,
        }
    }

    /// Sends it.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn send(&self, api: &Client) -> Outcome {
        let body = match &self.body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let began = Instant::now();
        let answer = api.send(self.method, &self.target, &[], &body);
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        Outcome {
            route: self.route,
            answer: answer.unwrap_or_else(|_| panic!("{} does not answer", self.target)),
            took: began.elapsed(),
        }
    }
}

/// What can be wrong with a server: a name, and how it is done. `None`: nobody
/// listens.
#[must_use]
pub fn faults() -> Vec<(&'static str, Option<Fault>)> {
    let text = |status, body| Some(Fault::Answer(status, "text/plain; charset=utf-8", body));
    let page = |status| {
        let body = "<html><body>Please log in</body></html>";
        Some(Fault::Answer(status, "text/html; charset=utf-8", body))
    };
    vec![
        ("refuses", None),
        ("resets", Some(Fault::Reset)),
        ("stalls", Some(Fault::Stall)),
        ("truncates", Some(Fault::Truncate)),
        ("429", text(429, "Too many requests")),
        ("500", text(500, "something of Nomad's own")),
        ("502", text(502, "bad gateway")),
        ("503", text(503, "unavailable")),
        ("504", text(504, "timeout")),
        ("403", text(403, "Permission denied")),
        ("HTML 200", page(200)),
        ("HTML 404", page(404)),
        ("no leader", text(500, "No cluster leader")),
        (
            "no connection to the leader",
            text(
                500,
                "rpc error: failed to get conn: dial tcp 10.0.0.1:4647: connect: connection refused",
            ),
        ),
        ("the leader is gone", text(500, "rpc error: EOF")),
        (
            "leadership lost",
            text(500, "rpc error: leadership lost while committing log"),
        ),
    ]
}

/// Every route in turn after the connections that the gateway keeps have died; how long
/// that took. None of them may say that Nomad cannot be reached.
///
/// # Panics
/// When one does.
pub async fn after_dead_connections(silently: bool) -> Duration {
    let faulty = Faulty::start(1, "20s").await;
    // A list of many jobs leaves many connections behind.
    for number in 0..8 {
        let id = format!("more-{number}");
        faulty.api.post_json("/v1/jobs", &job(&id)).await.succeeds();
    }
    faulty.api.get("/v1/jobs").await.succeeds();
    faulty.servers[0].lose_connections(silently);
    let began = Instant::now();
    for request in faulty.requests() {
        let outcome = request.send(&faulty.api).await;
        assert_ne!(
            outcome.answer.status,
            502,
            "{}: {}",
            outcome.route,
            outcome.answer.shown()
        );
    }
    began.elapsed()
}

/// Reads and changes by a process that was frozen while its connections died; how long they
/// took, after a reset and after silence.
///
/// # Panics
/// When one fails.
pub async fn after_a_freeze() -> [Duration; 2] {
    let faulty = Faulty::start(1, "20s").await;
    let process = Process::start(&faulty.servers[0].url(), &[("DTLE_LAYOUT", "merged")]);
    let mut took = [Duration::ZERO; 2];
    for silently in [false, true] {
        process.api.get("/v1/jobs").await.succeeds();
        process.signal("STOP");
        faulty.servers[0].lose_connections(silently);
        tokio::time::sleep(Duration::from_millis(300)).await;
        process.signal("CONT");
        let began = Instant::now();
        let id = format!("after-{silently}");
        process.api.get("/v1/job/kept").await.succeeds();
        process
            .api
            .post_json("/v1/jobs", &job(&id))
            .await
            .succeeds();
        process
            .api
            .delete(&format!("/v1/job/{id}"))
            .await
            .succeeds();
        took[usize::from(silently)] = began.elapsed();
    }
    took
}

/// Every route that reads, several times at once, while Nomad is slow; how long that took.
///
/// # Panics
/// When one fails.
pub async fn while_nomad_is_slow(deadline: &str) -> Duration {
    let faulty = Faulty::start(1, deadline).await;
    let slow = Fault::Delay(Duration::from_millis(400));
    faulty.servers[0].set(slow, Which::All);
    let requests = faulty.requests();
    let began = Instant::now();
    let many = (0..6).flat_map(|_| requests.iter().filter(|r| r.method == "GET"));
    let outcomes = join_all(many.map(|request| request.send(&faulty.api))).await;
    for outcome in outcomes {
        assert!(
            outcome.answer.status == 200 || outcome.route == "unsupported",
            "{} after {:?}: {}",
            outcome.route,
            outcome.took,
            outcome.answer.shown()
        );
    }
    began.elapsed()
}
