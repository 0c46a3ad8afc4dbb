//! Which generation of the plugin jobs are written for.

use dtle_nomad::ReadOptions;
use dtle_translate::Layout;
use dtle_translate::layout::Generation;

use crate::context::Context;
use crate::reply::Error;

/// The setting, else what the nodes say, else the newer one.
///
/// # Errors
/// 500 for a cluster that runs both generations.
pub async fn layout(context: &Context<'_>) -> Result<Layout, Error> {
    if let Some(layout) = context.app.settings.layout {
        return Ok(layout);
    }
    let region = context.nomad.region().await?;
    if let Some(layout) = context.app.memory.layout(region) {
        return Ok(layout);
    }
    let nodes = context.nomad.nodes(&ReadOptions::default()).await?;
    let layout = match Generation::of_nodes(&nodes.value) {
        Generation::One(layout) => layout,
        Generation::Unknown => Layout::newest(),
        Generation::Mixed => {
            return Err(Error::refused(
                "the nodes run two generations of the dtle plugin (before and after 4.22.11), which want jobs written differently: set DTLE_LAYOUT to split or merged",
            ));
        }
    };
    context.app.memory.remember_layout(region, layout);
    Ok(layout)
}
