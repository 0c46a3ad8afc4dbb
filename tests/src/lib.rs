//! What the tests share.
//!
//! | module | what it is |
//! |---|---|
//! | [`client`] | sends a request and hides nothing of the answer |
//! | [`gateway`] | the API under test, on a port of its own |
//! | [`process`] | the gateway as a process of its own |
//! | [`cluster`] | the gateway over an in-memory Nomad |
//! | [`site`] | the gateway over any cluster, the in-memory ones or a real one |
//! | [`two_tenants`] | a cluster that is shared with somebody else |
//! | [`recording`] | the exchanges that were taken from the real programs |
//! | [`replay`] | a Nomad that says exactly what was recorded of one |
//! | [`stage`] | the gateway over a replayed Nomad, and what 2.x answered then |
//! | [`shape`] | what a set of recorded answers has in common, and whether another answer has it too |
//! | [`ordered`] | JSON whose keys keep the order they came in |
//! | [`sent`] | what comes back of a job that was sent |
//! | [`hostile`] | bodies that were built to hurt |
//! | [`proxy`] | a server of Nomad's that things happen to |
//! | [`faulty`] | the gateway over such servers, and every route asked once |
//! | [`crowd`] | many callers at once |
//! | [`contention`] | many clients who change the same few jobs |
//! | [`world`] | a dtle 2.x with databases, to move jobs from |

// A helper that finds nothing where something must be has to fail the test
// that uses it: the lints against panics spare only code marked as tests.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::fmt::Display;
use std::time::{Duration, Instant};

use serde_json::Value;

pub mod client;
pub mod cluster;
pub mod contention;
pub mod crowd;
pub mod faulty;
pub mod gateway;
pub mod hostile;
pub mod ordered;
pub mod process;
pub mod proxy;
pub mod recording;
pub mod replay;
pub mod sent;
pub mod shape;
pub mod site;
pub mod stage;
pub mod two_tenants;
pub mod world;

pub use client::{Answer, Client};
pub use cluster::Cluster;
pub use gateway::{Generation, gateway};
pub use ordered::Json;
pub use process::Process;
pub use proxy::Proxy;
pub use recording::{Recording, recording};
pub use replay::Replay;
pub use shape::Shape;
pub use site::Site;

/// The ID of nothing.
pub const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// How long a test waits for what has to happen: longer than any machine is slow, so
/// that only a test that would never end is ended by it.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Looks until there is what is looked for, and returns it. What was there instead
/// (`Err`) is shown when it never comes.
///
/// # Panics
/// After [`PATIENCE`].
pub async fn eventually<T, E, F>(what: &str, look: impl Fn() -> F) -> T
where
    E: Display,
    F: Future<Output = Result<T, E>>,
{
    let end = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(other) => assert!(Instant::now() < end, "it never is so that {what}: {other}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The IDs of a list's items, in its order.
///
/// # Panics
/// When it is no list of items with an ID.
#[must_use]
pub fn ids(list: &Value) -> Vec<String> {
    let items = list.as_array().unwrap().iter();
    items
        .map(|item| item["ID"].as_str().unwrap().to_owned())
        .collect()
}
