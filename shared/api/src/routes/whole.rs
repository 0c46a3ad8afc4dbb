//! What the lists of all allocations, evaluations and nodes have in common.

use dtle_nomad::{Read, ReadOptions};
use serde::Serialize;

use crate::cluster::lists::{Fresh, Tables};
use crate::context::Context;
use crate::reply::{Error, Reply, text};

/// A list that was read just now.
pub(super) struct Listed<T> {
    /// The list, sorted.
    pub(super) list: Read<Vec<T>>,
    /// The tables that it was read from, that of its index headers first; `None` if it
    /// is not to be kept.
    pub(super) tables: Option<Tables>,
}

/// The answer with the list of a route's function, of the objects whose ID begins with
/// `prefix`: the one that was sent last while it holds, else what `read` brings.
///
/// # Errors
/// As Nomad's.
pub(super) async fn whole<T: Serialize>(
    context: &Context<'_>,
    function: &'static str,
    prefix: &str,
    options: &ReadOptions,
    read: impl AsyncFnOnce() -> Result<Listed<T>, Error>,
) -> Result<Reply, Error> {
    if context.call.query.pretty() || !options.may_be_kept() {
        return Reply::read(context.call.style(), &read().await?.list);
    }
    let question = context.question(function, prefix).await?;
    let list = context
        .app
        .lists
        .answer(&context.nomad, question, async || {
            let Listed { list, tables } = read().await?;
            Ok(Fresh {
                text: text(&list.value)?,
                meta: list.meta,
                tables,
            })
        });
    Ok(Reply::kept(list.await?))
}
