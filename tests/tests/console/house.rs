//! The gateway with an in-memory Nomad behind it, and jobs in every state.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use dtle_api::App;
use dtle_api::auth::{Callers, Scope, Tokens, new_token};
use dtle_api::settings::Settings;
use local::gateway::{Gateway, Server, Template, serve};
use serde_json::{Value, json};
use tests::cluster::job;
use tests::{Cluster, Generation, Proxy, eventually};

use crate::browser::{Browser, Reader};

/// A gateway with a Nomad of its own.
pub(crate) struct House {
    /// The Nomad, behind a gateway of the test's own.
    pub(crate) cluster: Cluster,
    /// What stands between the gateway and the Nomad.
    pub(crate) way: Proxy,
    /// Tokens that may read, and write, where any are asked for.
    pub(crate) tokens: Option<(String, String)>,
    asked: Arc<Mutex<Vec<String>>>,
    address: SocketAddr,
    server: Option<Server>,
}

impl House {
    /// Open to everybody.
    pub(crate) async fn open() -> Self {
        Self::build(None).await
    }

    /// Open to those who have a token.
    pub(crate) async fn locked() -> Self {
        let (reader, first) = new_token("reader", Scope::Read).unwrap();
        let (writer, second) = new_token("writer", Scope::Write).unwrap();
        let list = Tokens::parse(&json!({"tokens": [first, second]}).to_string()).unwrap();
        let mut house = Self::build(Some(Callers::WithToken(list))).await;
        house.tokens = Some((reader.expose().to_owned(), writer.expose().to_owned()));
        house
    }

    async fn build(callers: Option<Callers>) -> Self {
        // A task that fails is given up at once.
        let cluster = Cluster::with(Generation::Merged, &[("DTLE_RESTART_ATTEMPTS", "0")]).await;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let way = Proxy::start(cluster.nomad.address()).await;
        let server = listen(&cluster, &way, &asked, callers, any).await;
        Self {
            address: server.address(),
            tokens: None,
            server: Some(server),
            cluster,
            way,
            asked,
        }
    }

    /// Ends the gateway, not its Nomad.
    pub(crate) async fn falls(&mut self) {
        self.server.take().unwrap().shutdown().await;
    }

    /// Starts it again where it was.
    pub(crate) async fn rises(&mut self) {
        self.server = Some(listen(&self.cluster, &self.way, &self.asked, None, self.address).await);
    }

    /// A browser at the console.
    pub(crate) async fn visit(&self, reader: Reader, page: &str) -> Browser {
        Browser::open(reader, &format!("http://{}", self.address), page).await
    }

    /// The functions that were asked, the console's apart, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|it| *it != "console")
            .cloned()
            .collect()
    }

    /// Checks that nothing was asked for that shows passwords, and that the statistics
    /// were asked for so many times.
    pub(crate) fn was_asked_with_care(&self, statistics: usize) {
        let asked = self.asked();
        for function in ["job-get", "allocation-get", "node-allocations"] {
            assert!(!asked.iter().any(|it| it == function), "{function}");
        }
        let found = asked.iter().filter(|it| *it == "allocation-stats").count();
        assert_eq!(found, statistics, "{asked:?}");
    }

    /// Makes a job, and waits for its status.
    pub(crate) async fn has(&self, job: &Value, status: &str) {
        let id = self.cluster.create(job).await;
        self.comes_to(&id, status).await;
    }

    /// Waits for a job's status.
    pub(crate) async fn comes_to(&self, id: &str, status: &str) {
        eventually(&format!("{id} {status}"), async || {
            let job = self.cluster.read(id).await;
            if job["Status"] == status {
                Ok(())
            } else {
                Err(job)
            }
        })
        .await;
    }

    /// Jobs in every state that the cluster brings about by itself.
    pub(crate) async fn with_jobs(self) -> Self {
        self.has(&job("orders"), "running").await;
        self.has(&failing("billing"), "dead").await;
        self.has(&homeless("warehouse"), "pending").await;
        self.has(&job("hr"), "running").await;
        self.cluster.api.post("/v1/job/hr/pause").await.succeeds();
        self.comes_to("hr", "pause").await;
        self
    }
}

async fn listen(
    cluster: &Cluster,
    way: &Proxy,
    asked: &Arc<Mutex<Vec<String>>>,
    callers: Option<Callers>,
    address: SocketAddr,
) -> Server {
    let (nomad, consul) = (way.url(), cluster.nomad.consul_url());
    let settings = Settings::from_lookup(|name| match name {
        "NOMAD_ADDR" => Some(nomad.clone()),
        "CONSUL_HTTP_ADDR" => Some(consul.clone()),
        "DTLE_RESTART_ATTEMPTS" => Some("0".to_owned()),
        _ => None,
    });
    let mut app = App::new(settings.unwrap()).unwrap();
    let asked = Arc::clone(asked);
    app.observer = Box::new(move |record| {
        asked.lock().unwrap().push(record.route.to_owned());
    });
    let mut gateway = Gateway::new(Arc::new(app), Template::built_in().unwrap()).unwrap();
    if let Some(callers) = callers {
        gateway = gateway.with_callers(callers);
    }
    serve(gateway, address).await.unwrap()
}

/// A job whose source refuses connections.
pub(crate) fn failing(id: &str) -> Value {
    let mut job = job(id);
    job["Tasks"][0]["Config"]["ConnectionConfig"]["Port"] = json!(1);
    job
}

/// What it dies of, in the words of Go's network library.
pub(crate) const REFUSED: &str = "dial tcp 10.9.8.7:1: connect: connection refused";

/// A job that wants a node that there is not.
pub(crate) fn homeless(id: &str) -> Value {
    let mut job = job(id);
    job["Tasks"][1]["NodeName"] = json!("nowhere");
    job
}
