//! The API under test: the local gateway, on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use dtle_api::App;
use dtle_api::observe::{Record, to_log};
use dtle_api::settings::Settings;
use local::gateway::{Gateway, Server, Template, serve};
use nomad_sim::Plugin;

use crate::Client;

/// A generation of the dtle plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// 3.20.10: each task has its own Config.
    Split,
    /// 4.23.04: the Src task has everything.
    Merged,
}

impl Generation {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Split, Self::Merged];

    /// What `DTLE_LAYOUT` calls it.
    #[must_use]
    pub fn layout(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Merged => "merged",
        }
    }

    /// The recordings of a Nomad that runs it.
    #[must_use]
    pub fn recordings(self) -> &'static str {
        match self {
            Self::Split => "nomad-1.1.2-dtle-3.20.10",
            Self::Merged => "nomad-1.1.2-dtle-4.23.04",
        }
    }

    /// The plugin's version, as a node says it.
    #[must_use]
    pub fn release(self) -> &'static str {
        match self {
            Self::Split => "3.20.10.0",
            Self::Merged => "4.23.04.0",
        }
    }

    /// The in-memory Nomad's name for it.
    #[must_use]
    pub fn plugin(self) -> Plugin {
        match self {
            Self::Split => Plugin::V3,
            Self::Merged => Plugin::V4,
        }
    }
}

/// The gateway in front of a Nomad, with further settings as the environment
/// would have them.
///
/// # Panics
/// When it cannot be set up.
pub async fn gateway(nomad: &str, settings: &[(&str, &str)]) -> (Server, Client) {
    let (server, client, _) = recorded_gateway(nomad, settings).await;
    (server, client)
}

/// The records of requests, in the order in which they were answered.
pub type Records = Arc<Mutex<Vec<Record>>>;

/// The same, with the record of every request.
///
/// # Panics
/// When it cannot be set up.
pub async fn recorded_gateway(nomad: &str, settings: &[(&str, &str)]) -> (Server, Client, Records) {
    let settings = Settings::from_lookup(|name| match name {
        "NOMAD_ADDR" => Some(nomad.to_owned()),
        _ => settings
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned()),
    })
    .expect("settings");
    let mut app = App::new(settings).expect("an app");
    let records = Records::default();
    app.observer = Box::new({
        let records = Arc::clone(&records);
        move |record| {
            to_log(record);
            records.lock().unwrap().push(record.clone());
        }
    });
    let gateway =
        Gateway::new(Arc::new(app), Template::built_in().expect("the template")).expect("routes");
    let server = serve(gateway, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .expect("a free port");
    let client = Client::new(server.address());
    (server, client, records)
}

/// A test for each generation of the plugin, under one name.
#[macro_export]
macro_rules! on_both {
    ($name:ident, async |$generation:ident| $body:block) => {
        mod $name {
            use super::*;

            async fn check($generation: $crate::Generation) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_3_20_10() {
                check($crate::Generation::Split).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_4_23_04() {
                check($crate::Generation::Merged).await;
            }
        }
    };
}
