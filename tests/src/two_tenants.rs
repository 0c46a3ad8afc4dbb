//! A cluster that two tenants share: dtle, and somebody whose job nobody may see or
//! touch through this API.

use local::gateway::Server;
use nomad_sim::{NomadSim, Options};
use serde_json::json;

use crate::cluster::{job, running};
use crate::{Client, PATIENCE, Proxy, gateway};

/// The other tenant's job.
pub const FOREIGN: &str = "foreign-tenant";
/// A text in its configuration.
pub const FOREIGN_TEXT: &str = "text-of-the-other-tenant";

/// A cluster that two tenants share, the way to it watched.
pub struct TwoTenants {
    /// The Nomad itself.
    pub direct: Client,
    /// The way to it.
    pub proxy: Proxy,
    /// The gateway.
    pub api: Client,
    /// The allocations and evaluations of the job `own`.
    pub own: Vec<String>,
    /// Those of the other tenant's job.
    pub foreign: Vec<String>,
    /// The only node.
    pub node: String,
    _nomad: NomadSim,
    _server: Server,
}

impl TwoTenants {
    /// Both tenants' jobs run.
    ///
    /// # Panics
    /// When they cannot be registered.
    pub async fn start() -> Self {
        let nomad = NomadSim::start(Options {
            version: Some("4.23.04.0".to_owned()),
            ..Options::default()
        })
        .await
        .unwrap();
        let direct = Client::of_url(&nomad.url());
        let foreign_job = json!({"Job": {
            "ID": FOREIGN, "Name": FOREIGN, "Type": "service", "Datacenters": ["dc1"],
            "Meta": {"note": FOREIGN_TEXT},
            "TaskGroups": [{"Name": FOREIGN, "Tasks": [{
                "Name": FOREIGN, "Driver": "mock_driver",
                "Config": {"run_for": "87600h", "stdout_string": FOREIGN_TEXT},
                "Resources": {"CPU": 50, "MemoryMB": 20},
            }]}],
        }});
        let answer = direct.put_json("/v1/jobs", &foreign_job).await;
        assert_eq!(answer.status, 200, "{}", answer.shown());
        let proxy = Proxy::start(nomad.address()).await;
        let (server, api) = gateway(&proxy.url(), &[("DTLE_DEADLINE", "25s")]).await;
        api.post_json("/v1/jobs", &job("own")).await.succeeds();
        running(&api, "own", PATIENCE).await;
        let ids = async |path: String| -> Vec<String> {
            let list = direct.get(&path).await.json();
            let list = list.as_array().unwrap().iter();
            list.map(|one| one["ID"].as_str().unwrap().to_owned())
                .collect()
        };
        let mut foreign = ids(format!("/v1/job/{FOREIGN}/allocations")).await;
        assert!(!foreign.is_empty());
        foreign.extend(ids(format!("/v1/job/{FOREIGN}/evaluations")).await);
        let mut own = ids("/v1/job/own/allocations".to_owned()).await;
        own.extend(ids("/v1/job/own/evaluations".to_owned()).await);
        let node = ids("/v1/nodes".to_owned()).await.remove(0);
        proxy.forget();
        Self {
            direct,
            proxy,
            api,
            own,
            foreign,
            node,
            _nomad: nomad,
            _server: server,
        }
    }
}
