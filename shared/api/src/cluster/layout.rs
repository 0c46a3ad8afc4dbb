//! The generation of the plugin that jobs are written for.

use std::time::Duration;

use dtle_nomad::{ReadOptions, Session};
use dtle_translate::Layout;
use dtle_translate::layout::Generation;

use super::memo::Memo;
use crate::expiring::Expiring;
use crate::observe::Fault;
use crate::reply::Error;

/// How long the generation that the nodes reported is used without asking again.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The plugin's generation in each region, as the nodes last reported it.
pub struct Layouts(Memo<Expiring<Layout>>);

impl Default for Layouts {
    fn default() -> Self {
        Self(Memo::new(16))
    }
}

/// The layout of the setting; without one, that of the nodes; else the newest.
///
/// # Errors
/// 500 for a cluster that runs both generations.
pub async fn layout(
    setting: Option<Layout>,
    Layouts(known): &Layouts,
    nomad: &Session<'_>,
) -> Result<Layout, Error> {
    if let Some(layout) = setting {
        return Ok(layout);
    }
    // Where the job will be written, which its body may have decided.
    let region = nomad.region().await?.unwrap_or_default().to_owned();
    if let Some(known) = known.get(&region)
        && let Some(layout) = known.get()
    {
        return Ok(*layout);
    }
    let nodes = nomad.nodes(&ReadOptions::default()).await?;
    let layout = match Generation::of_nodes(&nodes.value) {
        Generation::One(layout) => layout,
        Generation::Unknown => Layout::newest(),
        Generation::Mixed => {
            return Err(Error::refused(
                "the nodes run two generations of the dtle plugin (before and after 4.22.11), which want jobs written differently: set DTLE_LAYOUT to split or merged",
            )
            .by(Fault::Gateway));
        }
    };
    known.insert(region, Expiring::new(layout, REMEMBERED));
    Ok(layout)
}
