//! The plugin's own metrics, which it serves on every node at its `api_addr` when its
//! `publish_metrics` is on. No attribute of a node names that address, so it is a
//! setting.

use std::time::Duration;

use dtle_outbound::{ClientError, Method, Profile, Trust, Url};
use dtle_translate::metrics::{OfNode, read};
use futures_util::{StreamExt, stream};

/// One read. Prometheus gives a scrape ten seconds unless it is told otherwise.
const CALL: Duration = Duration::from_secs(4);
/// The largest answer read, in bytes: a task has some thirty lines.
const LARGEST_ANSWER: usize = 32 << 20;
/// How many nodes are asked at the same time.
const AT_ONCE: usize = 16;

/// The plugins on the nodes.
pub struct Plugins {
    http: dtle_outbound::Client,
    addresses: Vec<Url>,
}

impl Plugins {
    /// Makes a client. No connection is opened yet.
    ///
    /// # Errors
    /// When the TLS backend cannot be set up.
    pub fn new(addresses: &[Url]) -> Result<Self, ClientError> {
        let http = dtle_outbound::Client::new(&Profile {
            connect: CALL,
            total: CALL,
            idle: 1,
            idle_for: Duration::from_secs(20),
            largest: LARGEST_ANSWER,
            trust: match addresses.iter().any(|url| url.scheme() == "https") {
                true => Trust::System,
                false => Trust::Nobody,
            },
            identity: None,
        })?;
        Ok(Self {
            http,
            addresses: addresses.to_vec(),
        })
    }

    /// What each plugin says, by its address; `None` of one that does not answer.
    pub async fn metrics(&self) -> Vec<(String, Option<OfNode>)> {
        stream::iter(self.addresses.clone())
            .map(|address| async move {
                let said = self.of_node(&address).await;
                (address.authority().to_owned(), said)
            })
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    async fn of_node(&self, address: &Url) -> Option<OfNode> {
        let url = address.join("/metrics").ok()?;
        let request = self.http.request(Method::GET, url);
        let answer = match request {
            Ok(request) => self.http.send(request).await,
            Err(fault) => Err(fault),
        };
        match answer {
            Ok(answer) if answer.status.is_success() => {
                Some(read(&String::from_utf8_lossy(&answer.body)))
            }
            Ok(answer) => {
                let status = answer.status.as_u16();
                tracing::warn!(node = %address, status, "the plugin's metrics are missing");
                None
            }
            Err(fault) => {
                let cause = fault.to_string();
                tracing::warn!(node = %address, cause, "the plugin's metrics are missing");
                None
            }
        }
    }
}
